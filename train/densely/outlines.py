"""Where and how large findings lie that are drawn into films: as readers boxed them.

A box is kept relative to its lung, the left one mirrored, so that those of both lungs serve for either.
"""

from collections.abc import Sequence

import numpy as np

from train.densely.answers import Box, Film
from train.densely.canvases import placed

FEWEST = 20
"""Readers' boxes of a finding below which they tell too little of where and how large it is."""
JITTER = 0.12
"""Standard deviation of the logarithm of a width or height, and of a place in widths or heights of the box."""
LOW = {"effusion": 0.85}
"""How far down the lung a box must reach: fluid sinks, and what does not is not drawn."""
RADII = {"nodule": (0.5, 1.5), "mass": (1.6, 3.2)}
"""Centimetres of what is made up: a nodule measures up to 3 cm by definition."""
LUNG = 12.0
"""Centimetres across a lung's box."""
UNIT: Box = (0.0, 0.0, 1.0, 1.0)


class Outlines:
    """Readers' boxes of findings, by concept."""

    def __init__(self, films: Sequence[Film]) -> None:
        self.kept: dict[str, list[Box]] = {}
        for film in films:
            lungs = {region.side: placed(region.box, film.size_hw) for region in film.regions.get("lung", ())}
            for concept, regions in film.regions.items():
                for region in regions:
                    if region.side not in lungs or region.made:
                        continue
                    box = stretched(placed(region.box, film.size_hw), lungs[region.side], UNIT)
                    if box[3] >= LOW.get(concept, -np.inf):
                        self.kept.setdefault(concept, []).append(box if region.side == "right" else mirrored(box))

    def one(self, concept: str, side: str, lung: Box, rng: np.random.Generator) -> Box | None:
        """The canvas box of a finding to be drawn in the lung at the canvas box ``lung``: one that a reader drew, a
        little moved and of a little another size. None where readers drew too few.
        """
        some = self.kept.get(concept, [])
        if len(some) < FEWEST:
            return None
        x0, y0, x1, y1 = some[int(rng.integers(len(some)))]
        width, height = np.array([x1 - x0, y1 - y0]) * np.exp(rng.normal(0, JITTER, 2))
        x, y = rng.normal(0, JITTER, 2) * (width, height) + ((x0 + x1) / 2, (y0 + y1) / 2)
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return stretched(box if side == "right" else mirrored(box), UNIT, lung)


def stretched(box: Box, before: Box, after: Box) -> Box:
    """``box`` moved as ``before`` is moved on to ``after``."""
    scale = [(after[i + 2] - after[i]) / (before[i + 2] - before[i]) for i in (0, 1)]
    x0, y0, x1, y1 = (float(after[i % 2] + (value - before[i % 2]) * scale[i % 2]) for i, value in enumerate(box))
    return (x0, y0, x1, y1)


def mirrored(box: Box) -> Box:
    """The box in the other lung."""
    return (1 - box[2], box[1], 1 - box[0], box[3])


def made_up(concept: str, lung: Box, rng: np.random.Generator) -> Box:
    """A nodule's or a mass's box: a square around a point inside the ellipse of a lung's box, half its size off the
    edge.
    """
    x0, y0, x1, y1 = lung
    radius = (x1 - x0) / LUNG * rng.uniform(*RADII[concept])
    far, angle = np.sqrt(rng.uniform(0, 1)) * 0.85, rng.uniform(0, 2 * np.pi)
    half_x, half_y = max(0.01, (x1 - x0) / 2 - radius), max(0.01, (y1 - y0) / 2 - radius)
    x, y = (x0 + x1) / 2 + half_x * far * np.cos(angle), (y0 + y1) / 2 + half_y * far * np.sin(angle)
    return (float(x - radius), float(y - radius), float(x + radius), float(y + radius))
