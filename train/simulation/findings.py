"""Findings as attenuation: volumes that replace lung, clouds of opacity, balls. One ``Finding`` casts one box."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Map
from train.simulation.skeleton import Cloud, joined, sheet, tube
from train.simulation.vasculature import hilum

WATER = 0.0147
"""Fluid or consolidated lung above aerated lung, per mm."""
AIR = -0.0048
"""Air instead of aerated lung, per mm."""
SIDES = {RIGHT: "right", LEFT: "left"}

Spaces = Mapping[int, Map]


@dataclass(frozen=True)
class Volume:
    """A part of one pleural space with another attenuation; ``empties`` where no vessels remain."""

    shape: Callable[[Spaces, Map, Map, Map], Map]
    contrast: float
    side: int
    empties: bool = False

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


Maker = Callable[[Patient, np.random.Generator, frozenset[str]], list[Finding]]


def effusion(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    sides = [(RIGHT,), (LEFT,), (RIGHT, LEFT)][int(rng.choice(3, p=[0.36, 0.36, 0.28]))]
    found = []
    for side in sides:
        degree = ["small", "moderate", "large"][int(rng.choice(3, p=[0.4, 0.42, 0.18]))]
        rise = {"small": rng.uniform(-12, 8), "moderate": rng.uniform(22, 58), "large": rng.uniform(75, 125)}[degree]
        level = patient.domes[0 if side == RIGHT else 1] - rise
        climb, spread = rng.uniform(22, 48), rng.uniform(9, 18)

        def fluid(
            s: Spaces,
            x: Map,
            y: Map,
            z: Map,
            side: int = side,
            level: float = level,
            climb: float = climb,
            w: float = spread,
        ) -> Map:
            wall = np.maximum(patient.cage(x, y, z), 0)
            surface = level - climb * np.exp(-wall / w) - 6 * np.exp(-np.maximum(side * x - 28, 0) / 16)
            return np.minimum(s[side], (y - surface).astype(np.float32))

        word = SIDES[side]
        volume = Volume(fluid, WATER, side, empties=True)
        found.append(Finding("Effusion", f"{word} pleural effusion", word, "lower", degree, volumes=(volume,)))
    return found


def pneumothorax(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    degree = ["small", "moderate", "large"][int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
    gap = {"small": rng.uniform(11, 17), "moderate": rng.uniform(19, 30), "large": rng.uniform(34, 52)}[degree]
    reach = {"small": 130.0, "moderate": 230.0, "large": 420.0}[degree]
    waves = rng.uniform(0, 6.3, 3)

    def depth(x: Map, y: Map, z: Map) -> Map:
        wall = np.minimum(patient.cage(x, y, z), 1.2 * patient.apex(side, x, y, z))
        here = (
            gap * np.clip(1.25 - y / reach, 0, 1.25) + 1.5 * np.sin(y / 23 + waves[0]) + 1.2 * np.sin(z / 19 + waves[1])
        )
        return np.asarray(here - wall, dtype=np.float32)

    def air(s: Spaces, x: Map, y: Map, z: Map) -> Map:
        return np.minimum(s[side], depth(x, y, z))

    def to_pleura(s: Spaces, x: Map, y: Map, z: Map) -> Map:
        return np.minimum(s[side], depth(x, y, z) + np.float32(1.3))

    # The line is a sheet: lung edge out to 1.3 mm further in, minus the air itself; the air's contrast makes up for it.
    line = 0.016
    volumes = (Volume(air, AIR - line, side, empties=True), Volume(to_pleura, line, side))
    word = SIDES[side]
    phrase = f"{word} apical pneumothorax" if degree == "small" else f"{word} pneumothorax"
    return [Finding("Pneumothorax", phrase, word, "apical" if degree == "small" else "", degree, volumes=volumes)]


ZONES = {"upper": 0.24, "mid": 0.52, "lower": 0.82}


def _place(patient: Patient, rng: np.random.Generator, side: int, zone: str, room: float) -> NDArray[np.float32]:
    """A point well inside one zone of a lung, ``room`` mm from its walls where there is such a point."""
    dome = patient.domes[0 if side == RIGHT else 1]
    best, margin = np.zeros(3, np.float32), -1e9
    for _ in range(60):
        y = dome * (ZONES[zone] + rng.uniform(-0.09, 0.09))
        x = side * rng.uniform(0.3, 0.85) * patient.half_width
        z = rng.uniform(-50, 45)
        at = np.asarray([x, y, z], dtype=np.float32)
        depth = float(patient.pleural_space(side, *(np.full((1, 1), v, np.float32) for v in at))[0, 0])
        if depth > margin:
            best, margin = at, depth
        if depth > room:
            break
    return best


def nodule(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.integers(3))]
    radius = float(rng.uniform(5.5, 13.5))
    centre = _place(patient, rng, side, zone, radius + 8)
    balls = _lobules(centre, radius, rng, 4, 0.35)
    phrase = f"nodule in the {SIDES[side]} {zone} zone"
    return [Finding("Nodule", phrase, SIDES[side], zone, mm=2 * radius, balls=balls, blur_mm=0.9)]


def mass(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.integers(3))]
    radius = float(rng.uniform(17, 34))
    centre = _place(patient, rng, side, zone, radius)
    balls = _lobules(centre, radius, rng, 9, 0.45)
    spicules = []
    for _ in range(int(rng.integers(0, 22))):
        way = rng.standard_normal(3)
        way /= np.linalg.norm(way)
        t = np.linspace(0, 1, 12)[:, None]
        line = centre + way * radius * (0.8 + t * rng.uniform(0.25, 0.6)) + 1.5 * np.sin(3 * t) * rng.standard_normal(3)
        spicules.append(tube(line, np.linspace(1.2, 0.4, 12)[:, None] * np.ones((1, 2)), rng, 0.1, WATER, step=0.4))
    clouds = (joined(spicules),) if spicules else ()
    phrase = f"mass in the {SIDES[side]} {zone} zone"
    return [Finding("Mass", phrase, SIDES[side], zone, mm=2 * radius, balls=balls, clouds=clouds, blur_mm=1.2)]


def _lobules(
    centre: NDArray[np.float32], radius: float, rng: np.random.Generator, count: int, spread: float
) -> tuple[Ball, ...]:
    """Overlapping spheroids whose chords are joined by their maximum."""
    balls = [Ball(centre, (radius * 0.92, radius * float(rng.uniform(0.78, 0.95))), WATER)]
    for _ in range(count):
        way = rng.standard_normal(3) * spread * radius / 1.7
        size = radius * float(rng.uniform(0.45, 0.68))
        balls.append(Ball((centre + way).astype(np.float32), (size, size * float(rng.uniform(0.8, 1.1))), WATER))
    return tuple(balls)


LOBES = {
    (RIGHT, "upper"): "right upper lobe",
    (RIGHT, "mid"): "right middle lobe",
    (RIGHT, "lower"): "right lower lobe",
    (LEFT, "upper"): "left upper lobe",
    (LEFT, "mid"): "lingula",
    (LEFT, "lower"): "left lower lobe",
}


def consolidation(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.choice(3, p=[0.3, 0.22, 0.48]))]
    centre = _place(patient, rng, side, zone, 26)
    centre[2] = {"upper": 8.0, "mid": 34.0, "lower": -34.0}[zone] + rng.normal(0, 8)
    size = rng.uniform(0.75, 1.3) * np.asarray([34.0, 32.0, 34.0])
    fissure = patient.domes[0] * 0.52 + rng.normal(0, 5)
    dense = rng.uniform(0.42, 0.72)

    def bounded(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        if side == RIGHT and zone == "upper":
            return np.asarray(points[:, 1] < fissure + 3 * np.sin(points[:, 0] / 14))
        if side == RIGHT and zone == "mid":
            return np.asarray(points[:, 1] > fissure + 3 * np.sin(points[:, 0] / 14))
        return np.ones(len(points), dtype=bool)

    cloud = _patches(patient, rng, side, centre, size, dense, bounded)
    lobe = LOBES[side, zone]
    phrase = f"{'left ' if lobe == 'lingula' else ''}{'lingular' if lobe == 'lingula' else lobe} consolidation"
    return [Finding("Consolidation", phrase, SIDES[side], zone, clouds=(cloud,), blur_mm=1.9)]


def _patches(
    patient: Patient,
    rng: np.random.Generator,
    side: int,
    centre: NDArray[np.float32],
    size: NDArray[np.float64],
    dense: float,
    bounded: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    clumps: int = 420,
    each: int = 90,
) -> Cloud:
    """Confluent airspace opacity: clumps of acini scattered about ``centre``, kept inside the lung."""
    seeds = rng.standard_normal((clumps, 3))
    seeds *= (rng.random((clumps, 1)) ** 0.45) / np.linalg.norm(seeds, axis=1, keepdims=True)
    grain = rng.uniform(2.0, 8.5, (clumps, 1, 1))
    points = (centre + seeds * size)[:, None] + grain * rng.standard_normal((clumps, each, 3))
    points = points.reshape(-1, 3)
    volume = 4.19 * float(np.prod(size + 5))
    weights = np.full(len(points), volume * dense * WATER / len(points))
    x, y, z = points.T.astype(np.float32)
    keep = (patient.pleural_space(side, x, y, z) > 0.5) & bounded(points)
    return points[keep].astype(np.float32), weights[keep].astype(np.float32)


def edema(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    grade = rng.uniform(0.5, 1.0)
    found = []
    for side in (RIGHT, LEFT):
        gate = hilum(side) + [side * 26, 14, 0]
        spread = np.asarray([44.0, 62.0, 48.0]) * rng.uniform(0.85, 1.1)
        everywhere = lambda p: np.ones(len(p), dtype=bool)  # noqa: E731
        haze = _patches(
            patient, rng, side, gate.astype(np.float32), spread, 0.20 * grade, everywhere, clumps=1100, each=60
        )
        found.append(
            Finding(
                "Edema",
                "pulmonary edema",
                SIDES[side],
                "perihilar",
                "mild" if grade < 0.68 else "moderate",
                clouds=(haze, _septa(patient, side, rng)),
                blur_mm=1.0,
            )
        )
    return found


def _septa(patient: Patient, side: int, rng: np.random.Generator) -> Cloud:
    """Kerley B lines: short, level, touching the pleura at the base."""
    lines = []
    for _ in range(int(rng.integers(7, 15))):
        y = patient.domes[0 if side == RIGHT else 1] + rng.uniform(-62, 6)
        z = float(rng.uniform(-10, 25))
        wall = float(patient.cage_width(np.full(1, y, np.float32))[0]) * np.sqrt(
            max(0.05, 1 - (z / patient.half_depth) ** 2)
        )
        long = rng.uniform(9, 17)
        t = np.linspace(0, 1, 14)
        line = np.column_stack([side * (wall - 1.5 - long * t), y + rng.normal(0, 1.2) * t, np.full(14, z)])
        lines.append(
            tube(line, np.column_stack([np.full(14, 0.7), np.full(14, 2.6)]), rng, 0.12, 1.2 * WATER, step=0.4)
        )
    return joined(lines)


def atelectasis(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    return _plate(patient, side, rng) if rng.random() < 0.62 else _collapse(patient, side, rng)


def _plate(patient: Patient, side: int, rng: np.random.Generator) -> list[Finding]:
    """Linear atelectasis: thin discs seen almost edge-on above the diaphragm."""
    zone = "lower" if rng.random() < 0.75 else "mid"
    clouds = []
    base = _place(patient, rng, side, zone, 24)
    for _ in range(int(rng.integers(1, 3))):
        half, deep = rng.uniform(20, 36), rng.uniform(18, 30)
        slope, lean = rng.normal(0, 0.22), rng.normal(0, 0.05)
        at = base + rng.normal(0, 5, 3) * [1, 1.8, 1]

        def disc(
            u: NDArray[np.float64], v: NDArray[np.float64], at: NDArray[np.float64] = at, a: float = half, b: float = deep,
            slope: float = slope, lean: float = lean,
        ) -> NDArray[np.float64]:  # fmt: skip
            r, angle = np.sqrt(v), 2 * np.pi * u
            px, pz = a * r * np.cos(angle), b * r * np.sin(angle)
            py = slope * px + lean * pz + 2.5 * np.cos(px / a * 2) + rng.normal(0, 0.8, len(u))
            return np.column_stack([at[0] + px, at[1] + py, at[2] + pz])

        points, weights = sheet(disc, np.pi * half * deep * 4, rng, WATER * 2.6 / 4)
        x, y, z = points.T
        keep = patient.pleural_space(side, x, y, z) > 0
        clouds.append((points[keep], weights[keep]))
    word = SIDES[side]
    phrase = f"linear atelectasis in the {word} {zone} zone"
    return [Finding("Atelectasis", phrase, word, zone, "linear", clouds=(joined(clouds),), blur_mm=0.7)]


def _collapse(patient: Patient, side: int, rng: np.random.Generator) -> list[Finding]:
    """A lobe without air: the right upper drawn up to its fissure, a lower one behind the heart."""
    upper = side == RIGHT and rng.random() < 0.5
    pull, top = rng.uniform(0.3, 0.5), rng.uniform(78, 100)

    def raised(s: Spaces, x: Map, y: Map, z: Map) -> Map:
        surface = top - 0.55 * np.maximum(side * x - 30, 0) + 0.0035 * np.maximum(side * x - 30, 0) ** 2
        return np.minimum(s[side], (surface - y).astype(np.float32) * 0.8)

    def behind_heart(s: Spaces, x: Map, y: Map, z: Map) -> Map:
        edge = 20 + pull * np.maximum(y - 112, 0)
        return np.minimum(np.minimum(s[side], (edge - side * x).astype(np.float32)), np.minimum(y - 108, 12 - z))

    volume = Volume(raised if upper else behind_heart, 0.85 * WATER, side)
    lobe = LOBES[side, "upper" if upper else "lower"]
    zone = "upper" if upper else "lower"
    return [Finding("Atelectasis", f"{lobe} collapse", SIDES[side], zone, "lobar", volumes=(volume,))]


def cardiomegaly(patient: Patient, rng: np.random.Generator, taken: frozenset[str]) -> list[Finding]:
    """Nothing is added here: the patient was drawn with a large heart, and the heart is the box."""
    return [Finding("Cardiomegaly", "cardiomegaly")]


MAKERS: dict[str, Maker] = {
    "Effusion": effusion,
    "Consolidation": consolidation,
    "Nodule": nodule,
    "Mass": mass,
    "Pneumothorax": pneumothorax,
    "Cardiomegaly": cardiomegaly,
    "Atelectasis": atelectasis,
    "Edema": edema,
}


def draw_findings(names: tuple[str, ...], patient: Patient, seed: int) -> list[Finding]:
    """Each finding has its own stream, so that leaving one out changes nothing else."""
    found = []
    for name in names:
        rng = np.random.default_rng([seed, 7, list(MAKERS).index(name)])
        found.extend(MAKERS[name](patient, rng, frozenset(names)))
    return found
