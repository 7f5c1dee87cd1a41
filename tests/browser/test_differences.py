"""What differs between two films, in one line for each phrase, and what such lines are worth."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import serve

pytestmark = pytest.mark.browser

_SAID = """async ([one, other]) => {
    const { caveats, differences } = await import("/viewer/difference.js");
    const reading = ({ name, same, film, findings, said }) => ({
        name, same: same ?? null,
        verdicts: new Map((said ?? []).map((one) => [`${one.kind} ${one.phrase} ${one.number}`, one])),
        film: { view: "PA", flags: [], size: { height: 100, width: 100 }, spacing_mm: null, spacing_at: "", ...film },
        findings: findings.map((one) => ({
            state: "known", within: null, confidence: 0.9, scores: one.boxes.map(() => 1), ...one,
        })),
    });
    const both = [reading(one), reading(other)];
    return [differences(...both).map(({ text }) => text), caveats(...both)];
}"""
SMALL, LARGE = [0.1, 0.1, 0.3, 0.3], [0.1, 0.1, 0.5, 0.3]


def finding(answer: str, *boxes: list[float], **more: Any) -> dict[str, Any]:
    return {"phrase": "effusion", "answer": answer, "boxes": boxes, **more}


@pytest.fixture(scope="module")
def compared(browser: Browser) -> Any:
    page = browser.new_page()
    serve(page, {})

    def said(one: dict[str, Any], other: dict[str, Any]) -> tuple[list[str], list[str]]:
        found = page.evaluate(_SAID, [{"name": "Film 1", **one}, {"name": "Film 2", **other}])
        return found[0], found[1]

    yield said
    page.close()


NOW, THEN = {"patient": "p", "day": 5}, {"patient": "p", "day": 2**20 - 29}
LINES = {
    "neither": (finding("not found"), finding("not found"), "unlikely on both"),
    "one": (finding("found", SMALL), finding("not found"), "likely on Film 1, unlikely on Film 2"),
    "larger": (finding("found", LARGE), finding("found", SMALL), "likely on both, box larger by 100 % on Film 1"),
    "overlapping boxes count once": (
        finding("found", SMALL, SMALL), finding("found", SMALL), "likely on both, boxes together about as large",
    ),
    "inside a box": (
        finding("found", SMALL, within=LARGE), finding("found", SMALL), "asked inside a box, which is not compared",
    ),
    "a guess has no size": (
        finding("never learnt", LARGE, guess=True), finding("never learnt", SMALL), "never learnt on both",
    ),
    "on its way": (finding("found", LARGE), finding("", state="looking"), "still being looked for"),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES.values(), ids=LINES.keys())
def test_a_difference_is_one_line(compared: Any, case: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    one, other, words = case
    assert compared({"findings": [one]}, {"findings": [other]})[0] == [f"effusion: {words}"]


def test_of_one_patient_the_newer_film_is_told_against_the_older(compared: Any) -> None:
    new, old = (
        {"findings": [finding("found", SMALL)], "same": NOW},
        {"findings": [finding("found", LARGE)], "same": THEN},
    )
    expected = ["effusion: likely on both, box smaller by 50 %"]
    assert compared(new, old)[0] == expected
    assert compared({**old, "name": "Film 1"}, {**new, "name": "Film 2"})[0] == expected
    old["findings"] = [finding("not found")]
    assert compared(new, old)[0] == ["effusion: likely now, unlikely before"]


def test_sizes_are_millimetres_where_both_films_know_them(compared: Any) -> None:
    wide = {"film": {"spacing_mm": [2, 2], "spacing_at": "detector"}, "findings": [finding("found", SMALL)]}
    fine = {"film": {"spacing_mm": [1, 1], "spacing_at": "detector"}, "findings": [finding("found", SMALL)]}
    lines, caveats = compared(wide, fine)
    assert lines == ["effusion: likely on both, box larger by 300 % on Film 1"]
    assert any("in mm at the detector" in one for one in caveats)
    fine["film"] = {"spacing_mm": None}
    lines, caveats = compared(wide, fine)
    assert lines == ["effusion: likely on both, box about as large"]
    assert any("shares of each film" in one for one in caveats)


def test_a_reader_is_heard_before_the_model(compared: Any) -> None:
    rejected = {"kind": "box", "phrase": "effusion", "number": 0, "decision": "rejected"}
    one = {"findings": [finding("found", SMALL)], "said": [rejected]}
    lines, _ = compared(one, {"findings": [finding("found", SMALL)]})
    assert lines == ["effusion: absent by your review on Film 1, likely on Film 2"]


def test_what_keeps_two_films_from_being_compared_is_told(compared: Any) -> None:
    asked = {"findings": [finding("found", SMALL)]}
    _, caveats = compared({**asked, "film": {"view": "AP"}, "same": NOW}, {**asked, "same": {"patient": "q", "day": 1}})
    assert caveats[0] == "By their files these are two patients."
    assert "Film 1 is AP, Film 2 PA" in caveats[1]
    lines, caveats = compared({**asked, "film": {"view": "LATERAL"}}, asked)
    assert lines == ["effusion: likely on both"]
    assert any("their boxes do not compare" in one for one in caveats)
    _, caveats = compared({**asked, "film": {"view": "", "flags": ["Turned."]}}, asked)
    assert any("The view of Film 1 is not known" in one for one in caveats)
    assert any(one.startswith("Flagged: Film 1") for one in caveats)
