"""Where a coded report says that a finding is, as regions of the film: inside it may be anywhere, outside it is not.

Open-i's reports were coded by hand: "Opacity/lung/upper lobe/right". A lobe is no zone of a film, so that each is given
the zones over which it is projected; what is coded with a side alone lies somewhere on that lung.
"""

from collections.abc import Mapping, Sequence

from lofi.report.question import IN_EITHER_LUNG
from lofi.results import Box
from train.densely import concepts as c

SIDE_OF = {"lingula": "left", "middle lobe": "right"}
ZONES: dict[str, tuple[str, ...]] = {
    "apex": ("lung apex", "upper lung zone"),
    "upper lobe": ("upper lung zone", "middle lung zone"),
    "middle lobe": ("middle lung zone", "lower lung zone"),
    "lingula": ("middle lung zone", "lower lung zone"),
    "lower lobe": ("middle lung zone", "lower lung zone"),
    "base": ("lower lung zone", "costophrenic angle"),
    "costophrenic angle": ("costophrenic angle",),
    "hilum": ("hilum",),
}
NARROW = ("hilum", "costophrenic angle")
"""Not as wide as a lung."""
MARGIN = 0.02
"""Of the film, added around a machine-made region."""


def coded_regions(codes: Sequence[str], anatomy: Mapping[str, Sequence[float]]) -> dict[str, list[tuple[str, Box]]]:
    """Finding → (side, region) of each of its codes; ``anatomy`` has the film's regions by name, xyxy first.

    Findings of which one code names no side, both, or a region that the film does not have are left out: they may lie
    elsewhere too.
    """
    found = {concept: [_place(code, anatomy) for code in some] for concept, some in by_finding(codes).items()}
    return {
        concept: list(dict.fromkeys(place for place in places if place is not None))
        for concept, places in found.items()
        if None not in places
    }


def by_finding(codes: Sequence[str]) -> dict[str, list[str]]:
    """The codes of each finding of lung and pleura."""
    found: dict[str, list[str]] = {}
    for code in codes:
        known = c.of_code(code)
        if known is not None and known[0] in IN_EITHER_LUNG:
            found.setdefault(known[0], []).append(code)
    return found


def part_of(code: str) -> str:
    """The part of a lung that a code names, "" for none."""
    parts = [part.strip().lower() for part in code.split("/")]
    return next((name for name in ZONES if name in parts), "")


def side_of(code: str) -> str:
    """The one side that a code names, itself or by a lobe that only one lung has; "" for none and for both."""
    known, part = c.of_code(code), part_of(code)
    sides = known[1] if known else ()
    return sides[0] if len(sides) == 1 else SIDE_OF.get(part, "") if not sides else ""


def _place(code: str, anatomy: Mapping[str, Sequence[float]]) -> tuple[str, Box] | None:
    side, part = side_of(code), part_of(code)
    boxes = [anatomy[name] for zone in ZONES.get(part, ("lung",)) if (name := f"{side} {zone}") in anatomy]
    if not boxes:
        return None
    # A zone is of the lung that is seen; what lies behind the heart is as wide as the whole lung.
    wide = [*boxes, *[anatomy[lung] for lung in [f"{side} lung"] if lung in anatomy and part not in NARROW]]
    x0, x1 = min(box[0] for box in wide) - MARGIN, max(box[2] for box in wide) + MARGIN
    y0, y1 = min(box[1] for box in boxes) - MARGIN, max(box[3] for box in boxes) + MARGIN
    return side, (max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1))
