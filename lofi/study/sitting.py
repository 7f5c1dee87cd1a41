"""Who reads a study now: one window per reader, told by a token; a second one is told so and may take over."""

import secrets
import sqlite3
from time import time

from lofi.errors import BadQuery

ACTIVE_SECONDS = 900.0
"""A window that was not heard of for so long no longer keeps others out: films are looked at for minutes."""


class Taken(BadQuery):
    """These initials read in another window now: take over, or choose others."""


class Superseded(BadQuery):
    """Reading goes on in another window than this one, or was never begun."""


def sit(connection: sqlite3.Connection, study: str, reader: str, take_over: bool) -> str:
    """A token for a new window of a reader. Raises Taken where another window is active, unless ``take_over``."""
    row = connection.execute("SELECT seen FROM sitting WHERE study = ? AND reader = ?", (study, reader)).fetchone()
    if row is not None and not take_over and time() - row["seen"] < ACTIVE_SECONDS:
        raise Taken(
            f"{reader} reads this study in another window just now. "
            "If that is you, go on here; if not, choose other initials."
        )
    token = secrets.token_urlsafe(16)
    connection.execute("INSERT OR REPLACE INTO sitting VALUES (?, ?, ?, ?)", (study, reader, token, time()))
    return token


def seen(connection: sqlite3.Connection, study: str, token: str) -> str:
    """The reader whose window has this token, now noted as active. Raises Superseded where it has none any more."""
    row = connection.execute("SELECT reader FROM sitting WHERE study = ? AND token = ?", (study, token)).fetchone()
    if row is None:
        raise Superseded("This reading goes on in another window. To read on here, enter the initials again.")
    connection.execute("UPDATE sitting SET seen = ? WHERE study = ? AND token = ?", (time(), study, token))
    return str(row["reader"])


def leave(connection: sqlite3.Connection, study: str, token: str) -> None:
    """Give the initials free: the reader pauses or has ended."""
    connection.execute("DELETE FROM sitting WHERE study = ? AND token = ?", (study, token))
