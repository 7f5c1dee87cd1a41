"""A batch as tensors: canvases, questions, and the true answers on the grid of the network."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.network.dense import SIDES
from train.densely.augment import Grey, Move, augmented, inside
from train.densely.concepts import CONCEPTS
from train.densely.questions import DRAWN_BY_HAND, Question
from train.densely.sampling import Pick, Sampler

STRIDE = 8


@dataclass(frozen=True)
class Targets:
    """Q questions on a grid of n × n cells.

    ``want`` (Q, n, n) 1 inside a box; ``boxes`` (Q, 4, n, n) the box of each such cell; ``share`` (Q, n, n) sums to
    1 over a question's boxes and weighs their middles more; ``placed`` (Q,) 1 where the place is known; ``weight`` (Q,)
    of the place; ``present`` (Q,) 0 or 1, softened where a label was read off a text; ``trust`` (Q,) of that, 0 where
    unknown. ``within`` (Q,) 1 where the boxes are regions in which it is somewhere: those have neither ``share`` nor
    box.
    """

    want: Tensor
    boxes: Tensor
    share: Tensor
    placed: Tensor
    weight: Tensor
    present: Tensor
    trust: Tensor
    within: Tensor


@dataclass(frozen=True)
class Batch:
    """``films`` (B, S, S) in 0–1, and for each question its film, concept and side, all (Q,). ``rows`` (B,): the film's
    place in the corpus, −1 where something was drawn into it.
    """

    films: Tensor
    which: Tensor
    concepts: Tensor
    sides: Tensor
    targets: Targets
    rows: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch there."""
        moved = (getattr(self.targets, field.name).to(device) for field in fields(Targets))
        return Batch(
            self.films.to(device),
            self.which.to(device),
            self.concepts.to(device),
            self.sides.to(device),
            Targets(*moved),
            self.rows.to(device),
        )

    def parts(self, count: int) -> list["Batch"]:
        """The batch cut film by film into ``count`` of like size, each with its own questions."""
        return [self._of(films) for films in torch.arange(len(self.films)).tensor_split(count) if len(films)]

    def _of(self, films: Tensor) -> "Batch":
        own = torch.isin(self.which, films)
        targets = Targets(*(getattr(self.targets, field.name)[own] for field in fields(Targets)))
        which = self.which[own] - films[0]
        return Batch(self.films[films], which, self.concepts[own], self.sides[own], targets, self.rows[films])


def cells_of(box: Sequence[float], n: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """(n, n) cells whose centres lie in the box, at least the one of its middle, and their centre weights, sum 1."""
    grid = (np.arange(n, dtype=np.float32) + 0.5) / n
    x0, y0, x1, y1 = box
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    mask = ((grid >= y0) & (grid <= y1))[:, None] & ((grid >= x0) & (grid <= x1))[None]
    mask[min(n - 1, max(0, int(cy * n))), min(n - 1, max(0, int(cx * n)))] = True
    off_x, off_y = np.abs(grid - cx) / max(1e-6, (x1 - x0) / 2), np.abs(grid - cy) / max(1e-6, (y1 - y0) / 2)
    weight = np.where(mask, 0.15 + np.clip(1 - off_y, 0, 1)[:, None] * np.clip(1 - off_x, 0, 1)[None], 0)
    return mask, (weight / weight.sum()).astype(np.float32)


def targets_of(questions: Sequence[Question], n: int) -> Targets:
    """The true answers of questions whose boxes lie on the canvas, 0–1. Of boxes that overlap the smaller is on top."""
    want = np.zeros((len(questions), n, n), np.float32)
    share = np.zeros_like(want)
    boxes = np.zeros((len(questions), 4, n, n), np.float32)
    for row, question in enumerate(questions):
        for box in sorted(question.boxes, key=lambda b: -(b[2] - b[0]) * (b[3] - b[1])):
            mask, weight = cells_of(box, n)
            want[row][mask] = 1
            share[row] = np.where(mask, weight, share[row])
            boxes[row][:, mask] = np.asarray(box, np.float32)[:, None]
        share[row] *= 0 if question.within else 1 / max(1e-9, float(share[row].sum()))
    column = [[q.placed, q.weight, _softened(q), 0.0 if q.present is None else q.trust, q.within] for q in questions]
    placed, weight, present, trust, within = torch.tensor(column, dtype=torch.float32).reshape(-1, 5).unbind(1)
    arrays = (torch.from_numpy(a) for a in (want, boxes, share))
    return Targets(*arrays, placed, weight, present, trust, within)


def _softened(question: Question) -> float:
    """Labels without a box were read off reports, by machine or by coders: about one in ten is wrong."""
    if question.present is None:
        return 0.0
    by_reader = question.placed and question.weight == DRAWN_BY_HAND
    return (1.0 if by_reader else 0.92) if question.present else 0.02


def moved(question: Question, move: Move) -> Question | None:
    """The question after the film has moved; None where a box has left the canvas."""
    boxes = [inside(move.box(box)) for box in question.boxes]
    kept = tuple(box for box in boxes if box is not None)
    return replace(question, boxes=kept) if len(kept) == len(boxes) else None


def batch_of(
    sampler: Sampler, canvases: NDArray[np.uint8], side: int, step: int, seed: int, pool: ThreadPoolExecutor | None
) -> Batch:
    """The batch of a step: the same for the same seed and step, so that a run can be taken up again. Without a ``pool``
    film after film, for a process that is one of many.
    """
    rng = random.Random(f"{seed} {step}")
    work = [(pick, rng.random(), (seed, step, place)) for place, pick in enumerate(sampler.picks(rng))]

    def made(item: tuple[Pick, float, tuple[int, int, int]]) -> tuple[Grey, list[Question]]:
        pick, own, key = item
        noise = np.random.default_rng(key)
        canvas, questions = sampler.asked(pick, np.asarray(canvases[pick.film]), random.Random(own), noise)
        film, move = augmented(canvas, side, noise)
        return film, [q for question in questions if (q := moved(question, move)) is not None]

    ready = list(map(made, work) if pool is None else pool.map(made, work))
    questions = [q for _, asked in ready for q in asked]
    return Batch(
        torch.from_numpy(np.stack([film for film, _ in ready])),
        torch.tensor([place for place, (_, asked) in enumerate(ready) for _ in asked]),
        torch.tensor([CONCEPTS.index(q.concept) for q in questions]),
        torch.tensor([SIDES.index(q.side) for q in questions]),
        targets_of(questions, side // STRIDE),
        torch.tensor([pick.film if pick.drawn is None else -1 for pick, _, _ in work]),
    )
