"""Lines to search with: what cannot be searched for is said."""

import pytest

from lofi.errors import BadQuery
from lofi.report.wanted import wanted


def hears(word: str) -> bool:
    return word in {"catheters", "overlying"}


def test_a_plain_line() -> None:
    assert wanted("L pleural effusion", hears).text == "left pleural effusion"
    assert wanted("The heart is normal in size.", hears).notes == ()


def test_unknown_words_are_named() -> None:
    (note,) = wanted("effusion beside a zeppelin", hears).notes
    assert "zeppelin" in note
    assert "effusion" not in note
    with pytest.raises(BadQuery, match="no word"):
        wanted("zeppelin", hears)
    with pytest.raises(BadQuery, match="no word"):
        wanted("123", hears)


def test_what_is_denied_cannot_be_searched_for() -> None:
    with pytest.raises(BadQuery, match="not there"):
        wanted("no pleural effusion", hears)
    found = wanted("cardiomegaly without effusion", hears)
    assert found.text == "cardiomegaly"
    assert "cannot be searched" in found.notes[0]
