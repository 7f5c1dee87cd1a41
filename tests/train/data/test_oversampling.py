from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from train.data.oversampling import positives, swap_normals
from train.data.records import BoxRecord, FilmRecord
from train.feeding.sampling import Epochs
from train.pretraining.recipe import checked
from train.recipes import find_recipe

SWAP = find_recipe("paper").swap_normal
POSITIVE = np.array([True, False, False, False, False])


def test_abnormal_films_stay_and_the_input_too() -> None:
    drawn = np.array([0, 0, 1, 0])
    swapped = swap_normals(drawn, POSITIVE, np.random.default_rng(0), swap=1.0)
    assert swapped[[0, 1, 3]].tolist() == [0, 0, 0]
    assert drawn.tolist() == [0, 0, 1, 0]


def test_nothing_is_swapped_at_chance_zero() -> None:
    drawn = np.arange(5)
    assert swap_normals(drawn, POSITIVE, np.random.default_rng(0), swap=0.0).tolist() == drawn.tolist()


@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
def test_share_of_abnormal_films_is_the_formula(share: float) -> None:
    rng = np.random.default_rng(7)
    positive = np.arange(1_000) < share * 1_000
    drawn = rng.integers(1_000, size=200_000)
    found = positive[swap_normals(drawn, positive, rng, SWAP)].mean()
    assert found == pytest.approx(share + (1 - share) * SWAP * share, abs=0.005)


def test_replacements_come_from_all_films_evenly() -> None:
    swapped = swap_normals(np.full(50_000, 4), POSITIVE, np.random.default_rng(1), swap=1.0)
    assert np.bincount(swapped, minlength=5) / 50_000 == pytest.approx([0.2] * 5, abs=0.01)


def test_seven_of_ten_normal_films_are_swapped() -> None:
    positive = np.zeros(100_000, dtype=bool)
    drawn = np.arange(100_000)
    assert (swap_normals(drawn, positive, np.random.default_rng(2), 0.7) != drawn).mean() == pytest.approx(
        0.7, abs=0.01
    )


def test_a_step_can_be_redone_whatever_was_drawn() -> None:
    first, second = np.random.default_rng((1, 5)), np.random.default_rng((1, 5))
    swap_normals(np.zeros(4, np.int64), POSITIVE, first, 0.5)
    swap_normals(np.full(4, 3), POSITIVE, second, 0.5)
    assert first.random() == second.random()


def test_empty_batch_and_bad_arguments() -> None:
    rng = np.random.default_rng(0)
    assert swap_normals(np.zeros(0, np.int64), POSITIVE, rng, 0.7).shape == (0,)
    with pytest.raises(ValueError, match="chance"):
        swap_normals(np.zeros(1, np.int64), POSITIVE, rng, swap=1.1)
    with pytest.raises(ValueError, match="no films"):
        swap_normals(np.zeros(0, np.int64), np.zeros(0, dtype=bool), rng, 0.7)


def test_positive_is_a_finding_named_or_boxed() -> None:
    corners = (0.0, 0.0, 0.5, 0.5)
    films = [
        FilmRecord(Path(), "p", "s", "train"),
        FilmRecord(Path(), "p", "s", "train", findings=("No Finding",)),
        FilmRecord(Path(), "p", "s", "train", findings=("Mass",)),
        FilmRecord(Path(), "p", "s", "train", boxes=(BoxRecord("mass", "Mass", "finding", "", corners),)),
        FilmRecord(Path(), "p", "s", "train", boxes=(BoxRecord("left lung", "", "anatomy", "", corners),)),
    ]
    assert positives(films).tolist() == [False, False, True, True, False]
    assert positives([]).shape == (0,)


def film(number: int, *findings: str) -> FilmRecord:
    return FilmRecord(Path(f"{number}.png"), f"p{number}", "s", "train", findings=findings)


@pytest.mark.parametrize(("swap", "abnormal"), [(0.0, 0.2), (SWAP, 0.2 + 0.8 * 0.7 * 0.2)], ids=["off", "paper"])
def test_the_recipe_s_number_rules_the_batches(swap: float, abnormal: float) -> None:
    films = [film(number, "Mass" if number % 5 == 0 else "No Finding") for number in range(500)]
    epochs = Epochs(films, 50, 0, swap)
    drawn = np.concatenate([epochs.draw(step)[0] for step in range(100)])
    assert (drawn % 5 == 0).mean() == pytest.approx(abnormal, abs=0.02)
    assert (np.bincount(drawn, minlength=500) == 10).all() == (swap == 0), "each film once an epoch, ten epochs"


def test_numbers_that_cannot_both_be_meant() -> None:
    with pytest.raises(ValueError, match="leave no film to swap"):
        checked(replace(find_recipe("mini"), swap_normal=0.7))
    assert find_recipe("mini").swap_normal == 0
