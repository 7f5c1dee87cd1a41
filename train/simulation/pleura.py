"""Fluid and air in the pleural space."""

import numpy as np

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Map
from train.simulation.finding import AIR, SIDES, WATER, Finding, Spaces, Volume


def effusion(patient: Patient, rng: np.random.Generator) -> list[Finding]:
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
            return np.asarray(np.minimum(s[side], y - surface), dtype=np.float32)

        word = SIDES[side]
        volume = Volume(fluid, WATER, side, empties=True, owner="Effusion")
        found.append(Finding("Effusion", f"{word} pleural effusion", word, "lower", degree, volumes=(volume,)))
    return found


def pneumothorax(patient: Patient, rng: np.random.Generator) -> list[Finding]:
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
        return np.asarray(np.minimum(s[side], depth(x, y, z) + 1.3), dtype=np.float32)

    # The line is a sheet: lung edge out to 1.3 mm further in, minus the air itself; the air's contrast makes up for it.
    line = 0.016
    volumes = (
        Volume(air, AIR - line, side, True, "Pneumothorax"),
        Volume(to_pleura, line, side, False, "Pneumothorax"),
    )
    word = SIDES[side]
    phrase = f"{word} apical pneumothorax" if degree == "small" else f"{word} pneumothorax"
    return [Finding("Pneumothorax", phrase, word, "apical" if degree == "small" else "", degree, volumes=volumes)]
