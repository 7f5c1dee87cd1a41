"""Boxes of published sets to 0–1 xyxy of the original film; each set's own convention is stated in its adapter."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from lofi.boxes import Boxes, area, as_boxes, clip, side_of
from lofi.errors import BadQuery
from train.data.lexicon import UNSIDED
from train.data.records import BoxRecord
from train.data.request import Tally

Corners = tuple[float, float, float, float]
INSIDE = 0.5
"""A box with less of its area on the film than this is dropped: it was drawn in another frame."""
_RIGHT, _LEFT = re.compile(r"\bright\b", re.IGNORECASE), re.compile(r"\bleft\b", re.IGNORECASE)


def on_film(corners: object, size_wh: tuple[float, float], tally: Tally) -> Corners | None:
    """0–1 xyxy, cut to the film, of xyxy in the units of ``size_wh``; None, counted, where it is no box on the film."""
    if not isinstance(corners, Sequence) or isinstance(corners, str) or len(corners) != 4 or min(size_wh) <= 0:
        tally.drop_box("not four numbers")
        return None
    try:
        box = as_boxes([corners]) / [*size_wh, *size_wh]
    except BadQuery:
        tally.drop_box("not a box: no number, or no extent")
        return None
    seen = clip(box)
    if not len(seen) or area(seen)[0] < INSIDE * area(box)[0]:
        tally.drop_box("outside the film")
        return None
    return corner_tuple(seen)


def from_xywh(values: Iterable[Any], size_wh: tuple[float, float], tally: Tally) -> Corners | None:
    """As ``on_film`` for [x, y, width, height], the way of COCO and of ChestX-ray14."""
    try:
        x, y, width, height = (float(value) for value in values)
        corners = [x, y, x + width, y + height]
    except (TypeError, ValueError):
        tally.drop_box("not four numbers")
        return None
    return on_film(corners, size_wh, tally)


def corner_tuple(boxes: Boxes, row: int = 0) -> Corners:
    """One row of (M, 4) as rounded floats."""
    x0, y0, x1, y1 = (round(float(value), 6) for value in boxes[row])
    return x0, y0, x1, y1


def boxed(
    phrase: str, label: str, box: Corners, tally: Tally, kind: str = "finding", quality: str = "exact"
) -> BoxRecord:
    """A box as the record format has it; boxes on the side that their phrase does not name are counted, not dropped."""
    side = side_of(box)
    named = ("right" if _RIGHT.search(phrase) else "") + ("left" if _LEFT.search(phrase) else "")
    if side and named in ("right", "left") and named != side:
        tally.notes["box on the other side than its phrase names"] += 1
    return BoxRecord(phrase, label, kind, "" if label in UNSIDED or kind != "finding" else side, box, quality)
