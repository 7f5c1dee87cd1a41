"""The file of all reviews: one SQLite database, opened late, written whole or not at all, errors told in words.

Write-ahead logging lets a reader of the file go on while one writer writes; within a process a lock orders the
threads, between processes SQLite does, and waits.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from time import monotonic, sleep

from lofi.errors import LofiError

APPLICATION = 0x4C6F4669  # "LoFi": tells our files from other databases
VERSION = 1
WAIT_SECONDS = 10.0

_TABLES = """
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, study TEXT NOT NULL, film TEXT NOT NULL, reader TEXT NOT NULL,
    fingerprint TEXT NOT NULL, kind TEXT NOT NULL, phrase TEXT NOT NULL, number INTEGER NOT NULL, hit TEXT NOT NULL,
    decision TEXT NOT NULL, model_box TEXT, box TEXT, score REAL, comment TEXT NOT NULL
);
CREATE INDEX verdict_of_film ON verdict (study, film, reader);
CREATE TABLE study (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL, begun TEXT NOT NULL
);
CREATE TABLE answer (
    study TEXT NOT NULL, film TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (study, film)
);
CREATE TABLE sitting (
    study TEXT NOT NULL, reader TEXT NOT NULL, token TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (study, reader)
);
"""

DAMAGED = (
    "The file of reviews is damaged or is none of LoFi's. It was left as it is: move it away and start again, "
    "or set LOFI_REVIEWS to another folder."
)
NEWER = "The file of reviews was written by a newer LoFi: use that one, or set LOFI_REVIEWS to another folder."
BUSY = "Somebody else is writing reviews for longer than usual: nothing was lost, try again."
FULL = "The review was not stored, because the disk is full: make room and try again."
CLOSED = (
    "Reviews cannot be written to their folder: allow writing there, or set LOFI_REVIEWS to another folder. "
    "Nothing was stored."
)


class Database:
    """One database file, shared by threads and safe beside other processes. Made on the first write."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = RLock()
        self._open: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._file.is_file()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: everything inside is stored, or nothing is. Raises LofiError in words."""
        with self._lock, _in_words():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view. Where nothing was written yet, that of an empty database, and no file is made."""
        if not self.exists:
            with closing(_connect(":memory:")) as empty:
                _prepare(empty)
                yield empty
            return
        with self._lock, _in_words():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            opened = _connect(str(self._file))
            try:
                _prepare(opened)
            except BaseException:
                opened.close()
                raise
            self._open = opened
        return self._open


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Check that the file is ours and sound, before anything in it is changed; give an empty one its tables."""
    empty = _is_empty(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a reader's click is worth a write to the disk
    _write_ahead(connection)
    if not empty:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(connection):  # another process may have been first
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the file holds nothing yet. Raises LofiError unless what it holds is ours, sound and of this version."""
    application, version = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _STAMPS)
    if not application and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return True
    if application != APPLICATION or connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise LofiError(DAMAGED)
    if version != VERSION:
        raise LofiError(NEWER)
    return False


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. Two processes that switch a new file at once are told "busy" without a wait."""
    patience = monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY") or monotonic() > patience:
                raise
            sleep(0.05)


_STAMPS = ("application_id", "user_version")


@contextmanager
def _in_words() -> Iterator[None]:
    """SQLite's and the system's errors as sentences; no path in them."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise LofiError(BUSY) from error
        if name.startswith("SQLITE_FULL"):
            raise LofiError(FULL) from error
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")):
            raise LofiError(CLOSED) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise LofiError(DAMAGED) from error
        if isinstance(error, sqlite3.ProgrammingError):
            raise  # ours
        # No such table or column, a text that is no UTF-8, a rule of the schema: another hand was in the file.
        raise LofiError(DAMAGED) from error
    except OSError as error:
        raise LofiError(CLOSED) from error
