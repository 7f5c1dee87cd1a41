"""CSV that a spreadsheet can open without running anything: every CSV of the project is written here."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

Cell = str | float | int | bool | None

_FORMULA = frozenset("=+-@|%\N{MINUS SIGN}")
"""What begins a formula or a command in some spreadsheet; full-width, small and raised forms are folded to these."""


def cell(value: Cell) -> str:
    """The text of a cell. Text that would begin a formula gets an apostrophe before it; it is not changed otherwise.

    What counts is the first character that can be seen: a spreadsheet passes over blanks and marks without width.
    Text that begins with a tab or a line end is held as well, some pass those on to the next cell. Numbers are ours
    and stay numbers, so that a negative similarity is one.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return str(value)
    seen = next((sign for sign in value if unicodedata.category(sign)[0] not in "CZ"), "")
    begins = not _FORMULA.isdisjoint(unicodedata.normalize("NFKC", seen)[:1])
    return f"'{value}" if begins or value.startswith(("\t", "\r", "\n")) else value


class Sheet:
    """Writes rows to a file that was opened with ``newline=""``."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\r\n")

    def write(self, row: Iterable[Cell]) -> None:
        """One line."""
        self._writer.writerow([cell(value) for value in row])


def to_csv(columns: Sequence[str], rows: Iterable[Iterable[Cell]]) -> str:
    """A header and its rows as text whose line ends must be kept."""
    sink = io.StringIO()
    sheet = Sheet(sink)
    for row in (columns, *rows):
        sheet.write(row)
    return sink.getvalue()
