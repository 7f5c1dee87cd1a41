"""A reader study while it is read: cases in each reader's order, marks stored at once, resumed where it stopped."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lofi.errors import BadQuery, LofiError
from lofi.study import sitting
from lofi.study.asking import ModelAnswer, keep_answer, stored_answer
from lofi.study.cases import StudyCase, digest, reading_order
from lofi.study.definition import Definition
from lofi.study.marking import Desk, still_open, verdicts_of
from lofi.study.store import ReviewStore, insert, latest, select
from lofi.study.verdict import Decision, Subject, Verdict, now, parse_initials

CHANGED = (
    "The films, phrases or settings of this study changed since reading began: restore them, "
    "or give the study another name."
)
OTHER_MODEL = "This study was begun with another model: serve it with that one, or give the study another name."


@dataclass(frozen=True)
class Progress:
    """How far a reader is: cases ``done`` of ``total``."""

    reader: str
    done: int
    total: int


@dataclass(frozen=True)
class Sheet:
    """One case before a reader: ``number`` of ``total``, ``done`` so far, and the marks that count on it."""

    reader: str
    case: StudyCase
    number: int
    done: int
    total: int
    finished: bool
    answer: ModelAnswer
    marks: dict[Subject, Verdict]
    steps: int = 0

    @property
    def still_open(self) -> tuple[str, ...]:
        """What is left to judge."""
        return still_open(self.answer, self.marks, self.steps)


class ReaderStudy:
    """A definition, its cases and the store. ``ask`` gives the model's answer to a case when first needed.

    Safe to share: every method is one transaction. Tokens come from ``begin``; a method given one that another
    window replaced, or one of another ``user``, raises Superseded.
    """

    def __init__(
        self,
        definition: Definition,
        cases: Sequence[StudyCase],
        store: ReviewStore,
        fingerprint: str,
        ask: Callable[[StudyCase], ModelAnswer],
    ) -> None:
        self.definition = definition
        self.store = store
        self.fingerprint = fingerprint
        self._cases = {case.film: case for case in cases}
        self._digest = digest(definition, cases)
        self._ask = ask

    def begin(self, initials: str, take_over: bool = False, user: str = "") -> str:
        """A token for a reader's window. Raises BadQuery on wrong initials, Taken where another window reads."""
        reader, name = parse_initials(initials), self.definition.name
        if self.definition.readers and reader not in self.definition.readers:
            raise BadQuery("These initials are not among the study's readers: ask whoever made the study.")
        with self.store.database.writing() as connection:
            self._claim(connection)
            return sitting.sit(connection, name, reader, take_over, user)

    def prepare(self, told: Callable[[int], object] = lambda done: None) -> tuple[ModelAnswer, ...]:
        """Ask the model about every case, once, and keep what it says. Raises LofiError where reading has begun."""
        with self.store.database.writing() as connection:
            self._claim(connection)
        answers = []
        for case in self._cases.values():
            answers.append(self.answer(case))
            told(len(answers))
        return tuple(answers)

    def _claim(self, connection: sqlite3.Connection) -> None:
        """The study is this definition by this model; until somebody reads it may still become another."""
        name, now_is = self.definition.name, (self._digest, self.fingerprint)
        row = connection.execute("SELECT * FROM study WHERE name = ?", (name,)).fetchone()
        if row is not None and (row["digest"], row["fingerprint"]) == now_is:
            return
        if row is not None:
            if connection.execute("SELECT 1 FROM sitting WHERE study = ?", (name,)).fetchone() or select(
                connection, study=name
            ):
                raise LofiError(CHANGED if row["digest"] != self._digest else OTHER_MODEL)
            connection.execute("DELETE FROM study WHERE name = ?", (name,))
            connection.execute("DELETE FROM answer WHERE study = ?", (name,))
        connection.execute("INSERT INTO study VALUES (?, ?, ?, ?)", (name, *now_is, now()))

    def sheet(self, token: str, number: int | None = None, user: str = "") -> Sheet | None:
        """The case to read: the first that is not done, or an earlier one by its number from 1. None: all is done."""
        reader = self._reader(token, user)
        films, done = self._films(reader), self._done(reader)
        upto = next((at for at, film in enumerate(films) if film not in done), len(films))
        at = upto if number is None else number - 1
        if not 0 <= at <= upto:
            raise BadQuery("Cases are read in their order.")
        if at == len(films):
            return None
        case = self._cases[films[at]]
        answer = self.answer(case)
        if case.film not in done and number is None:
            self._open(self._desk(reader, case, answer, user))
        marks = self.store.of(case.film, reader, self.definition.name, self.fingerprint, user)
        return Sheet(reader, case, at + 1, len(done), len(films), case.film in done, answer, marks, self._steps)

    def answer(self, case: StudyCase) -> ModelAnswer:
        """What the model says of a case, asked once for all readers."""
        name = self.definition.name
        with self.store.database.reading() as connection:
            found = stored_answer(connection, name, case.film)
        if found is None:
            asked = self._ask(case)
            with self.store.database.writing() as connection:
                keep_answer(connection, name, case.film, asked)
                found = stored_answer(connection, name, case.film)
        if found is None:
            raise LofiError("The model's answer could not be kept: try again.")
        return found

    def following(self, token: str, user: str = "") -> StudyCase | None:
        """The case after the first that is not done: worth asking the model about while the reader looks."""
        reader = self._reader(token, user)
        done = self._done(reader)
        waiting = [film for film in self._films(reader) if film not in done]
        return self._cases[waiting[1]] if len(waiting) > 1 else None

    def mark(self, token: str, film: str, mark: object, user: str = "") -> dict[Subject, Verdict]:
        """Store one mark on a case; returns what counts on it then. Raises BadQuery where it does not fit."""
        case = self._case(film)
        answer = self.answer(case)
        with self.store.database.writing() as connection:
            desk = self._desk(sitting.seen(connection, self.definition.name, token, user), case, answer, user)
            before = desk.before(connection)
            made = verdicts_of(desk, mark, latest(before))
            insert(connection, made)
            return latest((*before, *made))

    def finish(self, token: str, film: str, user: str = "") -> None:
        """Call a case done. Raises BadQuery, saying what is still open."""
        case = self._case(film)
        answer = self.answer(case)
        with self.store.database.writing() as connection:
            desk = self._desk(sitting.seen(connection, self.definition.name, token, user), case, answer, user)
            left = still_open(answer, latest(desk.before(connection)), self._steps)
            if left:
                raise BadQuery(f"Still to judge: {', '.join(left)}.")
            insert(connection, [desk.verdict("case", Decision.DONE)])

    def leave(self, token: str, user: str = "") -> None:
        """Let the initials go, so that the reader can begin elsewhere without being asked."""
        with self.store.database.writing() as connection:
            sitting.leave(connection, self.definition.name, token, user)

    def _reader(self, token: str, user: str) -> str:
        with self.store.database.writing() as connection:
            return sitting.seen(connection, self.definition.name, token, user)

    def _films(self, reader: str) -> tuple[str, ...]:
        return reading_order(self._cases, self.definition.seed, reader)

    def _done(self, reader: str) -> set[str]:
        with self.store.database.reading() as connection:
            found = select(connection, study=self.definition.name, reader=reader, kind="case", decision="done")
        return {verdict.film for verdict in found} & set(self._cases)

    def _open(self, desk: Desk) -> None:
        """Note when a case was first shown."""
        with self.store.database.writing() as connection:
            if not any(verdict.decision is Decision.OPENED for verdict in desk.before(connection)):
                insert(connection, [desk.verdict("case", Decision.OPENED)])

    def _case(self, film: object) -> StudyCase:
        case = self._cases.get(film) if isinstance(film, str) else None
        if case is None:
            raise BadQuery("This film is no case of the study.")
        return case

    def _desk(self, reader: str, case: StudyCase, answer: ModelAnswer, user: str) -> Desk:
        return Desk(case.film, reader, self.fingerprint, self.definition.name, answer, user, self._steps)

    @property
    def _steps(self) -> int:
        return self.definition.certainty


def progress(definition: Definition, cases: Sequence[StudyCase], store: ReviewStore) -> tuple[Progress, ...]:
    """How far each reader is: those named, then others who began, by their initials."""
    verdicts = store.all(definition.name)
    films = {case.film for case in cases}
    done = {(verdict.reader, verdict.film) for verdict in verdicts if verdict.decision is Decision.DONE}
    readers = dict.fromkeys((*definition.readers, *sorted({verdict.reader for verdict in verdicts})))
    return tuple(Progress(name, sum((name, film) in done for film in films), len(films)) for name in readers)
