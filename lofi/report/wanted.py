"""A line to search with: what of it can be searched for, and what a reader has to be told of the rest."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lofi.errors import BadQuery
from lofi.report.assertion import parts
from lofi.report.concepts import concepts_of
from lofi.report.lexicon import finds
from lofi.report.tongue import is_common
from lofi.report.understanding import written_out

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Wanted:
    """The ``text`` that films are compared with, and ``notes``, a sentence each, on what of the line was left out."""

    text: str
    notes: tuple[str, ...] = ()


def wanted(line: str, hears: Callable[[str], bool]) -> Wanted:
    """What a line asks for. ``hears`` says whether the model's text tower knows a word.

    A search compares films with what is said to be there: what a line denies cannot be searched for. Raises BadQuery
    where nothing of it can.
    """
    said = list(parts(written_out(line)))
    stated = " ".join(" ".join(text for state, text in said if state in ("present", "uncertain", "normal")).split())
    denied = [text for state, text in said if state == "absent"]
    if denied and not _about(stated):
        raise BadQuery(
            f"“{line}” says what is not there, and no film can be searched for what it does not show: "
            "write what it should show."
        )
    unknown = _unknown(line, hears)
    if len(unknown) == len(set(_WORD.findall(line))):
        raise BadQuery(f"The model knows no word of “{line}”: write a finding, such as “pleural effusion”.")
    notes = []
    if unknown:
        notes.append(f"Not understood, and without weight in the search: {', '.join(unknown)}.")
    if denied:
        notes.append(f"Searched for “{stated}”: what the line denies cannot be searched for.")
    return Wanted(stated if denied else written_out(line), tuple(notes))


def _about(text: str) -> bool:
    return bool(concepts_of(text)) or finds(text)


def _unknown(line: str, hears: Callable[[str], bool]) -> list[str]:
    """The words of a line that neither the lexicon nor the model knows, as they were typed, each once."""
    found = dict.fromkeys(
        word for word in _WORD.findall(line) if not (_known(written_out(word)) or hears(word.lower()))
    )
    return list(found)


def _known(word: str) -> bool:
    return is_common(word) or finds(word) or bool(concepts_of(word)) or " " in word
