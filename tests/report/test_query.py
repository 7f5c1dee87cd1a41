"""What a person writes becomes values or one sentence."""

import pytest

from lofi.errors import BadQuery
from lofi.report.query import checked_phrase, listed_phrases, parse_count, parse_phrases, parse_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cardiomegaly", ("cardiomegaly",)),
        (" a  b \n\nc\r\n", ("a b", "c")),
        ("a, b; c\nd", ("a", "b", "c", "d")),
        ("Mass, nodule, MASS.", ("Mass", "nodule")),
        ("Mass\nMASS.\nNodule", ("Mass", "Nodule")),
        ("a\x00b\u202ec", ("a b c",)),
        ("opacity, left", ("opacity, left",)),
        ("effusion, small, right, edema", ("effusion, small, right", "edema")),
        ("nodule of 1,5 cm", ("nodule of 1,5 cm",)),
        ("mass, and nodule", ("mass", "nodule")),
        ("No mass, large effusion, or hernia", ("No mass", "no large effusion", "no hernia")),
        ("No mass, there is an effusion", ("No mass", "there is an effusion")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_phrases(text: str, expected: tuple[str, ...]) -> None:
    assert parse_phrases(text) == expected


def test_phrases_that_are_apart_already_stay_so() -> None:
    assert listed_phrases(["nodule, calcified", "Mass", "MASS."]) == ("nodule, calcified", "Mass")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 301, "..", "\n".join(map(str, range(25)))])
def test_phrases_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_phrases(text)


def test_the_model_and_the_page_tidy_a_phrase_alike() -> None:
    assert checked_phrase(" Left\n effusion. ") == "Left effusion" == parse_phrases(" Left effusion. ")[0]
    with pytest.raises(BadQuery, match="300 characters, this one has 301"):
        checked_phrase("x" * 301)


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
