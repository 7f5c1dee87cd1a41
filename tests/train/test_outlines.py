"""Where findings are drawn: as readers boxed them, in either lung."""

import numpy as np
import pytest

from train.densely.answers import Film, Region
from train.densely.outlines import FEWEST, LOW, UNIT, Outlines, made_up, mirrored, stretched

LUNGS = {"right": (0.1, 0.1, 0.4, 0.9), "left": (0.6, 0.2, 0.9, 0.8)}


def film(concept: str, *boxes: tuple[str, tuple[float, float, float, float]], made: bool = False) -> Film:
    regions = {
        "lung": tuple(Region(box, side) for side, box in LUNGS.items()),
        concept: tuple(Region(box, side, made) for side, box in boxes),
    }
    return Film("a", "p", "nih", (100, 100), regions, frozenset(), frozenset(), frozenset(), frozenset(), False)


def test_a_box_moves_as_its_lung_does() -> None:
    box = (0.2, 0.3, 0.3, 0.5)
    assert stretched(box, LUNGS["right"], UNIT) == pytest.approx((1 / 3, 0.25, 2 / 3, 0.5))
    assert stretched(stretched(box, LUNGS["right"], UNIT), UNIT, LUNGS["right"]) == pytest.approx(box)
    assert stretched((0.2, 0.2, 0.3, 0.4), (0.1, 0.1, 0.5, 0.5), (0.1, 0.1, 0.3, 0.9)) == pytest.approx(
        (0.15, 0.3, 0.2, 0.7)
    )
    assert mirrored(box) == pytest.approx((0.7, 0.3, 0.8, 0.5))


def test_as_a_reader_drew_it_in_either_lung() -> None:
    # In the right lung's outer lower quarter: at its left on the film, and at the right of the other lung.
    outlines = Outlines([film("mass", ("right", (0.1, 0.7, 0.25, 0.9)))] * FEWEST)
    rng = np.random.default_rng(0)
    for side, outer in (("right", (0.0, 0.75, 0.5, 1.0)), ("left", (0.5, 0.75, 1.0, 1.0))):
        drawn = [outlines.one("mass", side, LUNGS[side], rng) for _ in range(300)]
        found = np.array([stretched(box, LUNGS[side], UNIT) for box in drawn if box is not None])
        assert len(found) == 300
        assert np.median(found, axis=0) == pytest.approx(outer, abs=0.03)
        assert (found.std(axis=0) > 0.02).all(), "never twice the same"


def test_too_few_tell_nothing_and_what_a_machine_made_is_not_counted() -> None:
    box = ("right", (0.1, 0.7, 0.25, 0.9))
    rng = np.random.default_rng(0)
    assert Outlines([film("mass", box)] * (FEWEST - 1)).one("mass", "left", LUNGS["left"], rng) is None
    assert Outlines([film("mass", box, made=True)] * FEWEST).one("mass", "left", LUNGS["left"], rng) is None


def test_fluid_that_does_not_reach_down_is_not_drawn() -> None:
    low, high = ("right", (0.1, 0.7, 0.4, 0.9)), ("right", (0.1, 0.2, 0.4, 0.4))
    outlines = Outlines([film("effusion", low, high)] * FEWEST)
    assert len(outlines.kept["effusion"]) == FEWEST
    assert all(box[3] >= LOW["effusion"] for box in outlines.kept["effusion"])


@pytest.mark.parametrize(("concept", "centimetres"), [("nodule", (1.0, 3.0)), ("mass", (3.2, 6.4))])
def test_made_up_ones_lie_in_the_lung_and_are_as_large_as_their_name(
    concept: str, centimetres: tuple[float, float]
) -> None:
    rng, lung = np.random.default_rng(0), LUNGS["right"]
    for _ in range(100):
        x0, y0, x1, y1 = made_up(concept, lung, rng)
        assert lung[0] <= x0 < x1 <= lung[2]
        assert lung[1] <= y0 < y1 <= lung[3]
        assert centimetres[0] <= (x1 - x0) / (lung[2] - lung[0]) * 12 <= centimetres[1]
