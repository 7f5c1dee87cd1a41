"""How long each case took: from when it was first shown to when it was first called done."""

from collections.abc import Iterable
from datetime import datetime

from lofi.study.verdict import Decision, Verdict

Read = tuple[str, str, str, str, str]
"""A case as it was read: study, user, reader, film and model."""


def case_of(verdict: Verdict) -> Read:
    """The case that a verdict belongs to."""
    return verdict.study, verdict.user, verdict.reader, verdict.film, verdict.fingerprint


def reading_seconds(verdicts: Iterable[Verdict]) -> dict[Read, float]:
    """Seconds for each case that was done, of every verdict ever stored, oldest first. A pause counts as reading."""
    opened: dict[Read, datetime] = {}
    found: dict[Read, float] = {}
    for verdict in verdicts:
        if verdict.kind != "case":
            continue
        case = case_of(verdict)
        try:
            time = datetime.fromisoformat(verdict.time)
            if verdict.decision is Decision.OPENED:
                opened.setdefault(case, time)
            elif case in opened:
                found.setdefault(case, round((time - opened[case]).total_seconds(), 3))
        except (ValueError, TypeError):  # a time that nobody wrote here
            continue
    return found
