"""Who may log in: a file of names and hashed passwords, one user a line, written by ``python -m lofi user``."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from lofi.errors import BadQuery, LofiError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}", re.ASCII)
SHORTEST, LONGEST = 8, 500
AT_ONCE = 2
"""Passwords checked at the same time: each takes 64 MB for some tens of milliseconds."""
UNREADABLE = "The user file cannot be read: make it with python -m lofi user add NAME --file PATH."


class Accounts:
    """The users of a file, read again whenever it changed. Where it can no longer be read, nobody may log in."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stamp: tuple[int, int, int] | None = None
        self._users: Mapping[str, str] = {}
        self._lock = Lock()
        self._turn = BoundedSemaphore(AT_ONCE)

    def record(self, name: str) -> str | None:
        """The hash of a user's password; None where there is no such user."""
        with self._lock:
            try:
                about = self.file.stat()
                stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
                if stamp != self._stamp:
                    self._users, self._stamp = read_users(self.file), stamp
            except (OSError, LofiError):
                self._users, self._stamp = {}, None
            return self._users.get(name)

    def check(self, name: str, password: str) -> str | None:
        """The user's record where the password is right, else None. An unknown name takes as long as a known one."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        known = self.record(name)
        right = False
        with self._turn, suppress(Argon2Error, InvalidHashError):
            right = hasher().verify(known or _nobodys(), password[:LONGEST])
        return known if right and known is not None else None


def read_users(file: Path) -> dict[str, str]:
    """Name → hash. Raises LofiError where the file is missing or has a line that is none."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        raise LofiError(UNREADABLE) from None
    users: dict[str, str] = {}
    for line in lines:
        name, colon, record = line.partition(":")
        if line.strip() and not line.startswith("#"):
            if not (colon and NAME.fullmatch(name) and record.startswith("$argon2id$")):
                raise LofiError("The user file has a line that is no user: write it with python -m lofi user add.")
            users[name] = record
    return users


def write_users(file: Path, users: Mapping[str, str]) -> None:
    """Replace the file as a whole; its owner alone may read it. Raises LofiError."""
    text = "".join(f"{name}:{record}\n" for name, record in sorted(users.items()))
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        new.replace(file)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise LofiError(
            "The user file cannot be written there: check that the folder exists and may be written."
        ) from None


def hashed(password: str) -> str:
    """A password's record. Raises BadQuery on one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadQuery(f"A password has {SHORTEST} to {LONGEST} characters; several words are a good one.")
    return hasher().hash(password)


@cache
def hasher() -> "PasswordHasher":
    """Argon2id with the library's own costs."""
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """A hash that no password fits, checked where there is no such user."""
    return hasher().hash(os.urandom(32))
