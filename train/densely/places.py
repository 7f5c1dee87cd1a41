"""Where a coded report says that a finding is, as regions of the film: inside it may be anywhere, outside it is not.

Open-i's reports were coded by hand: "Opacity/lung/upper lobe/right". A lobe is no zone of a film, so that each is given
the zones over which it is projected; what is coded with a side alone lies somewhere on that lung.
"""

from collections.abc import Mapping, Sequence

from train.densely import concepts as c

Box = tuple[float, float, float, float]

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
PLACED = frozenset(c.NIH) - c.SIDELESS - {"hernia"} | {"lung opacity", "calcification", "granuloma", "scar"}
"""Findings of lung and pleura."""
MARGIN = 0.02
"""Of the film, added around a machine-made region."""


def coded_places(codes: Sequence[str], anatomy: Mapping[str, Sequence[float]]) -> dict[str, list[tuple[str, Box]]]:
    """Finding → (side, region) of each of its codes; ``anatomy`` has the film's regions by name, xyxy first.

    Findings of which one code names no side, both, or a region that the film does not have are left out: they may lie
    elsewhere too.
    """
    found: dict[str, list[tuple[str, Box] | None]] = {}
    for code in codes:
        known = c.of_code(code)
        if known is not None and known[0] in PLACED:
            found.setdefault(known[0], []).append(_place(code, known[1], anatomy))
    return {
        concept: list(dict.fromkeys(place for place in places if place is not None))
        for concept, places in found.items()
        if None not in places
    }


def _place(code: str, sides: tuple[str, ...], anatomy: Mapping[str, Sequence[float]]) -> tuple[str, Box] | None:
    parts = [part.strip().lower() for part in code.split("/")]
    part = next((name for name in ZONES if name in parts), "")
    sides = sides or ((SIDE_OF[part],) if part in SIDE_OF else ())
    if len(sides) != 1:
        return None
    boxes = [anatomy[name] for zone in ZONES.get(part, ("lung",)) if (name := f"{sides[0]} {zone}") in anatomy]
    if not boxes:
        return None
    # A zone is of the lung that is seen; what lies behind the heart is as wide as the whole lung.
    wide = [*boxes, *[anatomy[lung] for lung in [f"{sides[0]} lung"] if lung in anatomy and part not in NARROW]]
    x0, x1 = min(box[0] for box in wide) - MARGIN, max(box[2] for box in wide) + MARGIN
    y0, y1 = min(box[1] for box in boxes) - MARGIN, max(box[3] for box in boxes) + MARGIN
    return sides[0], (max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1))
