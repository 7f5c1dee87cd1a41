"""What a question of the page brings: JSON written by anybody, checked here and made into values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lofi.boxes import as_boxes, clip
from lofi.errors import BadQuery
from lofi.report.query import MAX_HITS, listed_phrases, parse_count, parse_text
from lofi.results import Box

MAX_STUDIES = 200
MAX_ID, MAX_WHERE, MAX_REPORT = 500, 2_000, 20_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Asked:
    """The named values of one question. Each reader raises BadQuery where its value cannot be used.

    ``desk`` is the word of the page that asks: films are held for it.
    """

    values: Mapping[str, object]
    desk: str = ""

    def part(self, name: str) -> "Asked":
        """A question inside this one, {} where there is none."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise BadQuery("The page asked in a way that is not known here: reload it.")
        return Asked(value, self.desk)

    def within(self, film: str) -> "Asked":
        """The same question; where it names a film, this one."""
        return Asked({**self.values, "film": film}, self.desk) if self.values.get("film", film) else self

    def film(self, name: str = "film") -> str:
        """A film's sha256."""
        value = self.values.get(name)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise BadQuery("First drop a film, or pick an example.")
        return value

    def text(self, name: str, longest: int = MAX_WHERE) -> str:
        """Any text, "" where none is given."""
        value = self.values.get(name) or ""
        if not isinstance(value, str) or len(value) > longest:
            raise BadQuery(f"Text of at most {longest:,} characters is expected here.")
        return value

    def search_text(self) -> str:
        """The line to search with, "" where none is given."""
        value = self.text("text", MAX_REPORT)
        return parse_text(value) if value.strip() else ""

    def phrases(self, name: str = "phrases") -> tuple[str, ...]:
        """The phrases of a list, cleaned; an empty list gives none. A list holds what one field could."""
        given = self.texts(name)
        return listed_phrases(given) if given else ()

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of short texts, such as ids."""
        value: Any = self.values.get(name) or []
        fits = isinstance(value, list) and len(value) <= MAX_STUDIES
        if not fits or not all(isinstance(one, str) and len(one) <= MAX_ID for one in value):
            raise BadQuery(f"A list of at most {MAX_STUDIES} short texts is expected here.")
        return tuple(value)

    def box(self) -> Box | None:
        """A box of the film cut to it, None where none is given."""
        value: Any = self.values.get("box")
        if value is None:
            return None
        inside = clip(as_boxes([value]))
        if len(inside) != 1:
            raise BadQuery("Draw the box on the film: a drag from one corner to the other.")
        x0, y0, x1, y1 = (float(edge) for edge in inside[0])
        return x0, y0, x1, y1

    def count(self, name: str = "k") -> int:
        """How many hits."""
        return parse_count(self.values.get(name))

    def offset(self) -> int:
        """How many hits to pass over."""
        value = self.values.get("offset") or 0
        if not isinstance(value, int) or not 0 <= value <= 100 * MAX_HITS:
            raise BadQuery("There are no hits so far down the list.")
        return value
