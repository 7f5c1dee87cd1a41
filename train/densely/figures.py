"""Figures of answers: presence, places, both together, each with a 95 % interval over patients."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.ranking import auroc
from train.densely import concepts as c
from train.densely.asking import Answered

EIGHT = c.NIH[:8]
SENSITIVITY = 0.85


@dataclass(frozen=True)
class Judged:
    """A question about presence: its score and the truth; ``beside`` another finding, or on a film of none."""

    patient: str
    concept: str
    score: float
    there: bool
    beside: bool
    image: str


def judged(answers: Sequence[Answered], shifts: Mapping[str, float]) -> list[Judged]:
    """Eight findings: there where boxed, not there where neither it nor anything akin is named; scores less ``shifts``.

    The rule of the project's figures on NIH films. Scores are logits, so that a shift makes findings comparable.
    """
    out = []
    for film in answers:
        for concept in EIGHT:
            there = concept in film.boxed
            if there or not c.near(concept) & set(film.positive):
                score = logit(film.presence[concept]) - shifts.get(concept, 0.0)
                out.append(Judged(film.patient, concept, score, there, bool(film.positive), film.image))
    return out


def logit(p: float) -> float:
    """Of a probability kept off 0 and 1."""
    p = min(1 - 1e-5, max(1e-5, p))
    return float(np.log(p / (1 - p)))


def against(items: Sequence[Judged], beside: bool) -> list[Judged]:
    """What is there, and what is not there on films without finding, or beside another finding."""
    return [item for item in items if item.there or item.beside == beside]


def area(items: Sequence[Judged]) -> Estimate:
    """Area under the ROC curve."""
    scores, there = np.array([i.score for i in items]), np.array([i.there for i in items], dtype=bool)
    return PatientBootstrap([i.patient for i in items]).of_weights(lambda w: auroc(scores, there, w))


def specificity(items: Sequence[Judged], sensitivity: float = SENSITIVITY) -> Estimate:
    """Share of what is not there that scores below the cut which keeps ``sensitivity`` of what is there."""
    scores, there = np.array([i.score for i in items]), np.array([i.there for i in items], dtype=bool)

    def of(weights: Floats) -> Floats:
        return np.array([_specificity(scores, there, w, sensitivity) for w in weights])

    return PatientBootstrap([i.patient for i in items]).of_weights(of)


def _specificity(scores: Floats, there: Any, weights: Floats, sensitivity: float) -> float:
    order = np.argsort(scores[there], kind="stable")
    yes, w = scores[there][order], weights[there][order]
    if w.sum() == 0 or weights[~there].sum() == 0:
        return float("nan")
    cut = yes[min(len(yes) - 1, int(np.searchsorted(np.cumsum(w), (1 - sensitivity) * w.sum())))]
    return float(((scores[~there] < cut) * weights[~there]).sum() / weights[~there].sum())


def found_share(answers: Sequence[Answered], cuts: Mapping[str, float]) -> Estimate:
    """Of eight findings on films without any: share that is answered "there"."""
    rows = [
        (film.patient, float(logit(film.presence[concept]) >= cuts[concept]))
        for film in answers
        if not film.positive
        for concept in EIGHT
    ]
    return PatientBootstrap([patient for patient, _ in rows]).mean([value for _, value in rows])


def kept(scored: Sequence[Sequence[float]], share: float) -> list[list[float]]:
    """Boxes whose score reaches ``share`` of the best one's; above 1 the best alone."""
    return [list(row[:4]) for k, row in enumerate(scored) if k == 0 or row[4] >= share * scored[0][4]]


@dataclass(frozen=True)
class Placed:
    """One question about place, always answered: overlap of the boxes found with the true ones."""

    patient: str
    concept: str
    side: str
    iou: float
    image: str


def placements(answers: Sequence[Answered], share: float) -> list[Placed]:
    """All placed questions of the films."""
    out = []
    for film in answers:
        for concept, side, found, true in film.places:
            iou = set_iou(as_boxes(kept(found, share)), as_boxes(true))
            out.append(Placed(film.patient, concept, side, float(iou), film.image))
    return out


def bare(items: Sequence[Placed]) -> list[Placed]:
    """Findings asked without side."""
    return [item for item in items if item.concept in EIGHT and not item.side]


def with_side(items: Sequence[Placed]) -> list[Placed]:
    """Findings asked with their side; what has none, such as cardiomegaly, as it is."""
    return [i for i in items if i.concept in EIGHT and (i.side or i.concept in c.SIDELESS)]


def mean_iou(items: Sequence[Placed], reach: float | None = None) -> Estimate:
    """Mean overlap, or the share that ``reach``es one."""
    values = [item.iou if reach is None else float(item.iou >= reach) for item in items]
    return PatientBootstrap([item.patient for item in items]).mean(values)


def f1(answers: Sequence[Answered], cuts: Mapping[str, float], share: float, reach: float = 0.3) -> Estimate:
    """F1 over bare phrases that are there and as many, finding by finding, that are not.

    A box on an absent phrase is a false positive, a box that misses counts as false positive and as miss.
    """
    rng = random.Random(0)
    rows: list[tuple[str, float, float, float]] = []
    for concept in EIGHT:
        yes = [film for film in answers if concept in film.boxed]
        no = [film for film in answers if concept not in film.boxed and not c.near(concept) & set(film.positive)]
        for film in yes:
            answered = logit(film.presence[concept]) >= cuts[concept]
            found, true = next((p[2], p[3]) for p in film.places if p[0] == concept and not p[1])
            hit = answered and set_iou(as_boxes(kept(found, share)), as_boxes(true)) >= reach
            rows.append((film.patient, float(hit), float(answered), 1.0))
        for film in rng.sample(no, min(len(yes), len(no))):
            rows.append((film.patient, 0.0, float(logit(film.presence[concept]) >= cuts[concept]), 0.0))
    columns = np.array([row[1:] for row in rows])

    def of(sums: Floats) -> Floats:
        return np.asarray(2 * sums[:, 0] / (sums[:, 1] + sums[:, 2]))

    return PatientBootstrap([row[0] for row in rows]).of_sums(columns, of)


def by(items: Sequence[Placed], key: Callable[[Placed], str]) -> dict[str, list[Placed]]:
    """Items by a name."""
    out: dict[str, list[Placed]] = {}
    for item in items:
        out.setdefault(key(item), []).append(item)
    return dict(sorted(out.items()))
