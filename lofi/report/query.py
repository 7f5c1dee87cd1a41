"""What a person writes (phrases, a line to search with, a number of hits), checked once and made into values."""

import re
from collections.abc import Iterable

from lofi.errors import BadQuery
from lofi.report.assertion import assertions
from lofi.report.phrasing import phrases_of

MAX_PHRASES, MAX_HITS = 24, 200
MAX_PHRASE_LENGTH, MAX_TEXT_LENGTH = 300, 2_000
"""Characters beyond which a phrase or a line is refused rather than silently cut."""
_COMMA = re.compile(r",(?!\d)")
_JOINT = re.compile(r"^\s*(?:and|or|and/or)\s+", re.IGNORECASE)
_BESIDE = re.compile(
    r"(?:(?:left|right|bilateral|both sides|upper|middle|lower|basal|apical|small|large|mild|moderate|severe)\s*)+",
    re.IGNORECASE,
)
"""What says where or how large, and is no phrase of its own."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def tidied(text: str) -> str:
    """The text on one line with single spaces, without what cannot be seen and without its final stop."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split()).rstrip(". ")


def checked_phrase(phrase: str) -> str:
    """One phrase, tidied. Raises BadQuery where nothing is left, or too much to be one finding."""
    words = tidied(phrase)
    if not words:
        raise BadQuery('Write what to look for, such as "left pleural effusion".')
    if len(words) > MAX_PHRASE_LENGTH:
        raise BadQuery(
            f"A phrase may have {MAX_PHRASE_LENGTH} characters, this one has {len(words)}: write one finding a line."
        )
    return words


def parse_phrases(text: str) -> tuple[str, ...]:
    """The phrases of a text, one a line or between commas or semicolons; tidied, each once, in the order given.

    "Mass" and "MASS." are one; it is kept as it was written first. A side or a size alone belongs to the phrase before
    it ("effusion, left"), and a denial to every phrase of its list. Raises BadQuery when there is none, too many or one
    too long.
    """
    if not isinstance(text, str):
        raise BadQuery("Phrases must be text, one a line.")
    return listed_phrases(phrase for line in re.split(r"[;\r\n]", text) for phrase in _of_line(line))


def listed_phrases(given: Iterable[str]) -> tuple[str, ...]:
    """As ``parse_phrases``, of phrases that are already apart."""
    phrases: dict[str, str] = {}
    for part in map(tidied, given):
        if part:
            phrases.setdefault(part.casefold(), part)
    if not phrases:
        raise BadQuery('Write at least one phrase, for instance "left pleural effusion".')
    if len(phrases) > MAX_PHRASES:
        raise BadQuery(f"At most {MAX_PHRASES} phrases at once, not {len(phrases)}.")
    return tuple(map(checked_phrase, phrases.values()))


def _of_line(line: str) -> list[str]:
    parts = [tidied(_JOINT.sub("", part)) for part in _COMMA.split(line)]
    found: list[str] = []
    for part in filter(None, parts):
        if found and _BESIDE.fullmatch(part):
            found[-1] += f", {part}"
        else:
            found.append(part)
    if len(found) < 2 or len(found) > MAX_PHRASES:  # too many are refused anyway
        return found
    said = list(assertions(" ".join(line.split())))
    denied = {phrase for state, phrase in said if state == "absent"} - {
        phrase for state, phrase in said if state in ("present", "uncertain")
    }
    return [found[0], *(f"no {part}" if denied.intersection(phrases_of(part)) else part for part in found[1:])]


def parse_count(value: object, default: int = 8) -> int:
    """How many hits: a whole number from 1 to MAX_HITS; None and "" give the default."""
    if value is None or value == "":
        return default
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or not number.is_integer() or not 1 <= number <= MAX_HITS:
        raise BadQuery(f"k must be a whole number from 1 to {MAX_HITS}.")
    return int(number)


def parse_text(text: str) -> str:
    """One line of free text to search with."""
    cleaned = " ".join(_UNPRINTABLE.sub(" ", text).split()) if isinstance(text, str) else ""
    if not cleaned:
        raise BadQuery('Write what to look for, for instance "right basal consolidation".')
    if len(cleaned) > MAX_TEXT_LENGTH:
        raise BadQuery(f"The text may have {MAX_TEXT_LENGTH} characters at most.")
    return cleaned
