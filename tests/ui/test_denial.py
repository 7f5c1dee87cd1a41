"""The page asks the server whether a phrase denies a finding wherever it might; deciding is the server's part alone."""

import json
import re
from pathlib import Path

import pytest

from lofi.report.statements import split_report
from lofi.settings import ASSETS

SCRIPT = (ASSETS / "viewer" / "reading.js").read_text("utf-8")
HINT = re.compile(re.search(r"const DENIAL = /(.+)/i;", SCRIPT)[1], re.IGNORECASE)


def unhinted(text: str) -> list[str]:
    """Sentences that the server reads as a denial and the page would not ask about."""
    return [said.sentence for said in split_report(text) if said.state == "absent" and not HINT.search(said.sentence)]


@pytest.mark.parametrize(
    "phrase",
    [
        *("No effusion", "without effusion", "free of effusion", "effusion has resolved", "resolution of effusion"),
        *("effusion ruled out", "lack of effusion", "devoid of mass", "fails to show a mass", "excludes a mass"),
        *("removal of the tube", "the tube has been removed", "effusion is unlikely", "mass is not seen"),
        *(
            "nil effusion",
            "mass is gone",
            "absent mass",
            "w/o mass",
            "mass rather than effusion",
            "tube withdrawn",
            "neg for mass",
        ),
        *("absence of mass", "mass has cleared", "neither mass nor effusion", "doesn't show a mass", "denies a mass"),
    ],
)
def test_a_denial_reaches_the_server(phrase: str) -> None:
    assert any(said.state == "absent" for said in split_report(phrase))
    assert not unhinted(phrase)


def test_what_asserts_a_finding_is_looked_for_at_once() -> None:
    assert not HINT.search("left pleural effusion")
    assert not HINT.search("notable nodule")


@pytest.mark.shared
def test_no_denial_of_real_reports_is_passed_over(shared: Path) -> None:
    lines = (shared / "text" / "openi_reports.jsonl").read_text("utf-8").splitlines()[:600]
    reports = [f"{report.get('findings') or ''}\n{report.get('impression') or ''}" for report in map(json.loads, lines)]
    assert sum(said.state == "absent" for report in reports for said in split_report(report)) > 500
    assert not [sentence for report in reports for sentence in unhinted(report)]
