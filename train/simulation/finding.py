"""What a finding is: volumes that replace lung, clouds of opacity, balls. One ``Finding`` casts one box."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Map
from train.simulation.skeleton import Cloud

WATER = 0.0147
"""Fluid or consolidated lung above aerated lung, per mm."""
AIR = -0.0048
"""Air instead of aerated lung, per mm."""
SIDES = {RIGHT: "right", LEFT: "left"}

LOBES = {
    (RIGHT, "upper"): "right upper lobe",
    (RIGHT, "mid"): "right middle lobe",
    (RIGHT, "lower"): "right lower lobe",
    (LEFT, "upper"): "left upper lobe",
    (LEFT, "mid"): "lingula",
    (LEFT, "lower"): "left lower lobe",
}

Spaces = Mapping[int, Map]


@dataclass(frozen=True)
class Volume:
    """A part of one pleural space with another attenuation; ``empties``: no vessels remain; ``owner``: its label."""

    shape: Callable[[Spaces, Map, Map, Map], Map]
    contrast: float
    side: int
    empties: bool = False
    owner: str = ""

    def inside(self, spaces: Spaces, x: Map, y: Map, z: Map) -> Map:
        return self.shape(spaces, x, y, z)


@dataclass(frozen=True)
class Ball:
    """A round opacity: centre in mm, radii along x and y, attenuation per mm."""

    centre: NDArray[np.float32]
    radii: tuple[float, float]
    contrast: float


@dataclass(frozen=True)
class Finding:
    """What a radiologist would name, where, and what it does to the beam. ``mm`` is its diameter where that is said."""

    label: str
    phrase: str
    side: str = ""
    zone: str = ""
    degree: str = ""
    mm: float = 0.0
    volumes: tuple[Volume, ...] = ()
    clouds: tuple[Cloud, ...] = ()
    balls: tuple[Ball, ...] = ()
    blur_mm: float = 1.0


Maker = Callable[[Patient, np.random.Generator], list[Finding]]
