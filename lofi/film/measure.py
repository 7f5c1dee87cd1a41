"""The size of a pixel, and where it holds: in the patient, or at the detector, where all is a little larger.

PS3.3 10.7.1.3, C.8.7.1 and C.8.11.4.
"""

from typing import NamedTuple

from lofi.film.elements import Elements
from lofi.film.flags import NOT_SQUARE

Pair = tuple[float, float]
_SPACING, _IMAGER, _SCANNED, _ASPECT = 0x0028_0030, 0x0018_1164, 0x0018_2010, 0x0028_0034
_MAGNIFICATION, _CALIBRATION = 0x0018_1114, 0x0028_0A02
_LEAST, _MOST = 0.01, 10.0
"""Millimetres that a pixel may plausibly have."""
_MOST_MAGNIFIED = 3.0
"""Chest films are magnified by 1.05 to 1.3."""
_SAME = 0.01


class Measure(NamedTuple):
    """(row, column) millimetres, None where not known; ``at`` is "patient", "detector", or "" where nothing tells."""

    spacing_mm: Pair | None
    at: str = ""
    flags: tuple[str, ...] = ()


def measure_of(elements: Elements) -> Measure:
    """The size of a pixel of a film by its header."""
    measure = _measure(elements)
    ratio = _pair(elements, _ASPECT) or (1.0, 1.0)
    height, width = measure.spacing_mm or ratio
    # The ratio may be told where the size is not.
    square = abs(height / width - 1) <= _SAME if height > 0 and width > 0 else True
    return measure if square else measure._replace(flags=(NOT_SQUARE,))


def _measure(elements: Elements) -> Measure:
    spacing, imager, scanned = (_plausible(_pair(elements, tag)) for tag in (_SPACING, _IMAGER, _SCANNED))
    detector = imager or scanned
    if spacing is not None and (
        elements.text(_CALIBRATION) or (detector is not None and not _alike(spacing, detector))
    ):
        return Measure(spacing, "patient")
    if detector is not None:
        factor = (elements.decimals(_MAGNIFICATION) or (0.0,))[0]
        if 1 <= factor <= _MOST_MAGNIFIED:
            return Measure((detector[0] / factor, detector[1] / factor), "patient")
        return Measure(detector, "detector")
    return Measure(spacing)


def _pair(elements: Elements, tag: int) -> Pair | None:
    values = elements.decimals(tag) or ()
    return (values[0], values[1]) if len(values) == 2 else None


def _plausible(pair: Pair | None) -> Pair | None:
    return pair if pair is not None and all(_LEAST <= value <= _MOST for value in pair) else None


def _alike(first: Pair, second: Pair) -> bool:
    return all(abs(a / b - 1) <= _SAME / 10 for a, b in zip(first, second, strict=True))
