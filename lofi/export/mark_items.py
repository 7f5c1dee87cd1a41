"""A reader's marks in DICOM: as graphics of a presentation state, as measurements of a structured report."""

import math
from collections.abc import Iterator

import numpy as np
from highdicom.color import CIELabColor
from highdicom.pr import GraphicAnnotation, GraphicLayer, GraphicObject, TextObject
from highdicom.sr import (
    CodedConcept,
    CoordinatesForMeasurement,
    ImageRegion,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from lofi.export import codes as lexicon
from lofi.export.case import Case
from lofi.export.mark import Mark, Point
from lofi.export.source import Source
from lofi.film.view import MARK_COLOUR
from lofi.gallery.text import clean_line

Group = PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations
_NAMES = {
    "length": codes.SCT.Length,
    "scale": codes.SCT.Length,
    "angle": codes.SCT.Angle,
    "ellipse": codes.SCT.Area,
    "ratio": CodedConcept("cardiothoracic-ratio", lexicon.SCHEME, "Cardiothoracic ratio"),
}
_ARROW = CodedConcept("arrow", lexicon.SCHEME, "Place pointed out by the reader")
_UNITS = {
    "mm": codes.UCUM.Millimeter,
    "mm2": codes.UCUM.SquareMillimeter,
    "deg": codes.UCUM.Degree,
    "1": codes.UCUM.NoUnits,
    "px": CodedConcept("{pixels}", "UCUM", "pixels"),
    "px2": CodedConcept("{square_pixels}", "UCUM", "square pixels"),
}
_DIGITS = {"1": 3, "deg": 2}


def points_in(source: Source, points: tuple[Point, ...]) -> NDArray[np.float32]:
    """(N, 2) points (x, y) in pixels of the referenced image of points of the film."""
    size = np.array([source.image.Columns, source.image.Rows], dtype=np.float64)
    stored = [source.turn.stored_box((x, y, x, y))[:2] for x, y in points]
    return np.clip(np.array(stored) * size, 0, size).astype(np.float32)


def strokes(source: Source, mark: Mark) -> list[tuple[str, NDArray[np.float32]]]:
    """Graphic type and (N, 2) points of the lines of a mark."""
    if mark.kind == "ratio":
        return [("POLYLINE", points_in(source, mark.points[:2])), ("POLYLINE", points_in(source, mark.points[2:]))]
    if mark.kind != "ellipse":
        return [("POLYLINE", points_in(source, mark.points))]
    (x0, y0), (x1, y1) = points_in(source, mark.points).astype(np.float64)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    axes = [[(x0, y), (x1, y)], [(x, y0), (x, y1)]]
    # The longer axis first (PS3.3 C.18.6.1.2).
    axes.sort(key=lambda axis: -math.dist(*axis))
    return [("ELLIPSE", np.array([*axes[0], *axes[1]], dtype=np.float32))]


def annotation(case: Case, source: Source, order: int) -> tuple[GraphicLayer, GraphicAnnotation] | None:
    """The layer of all marks; None where there are none."""
    if not case.marks:
        return None
    by = f"Marks by {case.reader}" if case.reader else "Marks by the reader"
    layer = GraphicLayer("MARKS", order, by, CIELabColor.from_string(MARK_COLOUR))
    lines = [GraphicObject(kind, points, "PIXEL") for mark in case.marks for kind, points in strokes(source, mark)]
    texts = [_text(source, mark, words) for mark, _, words in case.marked if words]
    return layer, GraphicAnnotation([source.image], layer, graphic_objects=lines, text_objects=texts or None)


def _text(source: Source, mark: Mark, words: str) -> TextObject:
    """Words at a mark's last point; an arrow's are at its tail."""
    height, width = source.image.Rows, source.image.Columns
    x, y = points_in(source, mark.points)[0 if mark.kind == "arrow" else -1].tolist()
    right = min(float(width), x + 0.3 * width)
    left, top = max(0.0, min(x, right - 0.3 * width)), min(y, 0.97 * height)
    text = clean_line(words, 80).replace("\\", "/")
    box = (left, top, right, top + 0.03 * height)
    return TextObject(text, "PIXEL", bounding_box=box, text_justification="LEFT")


def groups(case: Case, source: Source) -> Iterator[Group]:
    """Each mark as a group by template 1501, its number inferred from its lines; an arrow as a region."""
    image = SourceImageForRegion(source.image.SOPClassUID, source.image.SOPInstanceUID)
    for mark, (value, unit), words in case.marked:
        tracking = TrackingIdentifier(generate_uid(), clean_line(words, 80) or mark.kind)
        if value is None:
            head = ImageRegion("POINT", points_in(source, mark.points[-1:]), image)
            yield PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking, referenced_region=head, finding_type=_ARROW
            )
            continue
        lines = [CoordinatesForMeasurement(kind, points, image) for kind, points in strokes(source, mark)]
        number = round(value, _DIGITS.get(unit, 1))
        measurement = Measurement(_NAMES[mark.kind], number, _UNITS[unit], referenced_coordinates=lines)
        yield MeasurementsAndQualitativeEvaluations(tracking_identifier=tracking, measurements=[measurement])
