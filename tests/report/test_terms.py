"""The words by which reports are found."""

import pytest

from lofi.report.terms import NORMAL, query_terms, report_terms

EFFUSION = "Moderate left pleural effusion. No pneumothorax. The heart is normal in size."


def test_stated_and_denied_are_different_words() -> None:
    terms = report_terms(EFFUSION)
    assert {"effusion", "left effusion", "no pneumothorax"} <= set(terms)
    assert not {"pneumothorax", NORMAL} & set(terms)


@pytest.mark.parametrize(
    ("report", "labels", "normal"),
    [
        ("The lungs are clear. No effusion.", (), True),
        ("The lungs are clear.", ("No Finding",), True),
        ("The lungs are clear.", ("Mass",), False),
        (EFFUSION, (), False),
        ("", (), False),
        ("", ("No_Finding",), True),
    ],
)
def test_a_normal_report_says_so(report: str, labels: tuple[str, ...], normal: bool) -> None:
    assert (NORMAL in report_terms(report, labels)) is normal


@pytest.mark.parametrize(
    ("query", "among"),
    [
        ("pneumothorax", {"pneumothorax"}),
        ("no pneumothorax", {"no pneumothorax"}),
        ("normal chest", {NORMAL}),
        ("clear lungs", {NORMAL}),
        ("right effusion", {"effusion", "right effusion"}),
        ("left", {"left"}),
        ("large right effusion", {"right effusion", "large effusion"}),
        ("no acute cardiopulmonary disease", {NORMAL}),
        ("no pleural disease", {"no disease"}),
        ("air in the pleural space", {"pneumothorax"}),
        ("enlarged heart", {"heart", "enlarge"}),
    ],
)
def test_questions(query: str, among: set[str]) -> None:
    assert among <= set(query_terms(query))


def test_nothing_to_look_for() -> None:
    assert query_terms("") == query_terms("…") == []
