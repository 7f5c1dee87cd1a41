"""What a person writes (phrases, boxes, a number of hits), checked once at the border and made into values."""

import json
import re

from lofi.boxes import Boxes, as_boxes, clip
from lofi.errors import BadQuery

MAX_PHRASES, MAX_PHRASE_LENGTH, MAX_BOXES, MAX_HITS = 24, 200, 32, 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def parse_phrases(text: str, separators: str = "\n") -> tuple[str, ...]:
    """The phrases of a text, split at any of ``separators``, trimmed, each once, in the order given.

    Raises BadQuery when there is none, too many or one too long.
    """
    if not isinstance(text, str):
        raise BadQuery("Phrases must be text, one a line.")
    parts = re.split(f"[{re.escape(separators)}\r\n]", text)
    cleaned = (" ".join(_UNPRINTABLE.sub(" ", part).split()) for part in parts)
    phrases = tuple({phrase.casefold(): phrase for phrase in reversed([c for c in cleaned if c])}.values())[::-1]
    if not phrases:
        raise BadQuery('Write at least one phrase, for instance "left pleural effusion".')
    if len(phrases) > MAX_PHRASES:
        raise BadQuery(f"At most {MAX_PHRASES} phrases at once, not {len(phrases)}.")
    if max(map(len, phrases)) > MAX_PHRASE_LENGTH:
        raise BadQuery(f"A phrase may have {MAX_PHRASE_LENGTH} characters at most: write one finding a line.")
    return phrases


def parse_boxes(text: str) -> Boxes:
    """(M, 4) boxes, M ≥ 1, from JSON: a list of [x0, y0, x1, y1] (or one such box), 0–1 of the film, cut to it."""
    try:
        boxes = as_boxes(json.loads(text))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadQuery("Boxes must be JSON such as [[0.1, 0.2, 0.5, 0.6]], 0–1 of the film.") from error
    if not 0 < len(boxes) <= MAX_BOXES:
        raise BadQuery(f"Give 1 to {MAX_BOXES} boxes, not {len(boxes)}.")
    inside = clip(boxes)
    if len(inside) < len(boxes):
        raise BadQuery("A box lies outside the film: coordinates run from 0 to 1.")
    return inside


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
    if len(cleaned) > 10 * MAX_PHRASE_LENGTH:
        raise BadQuery(f"The text may have {10 * MAX_PHRASE_LENGTH} characters at most.")
    return cleaned
