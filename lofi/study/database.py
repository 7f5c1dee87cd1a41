"""The file of all reviews: one SQLite database, opened late, written whole or not at all, errors told in words.

Write-ahead logging lets a reader of the file go on while one writer writes; within a process a lock orders the
threads, between processes SQLite does, and waits.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from threading import RLock
from time import monotonic, sleep

from lofi.errors import LofiError

APPLICATION = 0x4C6F4669  # "LoFi": tells our files from other databases
VERSION = 2
"""2 knows who was logged in; a file of version 1 is brought up to it when it is first written to, and can be read."""
WAIT_SECONDS = 10.0

_TABLES = """
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, study TEXT NOT NULL, film TEXT NOT NULL, reader TEXT NOT NULL,
    fingerprint TEXT NOT NULL, kind TEXT NOT NULL, phrase TEXT NOT NULL, number INTEGER NOT NULL, hit TEXT NOT NULL,
    decision TEXT NOT NULL, model_box TEXT, box TEXT, score REAL, comment TEXT NOT NULL,
    user TEXT NOT NULL DEFAULT ''
);
CREATE INDEX verdict_of_film ON verdict (study, film, reader);
CREATE TABLE study (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL, begun TEXT NOT NULL
);
CREATE TABLE answer (
    study TEXT NOT NULL, film TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (study, film)
);
CREATE TABLE sitting (
    study TEXT NOT NULL, reader TEXT NOT NULL, token TEXT NOT NULL, seen REAL NOT NULL,
    user TEXT NOT NULL DEFAULT '', PRIMARY KEY (study, reader)
);
"""

_FROM_1 = """
ALTER TABLE verdict ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE sitting ADD COLUMN user TEXT NOT NULL DEFAULT ''
"""
_AS_2 = """
CREATE TEMP VIEW verdict AS SELECT *, '' AS user FROM main.verdict;
CREATE TEMP VIEW sitting AS SELECT *, '' AS user FROM main.sitting
"""
"""For a file of version 1 that may be read only: the views stand before the tables of the same name."""

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
        """One consistent view. Where nothing was written yet, that of an empty database, and no file is made.

        A file that may only be read, or that lies in such a folder, is read all the same.
        """
        if not self.exists:
            with closing(_connect(":memory:")) as empty:
                _prepare(empty)
                yield empty
            return
        with self._lock, _in_words(), ExitStack() as closing_after:
            connection = self._writable_or_none()
            if connection is None:
                connection = closing_after.enter_context(closing(read_only(self._file)))
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

    def _writable_or_none(self) -> sqlite3.Connection | None:
        try:
            return self._connection()
        except OSError:
            return None
        except sqlite3.Error as error:
            if not _is_closed(error):
                raise
            return None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            _make_private(self._file)
            opened = _connect(str(self._file))
            try:
                _prepare(opened)
            except BaseException:
                opened.close()
                raise
            self._open = opened
        return self._open


def read_only(file: Path) -> sqlite3.Connection:
    """A view of a file that cannot be written to, not even beside it; what waits in its log is read too."""
    log = file.with_name(f"{file.name}-wal")
    if log.is_file() and log.stat().st_size:
        # Only whoever may write beside the file can read its log: so it is read from a copy.
        with TemporaryDirectory(prefix="lofi-reviews-") as folder:
            for path in (file, log):
                copyfile(path, Path(folder) / path.name)
            connection = _connect(":memory:")
            with closing(_connect(str(Path(folder) / file.name))) as copied:
                copied.backup(connection)
    else:
        connection = _connect(f"{file.resolve().as_uri()}?immutable=1")
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        version = _version(connection)
        for statement in (_TABLES if version == 0 else _AS_2 if version < VERSION else "").split(";"):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(file: Path) -> None:
    """A file that its owner alone may read, in such a folder where that is new."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # By its name: to open and close it would take the locks of another connection of this process away.
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):
            path.chmod(0o600)


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=file.startswith("file:")
    )
    connection.row_factory = sqlite3.Row
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Check that the file is ours and sound, before anything in it is changed; bring it to this version."""
    version = _version(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a reader's click is worth a write to the disk
    _write_ahead(connection)
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been first
        if version < VERSION:
            for statement in (_FROM_1 if version else _TABLES).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    """Of our file, 0 where it holds nothing yet. Raises LofiError unless what it holds is ours, sound and known."""
    application, version = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _STAMPS)
    if not application and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return 0
    if application != APPLICATION or connection.execute("PRAGMA quick_check").fetchone()[0] != "ok" or version < 1:
        raise LofiError(DAMAGED)
    if version > VERSION:
        raise LofiError(NEWER)
    return version


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
        if _is_closed(error):
            raise LofiError(CLOSED) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise LofiError(DAMAGED) from error
        if isinstance(error, sqlite3.ProgrammingError):
            raise  # ours
        # No such table or column, a text that is no UTF-8, a rule of the schema: another hand was in the file.
        raise LofiError(DAMAGED) from error
    except OSError as error:
        raise LofiError(CLOSED) from error


def _is_closed(error: sqlite3.Error) -> bool:
    """Whether the file, or its folder, may not be written to."""
    name = str(getattr(error, "sqlite_errorname", "") or "")
    return name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR"))
