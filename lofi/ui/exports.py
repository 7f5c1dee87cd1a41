"""The exports that the page offers: a case is put together again from the answers kept here, never from the page's own.

What a file says was found is thus what the model found, whatever the browser sends.
"""

import base64
from dataclasses import replace

from lofi.answers import Answer
from lofi.errors import BadQuery
from lofi.export import IDENTIFIED, Case, write
from lofi.export.mark import marks_of
from lofi.report.query import listed_phrases
from lofi.results import Box, Grounding, HeatMap
from lofi.study.verdict import parse_initials
from lofi.ui.asked import Asked
from lofi.ui.page_answers import PageAnswers
from lofi.ui.reviews import Reviews

MOST_HITS = 100
"""Hits of an exported list: those on the screen and as many behind them."""


class Exports:
    """The question for a file."""

    def __init__(self, page_answers: PageAnswers, reviews: Reviews) -> None:
        self.page_answers = page_answers
        self.reviews = reviews

    def export_case(self, asked: Asked) -> Answer:
        """The case, or its list of hits, as a file: its name, media type and bytes in base64."""
        kind = asked.text("kind")
        case = self.case(asked, listed=kind.startswith("hits-"))
        written = write(case, kind, identified=asked.values.get("identified") is True and kind in IDENTIFIED)
        data = base64.b64encode(written.data).decode()
        return {"name": written.name, "media_type": written.media_type, "data": data}

    def case(self, asked: Asked, listed: bool = False) -> Case:
        """The film with all that was asked and said about it; ``listed``: with its list of hits and no more."""
        holdings = self.page_answers.holdings
        film = holdings.film(asked.film())
        search = asked.part("search")
        return Case.of(
            holdings.engine,
            film,
            groundings=() if listed else self._groundings(asked),
            hits=self.page_answers.hits(search.within(film.sha256), MOST_HITS if listed else search.count()),
            report=self.page_answers.sentences(film.sha256) if asked.values.get("draft") and not listed else None,
            verdicts=self.reviews.verdicts(asked),
            origin=holdings.origin(film.sha256, asked.text("pass")),
            marks=marks_of(asked.values.get("marks") or []),
            initials=_initials(asked.text("reader")),
            heat=self._heat(asked, film.sha256) if asked.text("kind") in ("", "png", "sc") else None,
            shown=shown_of(asked.values.get("turns"), asked.values.get("flipped")),
        )

    def _heat(self, asked: Asked, film: str) -> HeatMap | None:
        """The heat map on the page, for a picture; None where none is shown."""
        phrase, anyway = asked.text("heat"), asked.values.get("anyway") is True
        return self.page_answers.holdings.engine.heat_map(film, phrase, anyway) if phrase else None

    def _groundings(self, asked: Asked) -> tuple[Grounding, ...]:
        """The answers to the phrases on the page, each within its box where it has one, and then named so."""
        film, phrases = self.page_answers.known(asked), asked.texts("phrases")
        asked.phrases()  # not more of them than may be asked
        boxes = asked.values.get("boxes") or [None] * len(phrases)
        if not isinstance(boxes, list) or len(boxes) != len(phrases):
            raise BadQuery("The page named its phrases and their boxes in a way that is not known here: reload it.")
        within: list[Box | None] = [Asked({"box": box}).box() for box in boxes]
        found: list[Grounding] = []
        for given, box in zip(phrases, within, strict=True):
            # Each alone: one phrase may be asked of the whole film and of a box of it.
            (phrase,) = listed_phrases([given])
            answer = self.page_answers.grounding(film, phrase, box, asked.values.get("anyway") is True)
            found.append(answer if box is None else replace(answer, phrase=f"{answer.phrase} in the box"))
        return tuple(found)


def _initials(text: str) -> str:
    """A reader's initials as everywhere, "" where none were written. Raises BadQuery."""
    return parse_initials(text) if text.strip() else ""


def shown_of(turns: object, flipped: object) -> str:
    """A sentence on how the reader's screen showed the film, "" where as it is stored. Raises BadQuery."""
    if turns not in (None, 0, 1, 2, 3) or flipped not in (None, True, False):
        raise BadQuery("The page named its view of the film in a way that is not known here: reload it.")
    done = [f"turned by {90 * turns}°"] if isinstance(turns, int) and turns else []
    done += ["mirrored"] * bool(flipped)
    return f"The reader saw the film {' and '.join(done)}; here it is as it is stored." if done else ""
