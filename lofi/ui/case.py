"""The case on the screen: one frozen value, from which the page is drawn whole each time it grows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lofi.answers import Answer
from lofi.results import Grounding, Hit, Study
from lofi.view import line_of

if TYPE_CHECKING:
    from lofi.engine import Engine


@dataclass(frozen=True)
class Case:
    """A film, the hits and the phrases asked so far.

    ``turn`` grows with every film, so that a late answer about an earlier one is told apart. ``film`` is the card
    of lofi.answers (the pixels stay in the engine). ``hits`` is None until they are known. ``groundings`` are the
    answers so far, ``busy`` says that more will come. ``own`` is the gallery study that the film came from.
    """

    turn: int = 0
    title: str = ""
    film: Answer | None = None
    own: Study | None = None
    where: str = ""
    hits: tuple[Hit, ...] | None = None
    phrases: tuple[str, ...] = ()
    groundings: tuple[Grounding, ...] = ()
    busy: bool = False

    @property
    def open_phrases(self) -> tuple[str, ...]:
        """The phrases without an answer, in their order."""
        known = {grounding.phrase for grounding in self.groundings}
        return tuple(phrase for phrase in self.phrases if phrase not in known)

    def to_json(self) -> dict[str, Any]:
        """The page's props. Phrases, reports and names in it are data of strangers: the page shows them as text."""
        return {
            "turn": self.turn,
            "busy": self.busy,
            "film": None if self.film is None else {**self.film, "title": self.title},
            "hits": None if self.hits is None else [_hit(hit) for hit in self.hits],
            "where": self.where,
            "findings": [self._finding(number, phrase) for number, phrase in enumerate(self.phrases)],
        }

    def _finding(self, number: int, phrase: str) -> dict[str, Any]:
        colour, dash = line_of(number)
        look = {"colour": colour, "dash": dash}
        for grounding in self.groundings:
            if grounding.phrase == phrase:
                return {**grounding.to_json(), **look, "state": "known"}
        return {"phrase": phrase, "boxes": [], "scores": [], **look, "state": "looking" if self.busy else "stopped"}


def grow(engine: "Engine", case: Case) -> Iterator[Case]:
    """The case as it grows: hits where they are missing, then the phrases that have no answer yet, one by one.

    Whatever ends it, the last value is not busy.
    """
    if case.film is None:
        return
    film = str(case.film["sha256"])
    case = replace(case, busy=True)
    try:
        yield case
        if case.hits is None:
            case = replace(case, hits=engine.search(film, where=case.where, leave_out=case.own))
            yield case
        for grounding in engine.ground(film, case.open_phrases):
            case = replace(case, groundings=(*case.groundings, grounding))
            yield case
    except Exception:
        yield replace(case, busy=False)
        raise
    yield replace(case, busy=False)


def _hit(hit: Hit) -> dict[str, Any]:
    """A hit for the page: the boxes of its findings only, because those of its anatomy would hide them."""
    study = hit.study
    findings = tuple(box for box in study.boxes if box.kind == "finding")
    public = replace(hit, study=replace(study, boxes=findings)).to_json()
    return {**public, "sex": study.sex, "age": study.age, "simulated": study.simulated}
