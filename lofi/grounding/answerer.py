"""Phrase, film and shots → boxes with evidence, whichever model answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from lofi.boxes import as_boxes, set_iou
from lofi.film.radiograph import Radiograph
from lofi.grounding.shots import Shot
from lofi.network.encoder import EncodedFilm
from lofi.results import Evidence, Grounding


class Answerer(Protocol):
    """A model that grounds a phrase with examples in its context. ``most``: shots that it can take, 0 … 8."""

    @property
    def name(self) -> str: ...

    @property
    def most(self) -> int: ...

    def hears(self, shot: Shot) -> bool:
        """Whether the shot has any part in the answer."""
        ...

    def answer_each(
        self, film: Radiograph | EncodedFilm, phrase: str, sets: Sequence[Sequence[Shot]]
    ) -> list[Grounding]:
        """One answer for each set of shots; sets share their shots, so that what they share can be computed once."""
        ...


def ground(
    answerer: Answerer, film: Radiograph | EncodedFilm, phrase: str, shots: Sequence[Shot], explain: bool = True
) -> Grounding:
    """The answer with all ``shots``. With ``explain`` its evidence says for each how far it moved the answer.

    That is leave-one-out: the phrase is asked again without each shot, side by side where the answerer can. A shot that
    the answerer does not hear is named too, so that what is wrong in a gallery shows.
    """
    given = list(shots)[: answerer.most]
    heard = [shot for shot in given if answerer.hears(shot)]
    sets = [heard] + [[*heard[:number], *heard[number + 1 :]] for number in range(len(heard)) if explain]
    answer, *others = answerer.answer_each(film, phrase, sets)
    without = dict(zip(map(id, heard), others, strict=False))
    evidence = [_evidence(shot, answer, without.get(id(shot))) for shot in given if explain]
    return replace(answer, evidence=tuple(evidence))


def _evidence(shot: Shot, answer: Grounding, without: Grounding | None) -> Evidence:
    """``without``: the answer without the shot, None where it was not heard."""
    heard = without is not None
    without = without or answer
    return Evidence(
        study_id=shot.study_id,
        phrase=shot.phrase,
        boxes=shot.boxes,
        similarity=shot.similarity,
        moved=1 - set_iou(as_boxes(answer.boxes), as_boxes(without.boxes)),
        confidence_change=answer.confidence - without.confidence,
        trusted=shot.trusted,
        agreement=set_iou(as_boxes(shot.boxes), as_boxes(answer.boxes)),
        support=shot.support,
        heard=heard,
    )
