"""A reader's marks on a film: lengths, angles, ellipses, arrows, the cardiothoracic ratio, and a known length as scale.

What they measure is worked out here from their points, as assets/viewer/film-measures.js does on the page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from lofi.errors import BadQuery
from lofi.gallery.text import clean_line

Kind = Literal["length", "angle", "ellipse", "arrow", "ratio", "scale"]
Start = Literal["", "model", "corrected"]
Point = tuple[float, float]
POINTS: Mapping[str, int] = {"length": 2, "angle": 3, "ellipse": 2, "arrow": 2, "ratio": 4, "scale": 2}
MOST, MOST_WORDS, MOST_MM = 100, 80, 2_000.0
_WHERE = {"detector": " at the detector", "reader": " by the reader's scale"}
_START = {"model": " (lines by the model, not checked)", "corrected": " (the model's lines, corrected)"}


@dataclass(frozen=True)
class Mark:
    """``points`` (x, y) are in 0–1 of the film: two ends; end, vertex, end; two corners of an ellipse's box; tail and
    head of an arrow; the heart's two ends and the chest's.

    ``words`` stand at an arrow, ``mm`` is a scale's known length, ``start`` tells whether a ratio's lines are the
    model's ("model"), or were and the reader moved them ("corrected").
    """

    kind: Kind
    points: tuple[Point, ...]
    words: str = ""
    mm: float | None = None
    start: Start = ""


class Scale(NamedTuple):
    """(row, column) millimetres of a pixel, None where not known; ``at`` as Radiograph.spacing_at, or "reader"."""

    spacing_mm: tuple[float, float] | None
    at: str = ""


class Measured(NamedTuple):
    """``unit`` is "mm", "mm2", "deg", "1" for a ratio, "px", "px2" where no spacing is known, "" for an arrow."""

    value: float | None
    unit: str


def marks_of(given: object) -> tuple[Mark, ...]:
    """Marks as the page sends them. Raises BadQuery for anything else."""
    if not isinstance(given, list) or len(given) > MOST:
        raise BadQuery(f"At most {MOST} marks are exported at once.")
    return tuple(_mark(one) for one in given)


def _mark(given: object) -> Mark:
    values: Mapping[str, Any] = given if isinstance(given, dict) else {}
    kind, points, words, mm = (values.get(name) for name in ("kind", "points", "words", "mm"))
    start = values.get("start") or ""
    good = (
        kind in get_args(Kind)
        and isinstance(points, list)
        and len(points) == POINTS[str(kind)]
        and all(isinstance(point, list) and len(point) == 2 and all(map(_share, point)) for point in points)
        and isinstance(words or "", str)
        and (kind == "scale") == (mm is not None)
        and (mm is None or (_number(mm) and 0 < mm <= MOST_MM))
        and start in get_args(Start)
    )
    placed = tuple((float(x), float(y)) for x, y in points) if good and isinstance(points, list) else ()
    if not good or (kind in ("length", "scale", "ratio") and any(a == b for a, b in _pairs(placed))):
        raise BadQuery("A mark on the film was sent in a way that is not known here: reload the page.")
    return Mark(kind, placed, clean_line(words or "", MOST_WORDS), None if mm is None else float(mm), start)  # type: ignore[arg-type]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _share(value: Any) -> bool:
    return _number(value) and -1e-9 <= value <= 1 + 1e-9


def _pairs(points: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(zip(points[::2], points[1::2], strict=False))


def scale_of(marks: Sequence[Mark], size_hw: tuple[int, int], spacing_mm: tuple[float, float] | None, at: str) -> Scale:
    """The scale in force on a film: the reader's last one, else the film's own."""
    drawn = [mark for mark in marks if mark.kind == "scale"]
    if not drawn:
        return Scale(spacing_mm, at)
    factor = (drawn[-1].mm or 0.0) / _apart(drawn[-1].points[0], drawn[-1].points[1], size_hw, spacing_mm)
    row, column = spacing_mm or (1.0, 1.0)
    return Scale((row * factor, column * factor), "reader")


def measured(mark: Mark, size_hw: tuple[int, int], scale: Scale) -> Measured:
    """What a mark measures."""
    spacing = scale.spacing_mm
    if mark.kind == "arrow":
        return Measured(None, "")
    if mark.kind == "scale":
        return Measured(mark.mm, "mm")
    if mark.kind == "angle":
        return Measured(_degrees(mark.points, size_hw, spacing), "deg")
    if mark.kind == "ratio":
        heart, chest = (_apart(a, b, size_hw, spacing) for a, b in _pairs(mark.points))
        return Measured(heart / chest, "1")
    if mark.kind == "length":
        return Measured(_apart(mark.points[0], mark.points[1], size_hw, spacing), "mm" if spacing else "px")
    across, down = _legs(mark.points[0], mark.points[1], size_hw, spacing)
    return Measured(math.pi / 4 * abs(across * down), "mm2" if spacing else "px2")


def words_of(mark: Mark, size_hw: tuple[int, int], scale: Scale) -> str:
    """What stands at a mark."""
    value, unit = measured(mark, size_hw, scale)
    where = _WHERE.get(scale.at, "")
    if value is None:
        return mark.words
    if mark.kind == "scale":
        return f"{value:.4g} mm: the reader's scale"
    if unit == "1":
        return f"heart / chest {value:.2f}{_START.get(mark.start, '')}"
    area = f"{value:.{1 if value < 100 else 0}f}"
    return {
        "mm": f"{value:.1f} mm{where}",
        "px": f"{value:.0f} pixels (spacing unknown)",
        "mm2": f"{area} mm²{where}",
        "px2": f"{value:.0f} square pixels (spacing unknown)",
        "deg": f"{value:.1f}°",
    }[unit]


def _legs(a: Point, b: Point, size_hw: tuple[int, int], spacing_mm: tuple[float, float] | None) -> tuple[float, float]:
    """Across and down from ``a`` to ``b``, in mm where the spacing is known, else in pixels."""
    (height, width), (row, column) = size_hw, spacing_mm or (1.0, 1.0)
    return (b[0] - a[0]) * width * column, (b[1] - a[1]) * height * row


def _apart(a: Point, b: Point, size_hw: tuple[int, int], spacing_mm: tuple[float, float] | None) -> float:
    return math.hypot(*_legs(a, b, size_hw, spacing_mm))


def _degrees(points: Sequence[Point], size_hw: tuple[int, int], spacing_mm: tuple[float, float] | None) -> float:
    first, vertex, second = points
    one, other = (math.atan2(*_legs(vertex, end, size_hw, spacing_mm)[::-1]) for end in (first, second))
    between = abs(one - other) % (2 * math.pi)
    return math.degrees(min(between, 2 * math.pi - between))
