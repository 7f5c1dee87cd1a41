"""Prints of films: the same film in another form, other films, and films that have none."""

import cv2
import numpy as np
import pytest

from lofi.film.likeness import BITS, SAME, differing, distances, print_of
from tests.doubles import noise_film

FILM = cv2.resize(np.random.default_rng(1).random((12, 9), dtype=np.float32), (360, 480))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(cv2.resize(FILM, (180, 240), interpolation=cv2.INTER_AREA), id="smaller"),
        pytest.param(cv2.resize(FILM, (512, 512)), id="squashed"),
        pytest.param(np.round(FILM * 255).astype(np.float32) / 255, id="8 bits"),
        pytest.param(FILM * 0.6 + 0.2, id="another window"),
    ],
)
def test_the_same_film(changed: np.ndarray) -> None:
    assert differing(print_of(FILM), print_of(changed)) <= SAME // 2


def test_other_films_and_the_film_turned_round() -> None:
    own = print_of(FILM)
    assert differing(own, print_of(FILM[:, ::-1].copy())) > 2 * SAME
    assert differing(own, print_of(1 - FILM)) > 2 * SAME
    assert all(differing(own, print_of(noise_film(seed).pixels)) > 2 * SAME for seed in range(20))


def test_without_contrast_there_is_no_print() -> None:
    assert print_of(np.full((64, 64), 0.5, np.float32)) == ""
    assert differing("", "") == differing(print_of(FILM), "") == differing("", print_of(FILM)) == BITS


def test_distances_counted_by_hand() -> None:
    prints = np.frombuffer(bytes(32) + b"\x01" + bytes(31) + b"\xff" * 32, np.uint64).reshape(3, 4)
    assert distances(prints, (b"\x03" + bytes(31)).hex()).tolist() == [BITS, 1, 254]  # zeros: not known
