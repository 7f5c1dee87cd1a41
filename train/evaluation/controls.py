"""Controls that answer without looking, or that look at the wrong film: what a figure must beat to mean anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lofi.boxes import Boxes
from train.evaluation.questions import Film, FilmBox, Question, present_questions


@dataclass(frozen=True)
class CentrePrior:
    """The median training box of each question's label and side, coordinate by coordinate, given to every film."""

    boxes: dict[tuple[str, str], FilmBox]

    @classmethod
    def fit(cls, films: Sequence[Film]) -> "CentrePrior":
        """Medians over the films of the train split: by label (bare), by label and side, and of all findings' boxes."""
        gathered: dict[tuple[str, str], list[FilmBox]] = {}
        training = [film for film in films if film.split == "train"]
        for name, questions in present_questions(training).items():
            for question in questions if name != "sentence" else ():
                gathered.setdefault((question.label, question.side), []).extend(question.targets)
        if boxes := [box.box for film in training for box in film.boxes if box.kind == "finding"]:
            gathered["", ""] = boxes
        return cls({key: _median(boxes) for key, boxes in gathered.items()})

    def answer(self, question: Question) -> Boxes:
        """(1, 4), or (0, 4) for a label without a training box; a written sentence gets the nearest median there is."""
        label, side = question.label, question.side
        keys = [(label, side), (label, ""), ("", "")] if question.written else [(label, side)]
        known = next((self.boxes[key] for key in keys if key in self.boxes), None)
        return np.array([known]) if known else np.zeros((0, 4))


def _median(boxes: Sequence[FilmBox]) -> FilmBox:
    x0, y0, x1, y1 = np.median(boxes, axis=0).tolist()
    return x0, y0, x1, y1


def random_boxes(question: Question, generator: np.random.Generator) -> Boxes:
    """(M, 4) the targets, each moved to a uniformly random place inside the film: count and size are right."""
    targets = question.boxes
    size = targets[:, 2:] - targets[:, :2]
    corner = generator.random(size.shape) * (1 - size)
    return np.concatenate([corner, corner + size], axis=1)


def other_films(questions: Sequence[Question], films: Sequence[Film], generator: np.random.Generator) -> list[int]:
    """(n,) for each question the film of another patient to ask instead.

    Drawn among films of the same source and kind of question where there are any, so that only the patient changes.
    Raises ValueError when all films are of one patient.
    """
    asked = sorted({question.film for question in questions})
    chosen = []
    for question in questions:
        own = films[question.film]
        others = [index for index in asked if films[index].patient != own.patient]
        others = others or [index for index, film in enumerate(films) if film.patient != own.patient]
        if not others:
            raise ValueError("The shuffled control needs films of at least two patients.")
        alike = [index for index in others if films[index].source == own.source] or others
        chosen.append(int(generator.choice(alike)))
    return chosen
