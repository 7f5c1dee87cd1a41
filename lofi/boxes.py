"""Boxes as arrays. One convention everywhere: float xyxy, edge-based, 0–1 of the original film.

``x`` grows to the right of the picture (the patient's left), ``y`` downward. A box of the whole film is
``(0, 0, 1, 1)``. Functions take and return ``(M, 4)`` float64 arrays and never change their input.
"""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lofi.errors import BadQuery

Boxes = NDArray[np.float64]
MAX_BOXES = 32
"""Boxes that one question may bring."""


def as_boxes(values: ArrayLike | Sequence[Sequence[float]]) -> Boxes:
    """(M, 4) float64 from anything box-like; ``[]`` gives ``(0, 4)``.

    Raises BadQuery unless every row holds four finite numbers with x0 < x1 and y0 < y1.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadQuery("Boxes must be lists of four numbers [x0, y0, x1, y1].") from error
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4:
        raise BadQuery(f"Boxes must be lists of four numbers [x0, y0, x1, y1], not shape {array.shape}.")
    if not np.isfinite(array).all():
        raise BadQuery("Boxes must hold finite numbers.")
    if (array[:, 2:] <= array[:, :2]).any():
        raise BadQuery("A box needs x0 < x1 and y0 < y1.")
    return array.copy()


def clip(boxes: Boxes, low: float = 0.0, high: float = 1.0) -> Boxes:
    """Boxes cut to the range; boxes that vanish are dropped, so M may shrink."""
    cut = np.clip(boxes, low, high)
    return cut[((cut[:, 2:] - cut[:, :2]) > 1e-9).all(axis=1)]


def parse_boxes(text: str) -> Boxes:
    """(M, 4) boxes, M ≥ 1, from JSON: a list of [x0, y0, x1, y1] (or one such box), 0–1 of the film, cut to it.

    Raises BadQuery for anything else, for more than MAX_BOXES and for a box outside the film.
    """
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


def area(boxes: Boxes) -> NDArray[np.float64]:
    """(M,) areas in square film units."""
    return np.asarray(np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1), dtype=np.float64)


def pairwise_iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(M, K) intersection over union of every pair; 0 where both are empty."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    union = area(first)[:, None] + area(second)[None] - inter
    return np.asarray(np.divide(inter, union, out=np.zeros_like(inter), where=union > 0), dtype=np.float64)


def side_of(box: Sequence[float]) -> str:
    """The patient's side, "left" or "right", on which three quarters of a film box lie; "" across the midline.

    Films are seen face to face: the patient's right is on the left of the picture.
    """
    x0, _, x1, _ = box
    share = (min(x1, 0.5) - min(x0, 0.5)) / (x1 - x0)
    return "right" if share >= 0.75 else "left" if share <= 0.25 else ""


def union_area(boxes: Boxes) -> float:
    """Area covered by at least one box, exact, by coordinate compression."""
    if len(boxes) == 0:
        return 0.0
    xs, ys = np.unique(boxes[:, [0, 2]]), np.unique(boxes[:, [1, 3]])
    covered = np.zeros((len(ys) - 1, len(xs) - 1), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        covered |= ((ys[:-1] >= y0) & (ys[1:] <= y1))[:, None] & ((xs[:-1] >= x0) & (xs[1:] <= x1))[None]
    return float((np.diff(ys)[:, None] * np.diff(xs)[None] * covered).sum())


def set_iou(first: Boxes, second: Boxes) -> float:
    """IoU of two sets of boxes taken as regions (each the union of its boxes); 1.0 when both are empty."""
    if len(first) == 0 and len(second) == 0:
        return 1.0
    if len(first) == 0 or len(second) == 0:
        return 0.0
    union = union_area(np.concatenate([first, second]))
    inter = union_area(first) + union_area(second) - union
    return max(0.0, inter / union) if union > 0 else 0.0


def nms(boxes: Boxes, scores: NDArray[np.float64], iou: float = 0.5) -> NDArray[np.int64]:
    """Indices kept by greedy non-maximum suppression, best score first."""
    order, kept = list(np.argsort(-scores, kind="stable")), []
    overlap = pairwise_iou(boxes, boxes)
    while order:
        best = order.pop(0)
        kept.append(best)
        order = [index for index in order if overlap[best, index] < iou]
    return np.asarray(kept, dtype=np.int64)


def fuse(boxes: Boxes, iou: float = 0.1) -> Boxes:
    """Groups of boxes linked by IoU ≥ ``iou`` become the one box around each (PAPER.md: fused at 0.1)."""
    fused = boxes.copy()
    while len(fused) > 1:
        overlap = np.triu(pairwise_iou(fused, fused), 1)
        first, second = np.unravel_index(int(overlap.argmax()), overlap.shape)
        if overlap[first, second] < iou:
            break
        joined = np.concatenate([fused[[first, second], :2].min(0), fused[[first, second], 2:].max(0)])
        fused = np.concatenate([np.delete(fused, [first, second], axis=0), joined[None]])
    return fused[np.lexsort((fused[:, 1], fused[:, 0]))] if len(fused) else fused


def quantise(boxes: Boxes, bins: int) -> NDArray[np.int64]:
    """(M, 4) bin numbers 0 … bins−1 of coordinates in 0–1: floor(bins·x), the last edge in the last bin."""
    return np.clip(np.floor(boxes * bins), 0, bins - 1).astype(np.int64)


def dequantise(numbers: ArrayLike, bins: int) -> Boxes:
    """Bin centres (number + ½) / bins back to coordinates in 0–1."""
    return (np.asarray(numbers, dtype=np.float64) + 0.5) / bins
