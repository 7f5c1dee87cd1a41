"""What a person writes becomes values or one sentence."""

import numpy as np
import pytest

from lofi.errors import BadQuery
from lofi.query import parse_boxes, parse_count, parse_phrases, parse_text


@pytest.mark.parametrize(
    ("text", "separators", "expected"),
    [
        ("cardiomegaly", "\n", ("cardiomegaly",)),
        (" a  b \n\nc\r\n", "\n", ("a b", "c")),
        ("opacity, left", "\n", ("opacity, left",)),
        ("a, b; c\nd", "\n,;", ("a", "b", "c", "d")),
        ("Mass\nmass\nNodule", "\n", ("Mass", "Nodule")),
        ("a\x00b\u202ec", "\n", ("a b c",)),
    ],
    ids=["one", "lines", "comma stays", "separators", "each once", "control characters"],
)
def test_phrases(text: str, separators: str, expected: tuple[str, ...]) -> None:
    assert parse_phrases(text, separators) == expected


@pytest.mark.parametrize("text", ["", " \n ", "x" * 201, "\n".join(map(str, range(25)))])
def test_phrases_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_phrases(text)


@pytest.mark.parametrize("text", ["[[0.1,0.2,0.5,0.6]]", "[0.1,0.2,0.5,0.6]"], ids=["list", "one box"])
def test_boxes(text: str) -> None:
    np.testing.assert_array_equal(parse_boxes(text), [[0.1, 0.2, 0.5, 0.6]])


def test_a_box_is_cut_to_the_film() -> None:
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
def test_boxes_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_boxes(text)


@pytest.mark.parametrize(("value", "expected"), [(None, 8), ("", 8), (3, 3), (3.0, 3), ("12", 12), (200, 200)])
def test_count(value: object, expected: int) -> None:
    assert parse_count(value) == expected


@pytest.mark.parametrize("value", [0, -1, 201, 2.5, "many", float("nan"), float("inf"), True, [3]], ids=str)
def test_counts_that_cannot_be_used(value: object) -> None:
    with pytest.raises(BadQuery, match="k must be"):
        parse_count(value)


def test_text() -> None:
    assert parse_text(" left\n effusion ") == "left effusion"
    with pytest.raises(BadQuery):
        parse_text("  ")
