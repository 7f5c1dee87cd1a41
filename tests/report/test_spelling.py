"""Misspelt words: near to one word of the lexicon, and to no other word of reports."""

import pytest

from lofi.report.lexicon import SPELLER
from lofi.report.spelling import Speller, distance


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [
        ("mass", "mass", 0),
        ("mass", "mas", 1),
        ("mass", "amss", 1),
        ("edema", "enema", 1),
        ("mass", "node", 3),
        ("ab", "ba", 1),
    ],
)
def test_edits_by_hand(first: str, second: str, edits: int) -> None:
    assert distance(first, second, 2) == edits
    assert distance(second, first, 2) == edits


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("pnuemonia", "pneumonia"), ("efusion", "effusion"), ("cardiomegally", "cardiomegaly")),
        *(("atelectesis", "atelectasis"), ("pnemothorax", "pneumothorax"), ("consoldation", "consolidation")),
        *(("edemaa", "edema"), ("nodul", "nodule"), ("neumothorax", "pneumothorax")),
    ],
)
def test_misspelt(word: str, meant: str) -> None:
    assert SPELLER.meant(word) == meant


@pytest.mark.parametrize(
    "word",
    [
        *("effusion", "infusion", "perfusion", "moderate", "findings", "evidence", "negative", "hemithorax", "enema"),
        *("regional", "diffusion", "portable", "excluded", "suspicion", "nodular", "mas", "лёгкое", "lession1"),
    ],
)
def test_not_misspelt(word: str) -> None:
    assert SPELLER.meant(word) is None


def test_an_ambiguous_word_is_left_alone() -> None:
    assert Speller(["lesion", "legion"]).meant("leion") is None
    assert Speller(["lesion"], ["leion"]).meant("leion") is None
