"""Verdicts made briefly, for tests."""

from typing import Any

from lofi.study import Decision, Verdict

MODEL = "a1b2c3d4" * 8
BOX = (0.1, 0.2, 0.5, 0.6)
OTHER = (0.15, 0.25, 0.55, 0.65)


def film(number: int) -> str:
    """The sha256 of an imagined film."""
    return f"{number:064x}"


def on_box(decision: str, number: int = 0, phrase: str = "mass", **fields: Any) -> Verdict:
    made: dict[str, Any] = {"film": film(1), "reader": "AB", "fingerprint": MODEL}
    made["model_box"] = None if decision == "added" else BOX
    return Verdict(
        **{**made, "kind": "box", "decision": Decision(decision), "phrase": phrase, "number": number, **fields}
    )


def on_hit(decision: str, hit: str = "s1", **fields: Any) -> Verdict:
    made = {"film": film(1), "reader": "AB", "fingerprint": MODEL}
    return Verdict(**{**made, "kind": "hit", "decision": Decision(decision), "hit": hit, **fields})
