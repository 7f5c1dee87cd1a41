"""Verdicts as text: CSV for a spreadsheet, JSON for a program. Both say what they are and that they are research."""

import json
from collections.abc import Sequence

from lofi.files.sheet import Cell, to_csv
from lofi.study.verdict import Verdict

RESEARCH = "Research use only. Not for diagnosis."
_SIDES = ("x0", "y0", "x1", "y1")
COLUMNS = (
    *("study", "reader", "user", "film", "kind", "phrase", "number", "hit", "decision", "score"),
    *(f"model_{side}" for side in _SIDES),
    *_SIDES,
    *("comment", "fingerprint", "time", "note"),
)


def as_csv(verdicts: Sequence[Verdict]) -> str:
    """One line a verdict. x0 … y1 is the box that stands (0–1 of the film), model_x0 … the model's; empty: none."""
    return to_csv(COLUMNS, map(_row, verdicts))


def _row(verdict: Verdict) -> list[Cell]:
    values = {**verdict.to_json(), "number": verdict.number if verdict.kind == "box" else ""}
    values["note"] = RESEARCH
    for prefix, box in (("model_", verdict.model_box), ("", verdict.shown_box)):
        values |= {f"{prefix}{side}": value for side, value in zip(_SIDES, box or ("",) * 4, strict=True)}
    return [values[name] for name in COLUMNS]


def as_json(verdicts: Sequence[Verdict]) -> str:
    """An object with a list of verdicts, every field of each."""
    found = [verdict.to_json() for verdict in verdicts]
    return json.dumps({"note": RESEARCH, "verdicts": found}, indent=2, ensure_ascii=False) + "\n"
