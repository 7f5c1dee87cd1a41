"""Ill-defined and linear opacities: consolidation, edema, atelectasis."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Map
from train.simulation.finding import LOBES, SIDES, WATER, Finding, Spaces, Volume
from train.simulation.rounded import place_in
from train.simulation.skeleton import Cloud, joined, sheet, tube
from train.simulation.vasculature import hilum


def consolidation(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.choice(3, p=[0.3, 0.22, 0.48]))]
    centre = place_in(patient, rng, side, zone, 26)
    centre[2] = {"upper": 8.0, "mid": 34.0, "lower": -34.0}[zone] + rng.normal(0, 8)
    size = rng.uniform(0.75, 1.3) * np.asarray([36.0, 30.0, 34.0]) * rng.uniform(0.8, 1.2, 3)
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
    clumps: int = 800,
    each: int = 90,
    parts: int = 7,
) -> Cloud:
    """Confluent airspace opacity: clumps of acini scattered about ``centre``, kept inside the lung."""
    seeds = rng.standard_normal((clumps, 3))
    seeds *= (rng.random((clumps, 1)) ** 0.45) / np.linalg.norm(seeds, axis=1, keepdims=True)
    grain = rng.uniform(2.5, 11.0, (clumps, 1, 1))
    if parts > 1:
        lobules = rng.normal(0, 0.42, (parts, 3))
        spread = rng.uniform(0.35, 0.8, (parts, 1))
        of = rng.integers(parts, size=clumps)
        seeds = lobules[of] + seeds * spread[of]
    points = (centre + seeds * size)[:, None] + grain * rng.standard_normal((clumps, each, 3))
    points = points.reshape(-1, 3)
    volume = 4.19 * float(np.prod(size + 5))
    weights = np.full(len(points), volume * dense * WATER / len(points))
    x, y, z = points.T.astype(np.float32)
    keep = (patient.pleural_space(side, x, y, z) > 0.5) & bounded(points)
    return points[keep].astype(np.float32), weights[keep].astype(np.float32)


def edema(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    grade = rng.uniform(0.5, 1.0)
    found = []
    for side in (RIGHT, LEFT):
        gate = hilum(side) + np.asarray([side * 26.0, 14.0, 0.0])
        spread = np.asarray([44.0, 62.0, 48.0]) * rng.uniform(0.85, 1.1)
        everywhere = lambda p: np.ones(len(p), dtype=bool)  # noqa: E731
        haze = _patches(
            patient, rng, side, gate.astype(np.float32), spread, 0.32 * grade, everywhere, clumps=1100, each=60, parts=1
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


def atelectasis(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    return _plate(patient, side, rng) if rng.random() < 0.62 else _collapse(patient, side, rng)


def _plate(patient: Patient, side: int, rng: np.random.Generator) -> list[Finding]:
    """Linear atelectasis: thin discs seen almost edge-on above the diaphragm."""
    zone = "lower" if rng.random() < 0.75 else "mid"
    clouds = []
    base = place_in(patient, rng, side, zone, 24)
    for _ in range(int(rng.integers(1, 3))):
        half, deep = rng.uniform(20, 36), rng.uniform(18, 30)
        slope, lean = rng.normal(0, 0.22), rng.normal(0, 0.05)
        at = base + rng.normal(0, 5, 3) * [1, 1.8, 1]

        def disc(
            u: NDArray[np.float64],
            v: NDArray[np.float64],
            at: NDArray[np.float64] = at,
            a: float = half,
            b: float = deep,
            slope: float = slope,
            lean: float = lean,
        ) -> NDArray[np.float64]:
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
        return np.asarray(np.minimum(s[side], 0.8 * (surface - y)), dtype=np.float32)

    def behind_heart(s: Spaces, x: Map, y: Map, z: Map) -> Map:
        edge = 20 + pull * np.maximum(y - 112, 0)
        return np.minimum(np.minimum(s[side], (edge - side * x).astype(np.float32)), np.minimum(y - 108, 12 - z))

    volume = Volume(raised if upper else behind_heart, 0.85 * WATER, side)
    lobe = LOBES[side, "upper" if upper else "lower"]
    zone = "upper" if upper else "lower"
    return [Finding("Atelectasis", f"{lobe} collapse", SIDES[side], zone, "lobar", volumes=(volume,))]
