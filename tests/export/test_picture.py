"""The overlay picture: where boxes lie, in which colour, on film that keeps its proportions."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lofi.export import NOTE, Case, write
from lofi.export.picture import LONGEST, SHORTEST, printable
from lofi.film.view import COLOURS
from tests.export import cases

BLUE, ORANGE = COLOURS[:2]


def drawn(case: Case) -> NDArray[np.int16]:
    """(H, W, 3) RGB of the picture."""
    return np.asarray(Image.open(io.BytesIO(write(case, "png").data)).convert("RGB"), dtype=np.int16)


def inked(picture: NDArray[np.int16], colour: str, columns: int) -> NDArray[np.int64]:
    """(N, 2) x and y of the pixels of a colour in the film's part of the picture."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    ys, xs = np.nonzero((np.abs(picture[:, :columns] - wanted) < 24).all(axis=2))
    return np.stack([xs, ys], axis=1)


def test_boxes_lie_where_they_should() -> None:
    # 300 × 200 is drawn at 1000 × 667; the box reaches from (0.5, 0.6) to (0.9, 0.8) of it.
    one = replace(cases.found(), boxes=cases.found().boxes[:1], scores=(0.75,))
    points = inked(drawn(cases.case(groundings=(one,))), BLUE, 667)
    edges = [*points.min(axis=0), *points.max(axis=0)]
    assert edges == pytest.approx([0.5 * 667, 600, 0.9 * 667, 800], abs=2.5)


def test_each_phrase_has_its_own_colour_and_dash() -> None:
    solid = inked(drawn(cases.case(groundings=(cases.found("a"),))), BLUE, 667)
    dashed = inked(drawn(cases.case(groundings=(cases.absent(), cases.found("b")))), ORANGE, 667)
    assert not len(inked(drawn(cases.case(groundings=(cases.absent(), cases.found("b")))), BLUE, 667))
    # "9 5": nine of fourteen parts of the line are inked.
    assert len(dashed) / len(solid) == pytest.approx(9 / 14, abs=0.08)


@pytest.mark.parametrize(
    ("size_hw", "shown"),
    [((300, 200), (1000, 667)), ((200, 300), (667, 1000)), ((3000, 2500), (2000, 1667)), ((32, 400), (80, 1000))],
    ids=["tall", "wide", "large", "strip"],
)
def test_film_keeps_its_proportions(size_hw: tuple[int, int], shown: tuple[int, int]) -> None:
    film = cases.film(size_hw)
    picture = drawn(cases.case(film=film, groundings=()))
    assert max(shown) in (SHORTEST, LONGEST)
    grey = picture[: shown[0], : shown[1], 0]
    expected = 255 * cv2.resize(film.pixels, shown[::-1], interpolation=cv2.INTER_AREA)
    # Side letters aside, the film is there pixel for pixel: neither turned nor mirrored nor stretched.
    below = shown[0] // 8
    assert np.percentile(np.abs(grey - expected)[below:], 95) < 4
    assert (picture[: shown[0], shown[1] + 2] < 40).all()


def test_rejected_boxes_are_not_drawn_and_moved_ones_are() -> None:
    points = inked(drawn(cases.reviewed()), BLUE, 667)
    assert points[points[:, 0] < 300].max(axis=0) == pytest.approx([0.25 * 667, 250], abs=3)
    assert points[points[:, 0] > 300].min(axis=0) == pytest.approx([0.7 * 667, 100], abs=3)


def test_lateral_film_bears_no_side_letters() -> None:
    frontal, lateral = (
        drawn(cases.case(film=cases.film(view=view), groundings=()))[:80, :667] for view in ("PA", "LATERAL")
    )
    changed = np.nonzero(np.abs(frontal - lateral).max(axis=2) > 40)[1]
    assert changed.min() < 50
    assert changed.max() > 617


def test_legend_names_the_source() -> None:
    image = Image.open(io.BytesIO(write(cases.case(), "png").data))
    assert cases.FINGERPRINT in image.info["Description"]
    assert cases.GALLERY.sha256 in image.info["Description"]
    assert image.info["Creation Time"] == "2026-03-04T05:06:07Z"
    assert image.info["Disclaimer"] == NOTE


@pytest.mark.parametrize("phrase", cases.HOSTILE.values(), ids=cases.HOSTILE.keys())
def test_hostile_text_is_drawn_without_a_warning(phrase: str) -> None:
    assert drawn(cases.case(groundings=(cases.found(phrase),))).shape[0] == 1000


def test_many_phrases_make_the_picture_taller_not_narrower() -> None:
    many = drawn(cases.case(groundings=tuple(cases.found(f"phrase {number}") for number in range(60))))
    assert many.shape[0] > 1000
    assert many.shape[1] == drawn(cases.case()).shape[1]


def test_characters_without_a_glyph_become_boxes() -> None:
    assert printable("é胸") == "é□"
