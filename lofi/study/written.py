"""Verdicts as text: CSV for a spreadsheet, JSON for a program. Both say what they are and that they are research."""

import json
from collections.abc import Mapping, Sequence

from lofi.files.sheet import Cell, to_csv
from lofi.study.timing import Read, case_of
from lofi.study.verdict import Decision, Verdict

RESEARCH = "Research use only. Not for diagnosis."
_SIDES = ("x0", "y0", "x1", "y1")
COLUMNS = (
    *("study", "reader", "user", "film", "kind", "phrase", "number", "hit", "decision", "score"),
    *(f"model_{side}" for side in _SIDES),
    *_SIDES,
    *("certainty", "seconds", "training", "comment", "fingerprint", "time", "note"),
)


def as_csv(verdicts: Sequence[Verdict], seconds: Mapping[Read, float], training: frozenset[str]) -> str:
    """One line a verdict. x0 … y1 is the box that stands (0–1 of the film), model_x0 … the model's; empty: none.

    A case that is done has the ``seconds`` it took; "yes" under training marks the films for practice.
    """
    return to_csv(COLUMNS, (_row(verdict, seconds, training) for verdict in verdicts))


def _row(verdict: Verdict, seconds: Mapping[Read, float], training: frozenset[str]) -> list[Cell]:
    values = {**verdict.to_json(), "number": verdict.number if verdict.kind == "box" else ""}
    values["certainty"] = verdict.number if verdict.kind == "certainty" else ""
    values["seconds"] = seconds.get(case_of(verdict), "") if verdict.decision is Decision.DONE else ""
    values["training"] = "yes" if verdict.film in training else ""
    values["note"] = RESEARCH
    for prefix, box in (("model_", verdict.model_box), ("", verdict.shown_box)):
        values |= {f"{prefix}{side}": value for side, value in zip(_SIDES, box or ("",) * 4, strict=True)}
    return [values[name] for name in COLUMNS]


def as_json(verdicts: Sequence[Verdict], seconds: Mapping[Read, float], training: frozenset[str]) -> str:
    """An object with a list of verdicts, every field of each, and what the table has beside them."""
    found = []
    for verdict in verdicts:
        took = seconds.get(case_of(verdict)) if verdict.decision is Decision.DONE else None
        found.append({**verdict.to_json(), "seconds": took, "training": verdict.film in training})
    return json.dumps({"note": RESEARCH, "verdicts": found}, indent=2, ensure_ascii=False) + "\n"
