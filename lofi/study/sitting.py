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


def sit(connection: sqlite3.Connection, study: str, reader: str, take_over: bool, user: str = "") -> str:
    """A token for a new window of a reader. Raises Taken where another window is active, unless ``take_over``.

    Raises BadQuery where the initials are another user's: whoever first reads or judges with them keeps them.
    """
    if owners(connection, study, reader) - {user}:
        raise BadQuery("These initials are another reader's in this study: choose others.")
    row = connection.execute("SELECT seen FROM sitting WHERE study = ? AND reader = ?", (study, reader)).fetchone()
    if row is not None and not take_over and time() - row["seen"] < ACTIVE_SECONDS:
        raise Taken(
            f"{reader} reads this study in another window just now. "
            "If that is you, go on here; if not, choose other initials."
        )
    token = secrets.token_urlsafe(16)
    connection.execute("INSERT OR REPLACE INTO sitting VALUES (?, ?, ?, ?, ?)", (study, reader, token, time(), user))
    return token


def owners(connection: sqlite3.Connection, study: str, reader: str) -> set[str]:
    """The users who read or judged with these initials in a study; one at most, unless it began without a login."""
    found = [
        row
        for table in ("sitting", "verdict")
        for row in connection.execute(
            f"SELECT DISTINCT user FROM {table} WHERE study = ? AND reader = ?", (study, reader)
        )
    ]
    return {str(row["user"]) for row in found}


def seen(connection: sqlite3.Connection, study: str, token: str, user: str = "") -> str:
    """The reader whose window has this token, now noted as active. Raises Superseded where it has none any more.

    A token opens nothing for another user than the one to whom it was given.
    """
    asked = "SELECT reader FROM sitting WHERE study = ? AND token = ? AND user = ?"
    row = connection.execute(asked, (study, token, user)).fetchone()
    if row is None:
        raise Superseded("This reading goes on in another window. To read on here, enter the initials again.")
    connection.execute("UPDATE sitting SET seen = ? WHERE study = ? AND token = ?", (time(), study, token))
    return str(row["reader"])


def leave(connection: sqlite3.Connection, study: str, token: str, user: str = "") -> None:
    """Give the initials free: the reader pauses or has ended."""
    connection.execute("DELETE FROM sitting WHERE study = ? AND token = ? AND user = ?", (study, token, user))
