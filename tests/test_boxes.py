"""Boxes: conversions and overlaps small enough to check by hand."""

import numpy as np
import pytest

from lofi import boxes
from lofi.boxes import parse_boxes
from lofi.errors import BadQuery

UNIT = (0.0, 0.0, 1.0, 1.0)
LEFT_HALF = (0.0, 0.0, 0.5, 1.0)
TOP_HALF = (0.0, 0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("values", "shape"), [([], (0, 4)), (UNIT, (1, 4)), ([UNIT, LEFT_HALF], (2, 4))], ids=["empty", "one", "two"]
)
def test_as_boxes_shapes(values: object, shape: tuple[int, int]) -> None:
    assert boxes.as_boxes(values).shape == shape


@pytest.mark.parametrize(
    "values",
    [[[0, 0, 1]], [[0.5, 0, 0.2, 1]], [[0, 0, 0, 1]], [[0, 0, float("nan"), 1]], "box", [["a", 0, 1, 1]], [[[1]]]],
    ids=["three numbers", "inverted", "empty box", "nan", "word", "letter", "nested"],
)
def test_as_boxes_refuses(values: object) -> None:
    with pytest.raises(BadQuery, match=r"[Bb]ox"):
        boxes.as_boxes(values)


@pytest.mark.parametrize(
    ("first", "second", "iou"),
    [(UNIT, UNIT, 1.0), (UNIT, LEFT_HALF, 0.5), (LEFT_HALF, TOP_HALF, 1 / 3), (LEFT_HALF, (0.5, 0, 1, 1), 0.0)],
    ids=["same", "half", "crossing", "touching"],
)
def test_pairwise_iou(first: tuple[float, ...], second: tuple[float, ...], iou: float) -> None:
    assert boxes.pairwise_iou(np.array([first]), np.array([second]))[0, 0] == pytest.approx(iou)


def test_union_counts_overlap_once() -> None:
    assert boxes.union_area(np.array([LEFT_HALF, TOP_HALF])) == pytest.approx(0.75)
    assert boxes.set_iou(np.array([LEFT_HALF, TOP_HALF]), np.array([UNIT])) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("first", "second", "iou"),
    [(np.zeros((0, 4)), np.zeros((0, 4)), 1.0), (np.zeros((0, 4)), np.array([UNIT]), 0.0)],
    ids=["both empty", "one empty"],
)
def test_set_iou_of_nothing(first: boxes.Boxes, second: boxes.Boxes, iou: float) -> None:
    assert boxes.set_iou(first, second) == iou


def test_clip_drops_what_vanishes() -> None:
    found = boxes.clip(np.array([[-0.5, 0.2, 0.5, 1.5], [1.1, 0, 1.2, 1]]))
    assert found.tolist() == [[0.0, 0.2, 0.5, 1.0]]


def test_nms_keeps_the_best_of_a_pile() -> None:
    pile = np.array([[0, 0, 0.5, 0.5], [0.01, 0, 0.5, 0.5], [0.6, 0.6, 1, 1]])
    assert boxes.nms(pile, np.array([0.5, 0.9, 0.1])).tolist() == [1, 2]


def test_fuse_joins_chains_and_leaves_the_rest() -> None:
    chain = np.array([[0, 0, 0.3, 0.3], [0.2, 0, 0.5, 0.3], [0.8, 0.8, 1, 1]])
    assert boxes.fuse(chain).tolist() == [[0, 0, 0.5, 0.3], [0.8, 0.8, 1, 1]]


def test_quantise_and_back() -> None:
    edges = np.array([[0.0, 0.249, 0.5, 1.0]])
    assert boxes.quantise(edges, 4).tolist() == [[0, 0, 2, 3]]
    assert boxes.dequantise([[0, 0, 2, 3]], 4).tolist() == [[0.125, 0.125, 0.625, 0.875]]
    rng = np.random.default_rng(0)
    values = rng.random((50, 4))
    assert np.abs(boxes.dequantise(boxes.quantise(values, 128), 128) - values).max() <= 0.5 / 128


@pytest.mark.parametrize("text", ["[[0.1,0.2,0.5,0.6]]", "[0.1,0.2,0.5,0.6]"], ids=["list", "one box"])
def test_typed_boxes(text: str) -> None:
    np.testing.assert_array_equal(parse_boxes(text), [[0.1, 0.2, 0.5, 0.6]])


def test_a_typed_box_is_cut_to_the_film() -> None:
    np.testing.assert_array_equal(parse_boxes("[[-1, 0.2, 0.5, 7]]"), [[0, 0.2, 0.5, 1]])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "null",
        "{}",
        '"a"',
        "[[1,2,3]]",
        "[[0.5,0.5,0.1,0.9]]",
        "[[2,2,3,3]]",
        "[[0,0,NaN,1]]",
        "[[0,0,1e999,1]]",
        "[[0,0,1" + "0" * 400 + ",1]]",
        "[" * 100_000,
        str([[0, 0, 1, 1]] * 33),
    ],
    ids=lambda text: text[:18] or "empty",
)
def test_typed_boxes_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_boxes(text)
