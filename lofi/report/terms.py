"""The words by which a report is found: those of what it states, apart from those of what it denies."""

import re
from collections.abc import Iterable, Iterator

from lofi.report.assertion import State, parts
from lofi.report.lexicon import names_finding
from lofi.report.statements import sentences
from lofi.report.wording import concepts

NORMAL = "=normal"
"""Stands in a report that states no finding, and in a question for such a one."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_SIDES, _HEIGHTS = ("left", "right"), ("upper", "lower", "middle")
_DEGREES = (
    "trace", "minor", "small", "mild", "moderate", "large", "severe", "massive", "apical", "basal", "spiculated",
)  # fmt: skip
_PLACES = frozenset({*_SIDES, *_HEIGHTS, "mid", "zone", "lobe", "lung", "lungs", *_DEGREES})
_NORMAL_LABELS = frozenset({"no finding", "normal"})
_ASKED_NORMAL = re.compile(
    r"\b(?:normal|healthy|unremarkable|clear|no (?:(?:evidence|of|acute|active|significant|relevant|cardiopulmonary|"
    r"cardiac|pulmonary|thoracic) )*(?:finding|abnormalit|disease|process)\w*)\b",
    re.I,
)
_FILLING = frozenset(
    {"the", "and", "with", "are", "has", "have", "was", "were", "there", "this", "that", "from", "for"}
)


def report_terms(report: str, labels: Iterable[str] = ()) -> list[str]:
    """The terms of a study: of its report, part by part, and of its labels."""
    found: list[str] = []
    stated = False
    for state, part in _parts(report):
        found += _terms(state, part)
        stated = stated or (state in ("present", "uncertain") and names_finding(part))
    named = [label for label in labels if label.casefold().replace("_", " ") not in _NORMAL_LABELS]
    for label in named:
        found += _terms("present", label.replace("_", " "))
    is_normal = not named if tuple(labels) else bool(found) and not stated
    return [*found, *([NORMAL] * 3 if is_normal else [])]


def query_terms(text: str) -> list[str]:
    """The terms of what somebody looks for: "no effusion" looks for reports that deny one."""
    said = [(state, part) for state, part in parts(text)] or [("present", text)]
    stated = any(state in ("present", "uncertain") and names_finding(part) for state, part in said)
    if _ASKED_NORMAL.search(text) and not stated:
        return [NORMAL]
    found = [term for state, part in said for term in _terms(state, part)]
    # "Left" alone is in every other report: it counts with what lies there.
    return [term for term in found if term not in _PLACES] or found


def _parts(report: str) -> Iterator[tuple[State, str]]:
    for sentence in sentences(report):
        yield from parts(sentence.text)


def _terms(state: State, part: str) -> list[str]:
    """The words of a part, those of one meaning as one; each also with its place, where the part names one."""
    if state == "none":
        return []
    meant = concepts(part)
    words = {word for word in _WORD.findall(part.casefold()) if word not in _FILLING}
    if state == "absent":
        return [f"no {word}" for word in sorted(meant)]
    if state == "normal":
        return [f"normal {word}" for word in sorted(meant)]
    sides = [side for side in _SIDES if side in meant]
    places = sides[:1] if len(sides) == 1 else []
    places += [height for height in _HEIGHTS if height in meant]
    places += [degree for degree in _DEGREES if degree in words]
    return [*sorted(meant | words), *(f"{place} {word}" for place in places for word in sorted(meant - _PLACES))]
