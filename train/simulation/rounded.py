"""Nodules and masses, and where in a lung they may lie."""

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.finding import SIDES, WATER, Ball, Finding
from train.simulation.skeleton import joined, tube

ZONES = {"upper": 0.24, "mid": 0.52, "lower": 0.82}


def place_in(patient: Patient, rng: np.random.Generator, side: int, zone: str, room: float) -> NDArray[np.float32]:
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


def nodule(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.integers(3))]
    radius = float(rng.uniform(5.5, 13.5))
    centre = place_in(patient, rng, side, zone, radius + 8)
    balls = _lobules(centre, radius, rng, 4, 0.35)
    phrase = f"nodule in the {SIDES[side]} {zone} zone"
    return [Finding("Nodule", phrase, SIDES[side], zone, mm=2 * radius, balls=balls, blur_mm=0.9)]


def mass(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    side = int(rng.choice([RIGHT, LEFT]))
    zone = ["upper", "mid", "lower"][int(rng.integers(3))]
    radius = float(rng.uniform(17, 34))
    centre = place_in(patient, rng, side, zone, radius)
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
