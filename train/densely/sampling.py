"""Which films a batch holds and what it asks of them: by finding, never by how many films a source has."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train.densely import concepts as c
from train.densely.answers import Box, Film
from train.densely.augment import inside
from train.densely.balance import Key, cells, counted, films_by_answer, weights
from train.densely.canvases import placed
from train.densely.drawn import draw
from train.densely.outlines import Outlines, made_up, stretched
from train.densely.questions import Question, choose
from train.densely.shadows import CAST, Shadows, lay

BATCH = 12
_SMALL = {"nodule": 1.6, "mass": 1.4, "atelectasis": 1.2, "effusion": 1.2, "pneumothorax": 1.2, "infiltration": 1.2}
"""Boxed findings that are shown more often than their number of films alone would have it."""
DRAWN_TRUST = 0.3
DRAWN = {"nodule": 3.0, "mass": 1.5, "consolidation": 2.0, "effusion": 2.0, "pneumothorax": 1.5}
"""How often each finding is drawn into a normal film; those that the simulator casts only where it did."""
DRAWN_SHARE = 0.6
"""Of the normal films of a round, those that something is drawn into."""
BOXED = 5
"""Of a round's films, those picked for a finding that has a box on them."""
FOUND_SHARE = 0.3
"""Of these, films on which a model has found it, or a code places it in a region, where there are any."""
TOLD = 2
"""Films of a round beyond ``BATCH`` that are picked for their report."""


@dataclass(frozen=True)
class Pick:
    """A film of the batch: its place, the concept it was picked for, and whether something is drawn into it."""

    film: int
    main: str | None = None
    drawn: str | None = None


class Sampler:
    """Draws batches of picks; ``weights`` balance the answers about presence, from a rehearsal.

    A batch is ``rounds`` times the same mixture, ``told`` places of films that have a report among it.
    """

    def __init__(
        self,
        films: Sequence[Film],
        seed: int = 0,
        rehearsal: int = 1200,
        rounds: int = 1,
        told: Sequence[int] = (),
        shadows: Shadows | None = None,
    ) -> None:
        self.films, self.rounds, self.told, self.shadows = films, rounds, told, shadows
        answers = films_by_answer(films)
        self.cells = cells(answers)
        self.answers = answers
        self.boxed = {concept: found for concept in c.FINDINGS if (found := self._boxed(concept, made=False))}
        self.found = {concept: found for concept in c.FINDINGS if (found := self._made(concept))}
        self.normal = [i for i, f in enumerate(films) if not f.positive and "lung" in f.regions]
        self.drawable = {concept: found for concept in DRAWN if (found := self._drawable(concept))}
        self.outlines = Outlines(films)
        self.by_hand = [i for i, f in enumerate(films) if f.group == "jsrt"]
        self.others = {key: self._beside(*key[:2], found) for key, found in answers.items() if not key[2]}
        rng = random.Random(seed)
        asked = [
            (films[pick.film].group, q)
            for _ in range(rehearsal)
            for pick in self._round(rng)
            for q in choose(films[pick.film], pick.main, rng)
        ]
        self.weights: dict[Key, float] = weights(counted(asked), self.cells)

    def _boxed(self, concept: str, made: bool) -> list[int]:
        """Places of the films with its box, drawn by a reader or ``made`` by a model."""
        found = [i for i, film in enumerate(self.films) if concept in film.regions]
        return [i for i in found if self.films[i].regions[concept][0].made == made]

    def _made(self, concept: str) -> list[int]:
        """Places of the films with its box made by a model, or with a coded region for it."""
        coded = [i for i, film in enumerate(self.films) if concept in film.coded and concept not in film.regions]
        return [*self._boxed(concept, made=True), *coded]

    def _beside(self, concept: str, group: str, denied: Sequence[int]) -> list[int]:
        """Films with another finding on which this one is denied, or at least not mentioned."""
        unsaid = [i for i, film in enumerate(self.films) if film.group == group and concept in film.unmentioned]
        return [i for i in denied if self.films[i].positive] + unsaid

    def _drawable(self, concept: str) -> list[int]:
        """Places of the films that are known not to show it, where it can be drawn at all."""
        able = self.shadows is not None or concept not in CAST
        return [i for i in self.normal if (concept, "") in self.films[i].absent] if able else []

    def picks(self, rng: random.Random) -> list[Pick]:
        """A batch."""
        return [pick for _ in range(self.rounds) for pick in self._round(rng)]

    def _round(self, rng: random.Random) -> list[Pick]:
        """Films with boxes, pairs of yes and no of the same group, normal films, one drawn by hand, with reports."""
        out = [Pick(rng.choice(self.told)) for _ in range(TOLD)] if self.told else []
        names = list(self.boxed)
        if names:
            shares = [len(self.boxed[name]) ** 0.5 * _SMALL.get(name, 1.0) for name in names]
            out += [Pick(rng.choice(self._shown(name, rng)), name) for name in rng.choices(names, shares, k=BOXED)]
        if self.cells:
            for concept, group in rng.choices(self.cells, [self._cell_share(cell) for cell in self.cells], k=2):
                yes, no = self.answers[(concept, group, True)], self.answers[(concept, group, False)]
                beside = self.others[(concept, group, False)]
                out += [Pick(rng.choice(yes), concept)]
                out += [Pick(rng.choice(beside if beside and rng.random() < 0.5 else no), concept)]
        if self.drawable:
            for _ in range(2):
                concept = rng.choices(list(self.drawable), [DRAWN[name] for name in self.drawable])[0]
                drawn = concept if rng.random() < DRAWN_SHARE else None
                out.append(Pick(rng.choice(self.drawable[concept]), drawn=drawn))
        if self.by_hand:
            out.append(Pick(rng.choice(self.by_hand)))
        missing = BATCH + (TOLD if self.told else 0) - len(out)
        return out + [Pick(rng.randrange(len(self.films))) for _ in range(missing)]

    def _shown(self, concept: str, rng: random.Random) -> list[int]:
        made = self.found.get(concept, [])
        return made if made and rng.random() < FOUND_SHARE else self.boxed[concept]

    def _cell_share(self, cell: tuple[str, str]) -> float:
        fewest = min(len(self.answers[(*cell, there)]) for there in (True, False))
        return float(min(fewest, 100) ** 0.5 * (2.5 if cell[0] in c.NIH[:8] else 1.0))

    def asked(
        self, pick: Pick, canvas: NDArray[np.uint8], rng: random.Random, drawing: np.random.Generator
    ) -> tuple[NDArray[np.uint8], list[Question]]:
        """The canvas of a picked film, drawn into where asked for, and its questions, boxes on the canvas."""
        film = self.films[pick.film]
        questions = [self._weighed(q, film) for q in choose(film, pick.main, rng)]
        if pick.drawn is None:
            return canvas, questions
        lung = rng.choice(film.regions["lung"])
        drawn = self._draw(canvas, pick.drawn, lung.side, placed(lung.box, film.size_hw), drawing)
        if drawn is None:
            return canvas, questions
        canvas, box = drawn
        others = [q for q in questions if q.concept not in c.near(pick.drawn)]
        return canvas, [*_drawn(_named(pick.drawn, rng), lung.side, box, rng), *others]

    def _draw(
        self, canvas: NDArray[np.uint8], concept: str, side: str, lung: Box, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], Box] | None:
        """The canvas with the finding in the lung at the canvas box ``lung``, and its box; None where it cannot be."""
        box, shadow = self.outlines.one(concept, side, lung, rng), None
        if concept in CAST:
            shadow = self.shadows.like(box, concept, side, lung, rng) if self.shadows else None
            if shadow is None:
                return None
            box = box or stretched(shadow.box, shadow.lung, lung)
        box = box or made_up(concept, lung, rng)
        if (seen := inside(box)) is None:
            return None
        return draw(canvas, box, concept, rng) if shadow is None else lay(canvas, lung, box, shadow, rng), seen

    def _weighed(self, question: Question, film: Film) -> Question:
        boxes = tuple(placed(box, film.size_hw) for box in question.boxes)
        if question.present is None:
            return replace(question, boxes=boxes, trust=0.0)
        weight = self.weights.get((question.concept, film.group, question.present), 0.0)
        return replace(question, boxes=boxes, trust=weight * question.trust)


def _named(concept: str, rng: random.Random) -> str:
    """Consolidation is an opacity, and readers often call it that."""
    return rng.choice(("consolidation", "lung opacity")) if concept == "consolidation" else concept


def _drawn(concept: str, side: str, box: Box, rng: random.Random) -> list[Question]:
    """Questions about what was drawn: there (half-heartedly, it is not real), and nowhere on the other side."""
    other = {"left": "right", "right": "left"}[side]
    asked = Question(concept, rng.choice(("", side)), (box,), present=True, trust=DRAWN_TRUST, made=True)
    return [asked, Question(concept, other, present=False, trust=DRAWN_TRUST, made=True)]
