"""Grounding figures. Each asked phrase gives one row of additive columns; every figure is a function of their sums.

A phrase is one question to one film; its targets are all boxes that it should find. Rows add up over questions,
which is what lets the bootstrap resample them cheaply.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lofi.boxes import Boxes, area, pairwise_iou, set_iou
from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap

IOU_LEVELS = (0.1, 0.3, 0.5, 0.7)
F1_LEVELS = (0.3, 0.5)

COLUMNS = (
    "questions",
    "iou",
    *(f"iou>={level}" for level in IOU_LEVELS),
    "pointed",
    *(f"matched@{level}" for level in F1_LEVELS),
    "predicted",
    "targets",
    "rodeo_localisation",
    "rodeo_shape",
    "rodeo_matched",
)


def question_row(predicted: Boxes, scores: Sequence[float], targets: Boxes, point: Floats | None = None) -> Floats:
    """(C,) row of ``COLUMNS`` for one question. Nothing predicted scores 0, it is not left out.

    ``predicted`` (M, 4) with one score a box; ``targets`` (K, 4), K ≥ 1; ``point`` (2,) x, y is where the system
    points, by default the centre of its best box.
    """
    iou = set_iou(predicted, targets)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ranked = predicted[order]
    if point is None and len(ranked):
        point = (ranked[0, :2] + ranked[0, 2:]) / 2
    localisation, shape = rodeo_sums(predicted, targets)
    return np.array(
        [
            1.0,
            iou,
            *(float(iou >= level) for level in IOU_LEVELS),
            float(point is not None and points_into(point, targets)),
            *(greedy_matches(ranked, targets, level) for level in F1_LEVELS),
            len(predicted),
            len(targets),
            localisation,
            shape,
            min(len(predicted), len(targets)),
        ]
    )


def points_into(point: Floats, targets: Boxes) -> bool:
    """Pointing game (Zhang et al. 2018), without a margin: the point lies in any target box, edges included."""
    return bool(((point >= targets[:, :2]) & (point <= targets[:, 2:])).all(axis=1).any())


def greedy_matches(ranked: Boxes, targets: Boxes, level: float) -> int:
    """Predictions, best first, each take the free target they overlap most, if IoU ≥ ``level``: how many do."""
    overlap, matches = pairwise_iou(ranked, targets), 0
    for row in overlap:
        if len(row) and row.max() >= level:
            matches += 1
            overlap[:, row.argmax()] = -1.0
    return matches


def generalised_iou(first: Boxes, second: Boxes) -> Floats:
    """(M, K) generalised IoU, −1 … 1 (Rezatofighi et al. 2019)."""
    low = np.minimum(first[:, None, :2], second[None, :, :2])
    high = np.maximum(first[:, None, 2:], second[None, :, 2:])
    around = np.prod(high - low, axis=2)
    iou = pairwise_iou(first, second)
    union = (area(first)[:, None] + area(second)[None]) / (1 + iou)
    return np.asarray(iou - (around - union) / around, dtype=np.float64)


def rodeo_sums(predicted: Boxes, targets: Boxes) -> tuple[float, float]:
    """Summed localisation and shape scores of matched pairs (RoDeO, Meissen et al. 2023, equations 2 and 3).

    Hungarian matching on generalised IoU; localisation exp(−ln 2·d²), d the distance of the centres in units of the
    target's width and height; shape is the IoU with centres aligned. Unmatched boxes add nothing here.
    """
    if len(predicted) == 0 or len(targets) == 0:
        return 0.0, 0.0
    rows, columns = linear_sum_assignment(-generalised_iou(predicted, targets))
    found, wanted = predicted[rows], targets[columns]
    size_found, size_wanted = found[:, 2:] - found[:, :2], wanted[:, 2:] - wanted[:, :2]
    offset = (found[:, :2] + found[:, 2:] - wanted[:, :2] - wanted[:, 2:]) / 2 / size_wanted
    localisation = np.exp(-np.log(2) * (offset**2).sum(axis=1))
    inter = np.minimum(size_found, size_wanted).prod(axis=1)
    shape = inter / (size_found.prod(axis=1) + size_wanted.prod(axis=1) - inter)
    return float(localisation.sum()), float(shape.sum())


def _column(sums: Floats, name: str) -> Floats:
    return np.asarray(sums[:, COLUMNS.index(name)], dtype=np.float64)


def per_question(sums: Floats, name: str) -> Floats:
    """(R,) mean of one column over questions."""
    return _column(sums, name) / _column(sums, "questions")


def f1(sums: Floats, level: float) -> Floats:
    """(R,) micro F1 over all boxes: 2·matched / (predicted + targets)."""
    return 2 * _column(sums, f"matched@{level}") / (_column(sums, "predicted") + _column(sums, "targets"))


def rodeo(sums: Floats, part: str) -> Floats:
    """(R,) RoDeO ``localisation``, ``shape``, ``coverage`` or ``total``, each times matched/(matched + over + missed).

    The class is given with the phrase, so RoDeO's classification score is the coverage itself; total is the harmonic
    mean of the three, as in the package rodeometric.
    """
    boxes = _column(sums, "predicted") + _column(sums, "targets") - _column(sums, "rodeo_matched")
    if part == "coverage":
        return _column(sums, "rodeo_matched") / boxes
    if part == "total":
        parts = np.stack([rodeo(sums, name) for name in ("localisation", "shape", "coverage")])
        return np.asarray(3 / (1 / (parts + 1e-6)).sum(axis=0), dtype=np.float64)
    return _column(sums, f"rodeo_{part}") / boxes


def grounding_figures(
    rows: Floats, patients: Sequence[str], resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Every grounding figure of (n, C) question rows, with its patient-bootstrap interval."""
    boot = PatientBootstrap(patients, resamples, seed)
    rows = rows.reshape(-1, len(COLUMNS))
    figures = {"mean IoU": boot.of_sums(rows, partial(per_question, name="iou"))}
    for level in IOU_LEVELS:
        figures[f"IoU≥{level}"] = boot.of_sums(rows, partial(per_question, name=f"iou>={level}"))
    for level in F1_LEVELS:
        figures[f"F1@{level}"] = boot.of_sums(rows, partial(f1, level=level))
    for part in ("localisation", "shape", "total"):
        figures[f"RoDeO {part}"] = boot.of_sums(rows, partial(rodeo, part=part))
    figures["pointing"] = boot.of_sums(rows, partial(per_question, name="pointed"))
    return figures


def ious(rows: Floats) -> NDArray[np.float64]:
    """(n,) IoU of each question."""
    return _column(rows.reshape(-1, len(COLUMNS)), "iou")


HEAT_CUTS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Similarities at which BioViL cuts a heat map (Boecking et al. 2022, arXiv 2204.09817)."""


def contrast_to_noise(heat: Floats, inside: NDArray[np.bool_]) -> float:
    """(μ_in − μ_out) / √(σ²_in + σ²_out) of an (H, W) map in and out of the boxes; its size is BioViL's CNR.

    0 where the map is flat or the boxes leave nothing outside.
    """
    within, without = heat[inside], heat[~inside]
    if not within.size or not without.size:
        return 0.0
    noise = float(np.sqrt(within.var() + without.var()))
    return float(within.mean() - without.mean()) / noise if noise > 0 else 0.0


def heat_iou(heat: Floats, inside: NDArray[np.bool_]) -> float:
    """Mean over ``HEAT_CUTS`` of the IoU between the (H, W) map cut there and the boxes: BioViL's mIoU."""
    cuts = [heat > cut for cut in HEAT_CUTS]
    return float(np.mean([(cut & inside).sum() / max(1, (cut | inside).sum()) for cut in cuts]))
