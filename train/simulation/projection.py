"""Ray sums through one patient: optical path of the whole, and what each finding adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Beam, Field, Map, coverage, soften
from train.simulation.finding import Volume
from train.simulation.skeleton import Cloud

SOFT = 0.0195
"""Attenuation of soft tissue per mm at the beam's mean energy."""
LUNG = 0.0048


@dataclass(frozen=True)
class Shadow:
    """(H, W) sums in mm or optical path: ``path`` of the patient, chords of lungs, heart and of what lies below."""

    path: Map
    lungs: dict[int, Map]
    heart: Map
    abdomen: Map
    volumes: tuple[Map, ...]
    """Chord of each finding's volume, in the order asked for."""


def draw_beam(rng: np.random.Generator, view: str, patient: Patient, side: int) -> Beam:
    front = patient.half_depth + 30
    middle = float(0.5 * (patient.domes[0] + 30) + 18 + rng.normal(0, 8))
    film_mm = float(patient.half_width * 2 + rng.uniform(105, 175))
    turn = float(rng.normal(0, 0.035))
    shift = float(rng.normal(0, 7))
    if view == "PA":
        return Beam(side, film_mm * 1.03, front, front - 1800, middle + 20, shift, middle, turn)
    film_mm *= 1.12
    return Beam(
        side, film_mm, -front, -front + 1050, middle + float(rng.normal(-50, 55)), shift * 2, middle, turn * 1.7
    )


def cast(patient: Patient, beam: Beam, volumes: Sequence[Volume], step: float = 5.0) -> Shadow:
    """Sum the soft tissues and the findings' volumes along every ray, slab by slab.

    The lungs never reach the midline, so each is summed on its own half of the film only.
    """
    wide = (beam.side, beam.side)
    middle = int(np.searchsorted(beam.rays(0.0)[0][0], 0))
    halves = {RIGHT: slice(0, middle), LEFT: slice(middle, beam.side)}
    total = {name: np.zeros(wide, np.float32) for name in ("body", "lungs", "heart", "below")}
    sums = [np.zeros(wide, np.float32) for _ in volumes]
    before: list[Map] | None = None
    reach = patient.half_depth + 14 + patient.fat + 0.75 * patient.breast
    for _, dz, (x, y, z) in beam.slabs(-patient.half_depth - 22 - patient.fat, reach, step):
        cage = patient.cage(x, y, z)
        heart = _windowed(patient.cardiac, x, y, z, 1.35 * patient.half_width * patient.heart_scale * 0.75)
        core = np.maximum(heart, _windowed(patient.great_vessels, x, y, z, 72.0))
        lungs, below = np.empty(wide, np.float32), np.empty(wide, np.float32)
        spaces: dict[int, Map] = {}
        for side, half in halves.items():
            lungs[:, half] = patient.pleural_space(side, x[:, half], y, z, core[:, half], cage[:, half])
            below[:, half] = np.minimum(cage[:, half], y - patient.dome(side, x[:, half], z))
            spaces[side] = lungs[:, half]
        fields = [patient.outline(x, y, z), lungs, np.minimum(heart, cage), below]
        fields += _apart(volumes, [v.inside({v.side: spaces[v.side]}, x[:, halves[v.side]], y, z) for v in volumes])
        if before is not None:
            targets = [*total.values(), *(t[:, halves[v.side]] for t, v in zip(sums, volumes, strict=True))]
            for target, first, second in zip(targets, before, fields, strict=True):
                target += coverage(first, second) * np.float32(dz)
        before = fields
    path = SOFT * total["body"] - (SOFT - LUNG) * total["lungs"]
    split = {side: np.zeros(wide, np.float32) for side in halves}
    for side, half in halves.items():
        split[side][:, half] = total["lungs"][:, half]
    return Shadow(path, split, total["heart"], total["below"], tuple(sums))


def _apart(volumes: Sequence[Volume], fields: list[Map]) -> list[Map]:
    """Where fluid or free air is, no later volume of that side can be: attenuation is never counted twice."""
    result = list(fields)
    for i, later in enumerate(volumes):
        for j in range(i):
            if volumes[j].empties and volumes[j].side == later.side and volumes[j].owner != later.owner:
                result[i] = np.minimum(result[i], -fields[j])
    return result


def _windowed(shape: Field, x: Map, y: Map, z: Map, reach: float) -> Map:
    """A central shape computed only where |x| < ``reach``; far outside elsewhere."""
    low, high = np.searchsorted(x[0], [-reach, reach])
    field = np.full((y.shape[0], x.shape[1]), -40, np.float32)
    field[:, low:high] = shape(x[:, low:high], y, z)
    return field


def add_cloud(beam: Beam, cloud: Cloud, sigma_mm: float) -> Map:
    return soften(beam.splat(*cloud), sigma_mm / beam.pixel_mm)
