"""The reviews that are kept: verdicts go in, the last one on each subject comes out, all of them can be exported."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lofi.errors import BadQuery, LofiError
from lofi.results import Box
from lofi.study.database import DAMAGED, Database
from lofi.study.timing import Read, reading_seconds
from lofi.study.verdict import Decision, Subject, Verdict, now, parse_initials
from lofi.study.written import as_csv, as_json

_COLUMNS = (
    *("time", "study", "film", "reader", "fingerprint", "kind", "phrase", "number", "hit", "decision"),
    *("model_box", "box", "score", "comment", "user"),
)
_INSERT = f"INSERT INTO verdict ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
Write = Callable[[Sequence[Verdict], Mapping[Read, float], frozenset[str]], str]
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM verdict"


class ReviewStore:
    """Verdicts in a database file, which is made with the first of them.

    Nothing is ever overwritten: each verdict is a new row, and the last on a subject counts, so two browsers can
    write at once and no click is lost. Every method raises LofiError with a sentence where the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        self.database = Database(file)

    def record(self, *verdicts: Verdict) -> tuple[Verdict, ...]:
        """Store verdicts, all of them or none; returns them with the time at which they were stored."""
        stamped = tuple(replace(verdict, time=verdict.time or now()) for verdict in verdicts)
        with self.database.writing() as connection:
            insert(connection, stamped)
        return stamped

    def of(
        self, film: str, reader: str, study: str = "", fingerprint: str = "", user: str = ""
    ) -> dict[Subject, Verdict]:
        """What counts of a reader's verdicts on a film (its sha256), by subject, in the order first judged.

        ``fingerprint`` asks for those on one model's answers only. What was withdrawn is left out, and so is all that
        another user said under the same initials.
        """
        parts = {"study": study, "film": film, "reader": parse_initials(reader), "user": user}
        with self.database.reading() as connection:
            found = select(connection, **parts, **({"fingerprint": fingerprint} if fingerprint else {}))
        return latest(found)

    def knows(self, film: str, reader: str, fingerprint: str, user: str = "") -> bool:
        """Whether the reading room has any verdict of a reader on a film and a model's answers, withdrawn or not."""
        parts = {"study": "", "film": film, "reader": parse_initials(reader), "fingerprint": fingerprint, "user": user}
        with self.database.reading() as connection:
            return bool(select(connection, **parts))

    def all(self, study: str | None = None) -> tuple[Verdict, ...]:
        """Every verdict ever stored, oldest first: of one study, "" for the reading room, None for all."""
        with self.database.reading() as connection:
            return select(connection) if study is None else select(connection, study=study)

    def export_csv(
        self, study: str | None = None, history: bool = False, training: frozenset[str] = frozenset()
    ) -> str:
        """The verdicts that count as CSV, one a line; with ``history`` all that were ever stored."""
        return self._exported(as_csv, study, history, training)

    def export_json(
        self, study: str | None = None, history: bool = False, training: frozenset[str] = frozenset()
    ) -> str:
        """The same as JSON."""
        return self._exported(as_json, study, history, training)

    def _exported(self, write: Write, study: str | None, history: bool, training: frozenset[str]) -> str:
        every = self.all(study)
        return write(every if history else current(every), reading_seconds(every), training)


def insert(connection: sqlite3.Connection, verdicts: Sequence[Verdict]) -> None:
    """Add rows inside a transaction that is open."""
    connection.executemany(_INSERT, [_row(verdict) for verdict in verdicts])


def select(connection: sqlite3.Connection, **equal: str) -> tuple[Verdict, ...]:
    """The verdicts whose columns equal the given values, oldest first."""
    where = " AND ".join(f"{name} = ?" for name in equal)
    rows = connection.execute(f"{_SELECT}{' WHERE ' if where else ''}{where} ORDER BY id", tuple(equal.values()))
    try:
        return tuple(_verdict(row) for row in rows)
    except (BadQuery, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise LofiError(DAMAGED) from error


def latest(verdicts: Iterable[Verdict]) -> dict[Subject, Verdict]:
    """Of verdicts of one reader on one film, oldest first: the last on each subject, without those withdrawn."""
    found: dict[Subject, Verdict] = {}
    for verdict in verdicts:
        found[verdict.subject] = verdict
    return {subject: verdict for subject, verdict in found.items() if verdict.decision is not Decision.WITHDRAWN}


def current(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Of any verdicts, oldest first: those that count, by study, user, reader, film, model and subject."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        whose = (verdict.study, verdict.user, verdict.reader, verdict.film, verdict.fingerprint)
        groups.setdefault(whose, []).append(verdict)
    return tuple(verdict for group in groups.values() for verdict in latest(group).values())


def _row(verdict: Verdict) -> tuple[object, ...]:
    values = verdict.to_json()
    for name in ("model_box", "box"):
        values[name] = None if values[name] is None else json.dumps(values[name])
    return tuple(values[name] for name in _COLUMNS)


def _verdict(row: sqlite3.Row) -> Verdict:
    values = dict(row)
    for name in ("model_box", "box"):
        values[name] = None if values[name] is None else _box(values[name])
    return Verdict(**{**values, "decision": Decision(values["decision"])})


def _box(text: str) -> Box:
    x0, y0, x1, y1 = json.loads(text)
    return x0, y0, x1, y1
