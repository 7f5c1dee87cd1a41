"""Lung vessels and airways: trees that branch from the hila, as clouds of points inside tapered tubes."""

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import LEFT, RIGHT, Patient
from train.simulation.beam import Beam, Map, soften
from train.simulation.skeleton import Cloud, joined, tube

BLOOD = 0.0150
"""Blood above aerated lung, per mm."""
AIR_IN_TISSUE = -0.0185


def hilum(side: int) -> NDArray[np.float64]:
    """Where the vessels of a lung come from: the left hilum lies higher."""
    return np.asarray([side * 30.0, 128.0 if side == RIGHT else 119.0, -6.0])


def _grow(patient: Patient, side: int, rng: np.random.Generator, roots: int) -> list[NDArray[np.float64]]:
    """Branches as rows (start xyz, end xyz, start radius, end radius), generation by generation."""
    gate = hilum(side)
    floor = patient.domes[0 if side == RIGHT else 1]
    angle = np.linspace(-1.3, 1.4, roots) + rng.normal(0, 0.16, roots)
    lateral, down = np.cos(angle), np.sin(angle)
    depth = rng.uniform(-0.75, 0.75, roots)
    heading = np.column_stack([side * lateral, down, depth])
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    start = gate + np.column_stack(
        [side * rng.uniform(0, 18, roots), 30 * down + rng.normal(0, 5, roots), rng.uniform(-22, 18, roots)]
    )
    radius = rng.uniform(1.9, 3.4, roots) * (1 + 0.22 * down)
    rows = []
    for generation in range(12):
        length = (5.0 * radius**0.6 + 3) * rng.uniform(0.6, 1.5, len(radius))
        end = start + heading * length[:, None]
        after = radius * 0.93
        x, y, z = (end[:, i].astype(np.float32) for i in range(3))
        alive = patient.pleural_space(side, x, y, z) > (1.5 if generation else -30)
        keep = alive & (radius > 0.30)
        start, end, heading, radius, after = start[keep], end[keep], heading[keep], radius[keep], after[keep]
        rows.append(np.column_stack([start, end, radius, after]))
        if len(radius) == 0:
            break
        split = rng.uniform(0.72, 0.95, len(radius))
        axis = np.cross(heading, rng.standard_normal((len(radius), 3)))
        axis /= np.linalg.norm(axis, axis=1, keepdims=True) + 1e-9
        wide = rng.uniform(0.3, 0.85, len(radius))[:, None]
        outward = end - gate
        outward = outward / (np.linalg.norm(outward, axis=1, keepdims=True) + 1e-9)
        children = []
        for sign, share in ((1, split), (-1, np.cbrt(np.maximum(1 - split**3, 0.06)))):
            way = heading + sign * wide * axis * (1.45 - share)[:, None] + 0.22 * outward
            way[:, 1] += 0.05 * np.sign(end[:, 1] - gate[1]) * (end[:, 1] < floor - 20)
            children.append((end, way / np.linalg.norm(way, axis=1, keepdims=True), after * share))
        start = np.concatenate([c[0] for c in children])
        heading = np.concatenate([c[1] for c in children])
        radius = np.concatenate([c[2] for c in children])
    return rows


def _fill(rows: NDArray[np.float64], rng: np.random.Generator, density: float) -> Cloud:
    """Points inside tapered branches, more to a disc where it is wide."""
    groups = np.digitize(rows[:, 6], [0.9, 2.0, 4.0])
    parts = [_discs(rows[groups == i], rng, density, n) for i, n in enumerate((6, 14, 44, 130)) if (groups == i).any()]
    return joined(parts)


def _discs(rows: NDArray[np.float64], rng: np.random.Generator, density: float, discs: int) -> Cloud:
    """A disc of points about each half millimetre."""
    span = np.linalg.norm(rows[:, 3:6] - rows[:, :3], axis=1)
    counts = np.maximum((span / 0.5).astype(int), 2)
    which = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    t = (np.arange(len(which)) - first[which] + 0.5) / counts[which]
    bow = rng.normal(0, 0.11, (len(rows), 3)) * span[:, None]
    centre = (
        rows[which, :3] * (1 - t)[:, None] + rows[which, 3:6] * t[:, None] + bow[which] * np.sin(np.pi * t)[:, None]
    )
    radius = rows[which, 6] * (1 - t) + rows[which, 7] * t
    tangent = (rows[:, 3:6] - rows[:, :3]) / (span[:, None] + 1e-9)
    side = np.cross(tangent, [0.31, 0.22, 0.92])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    up = np.cross(tangent, side)
    rho = np.sqrt((np.arange(discs)[None] + rng.random((len(which), discs))) / discs) * radius[:, None]
    phi = 2.39996 * np.arange(discs)[None] + 6.283 * rng.random((len(which), 1))
    points = (
        centre[:, None]
        + (rho * np.cos(phi))[..., None] * side[which][:, None]
        + (rho * np.sin(phi))[..., None] * up[which][:, None]
    )
    weights = np.pi * radius**2 * (span / counts)[which] * density / discs
    return points.reshape(-1, 3).astype(np.float32), np.repeat(weights, discs).astype(np.float32)


def vessels(patient: Patient, rng: np.random.Generator, fullness: float) -> dict[int, Cloud]:
    """The vessel trees of each lung; ``fullness`` above 1 means congestion."""
    clouds = {}
    for side in (RIGHT, LEFT):
        rows = np.concatenate(_grow(patient, side, rng, 15) + _grow(patient, side, rng, 12))
        rows[:, 6:] *= fullness
        points, weights = _fill(rows, rng, BLOOD)
        trunk = _trunks(side, rng, fullness)
        points, weights = joined([(points, weights), trunk])
        x, y, z = points.T
        aerated = patient.pleural_space(side, x, y, z) > 0
        clouds[side] = points[aerated], weights[aerated]
    return clouds


def _trunks(side: int, rng: np.random.Generator, fullness: float) -> Cloud:
    """The large hilar arteries: the right descending, the left over its bronchus."""
    gate = hilum(side)
    j = rng.normal(0, 2, 4)
    paths = [
        ([0, -8, 6], [side * 14, 10 + j[0], -4], [side * (18 + 0.4 * j[1]), 46 + j[1], -20], 7.4, 4.2),
        ([0, -6, 4], [side * 12, -18 + j[2], 2], [side * 22, -38 + j[2], 4], 6.0, 2.8),
        ([-side * 8, 20, 2], [side * 8, 18 + j[3], 4], [side * 30, 30 + j[3], 8], 5.6, 3.0),
    ]
    rows = []
    for a, b, c, r0, r1 in paths:
        t = np.linspace(0, 1, 14)[:, None]
        line = gate + (1 - t) ** 2 * np.asarray(a) + 2 * t * (1 - t) * np.asarray(b) + t**2 * np.asarray(c)
        size = np.linspace(r0, r1, 14) * fullness
        rows.append(np.column_stack([line[:-1], line[1:], size[:-1], size[1:]]))
    return _fill(np.concatenate(rows), rng, BLOOD)


def airways(patient: Patient, rng: np.random.Generator) -> Cloud:
    """Trachea and main bronchi: air within the mediastinum, so a negative cloud."""
    lean = rng.normal(2.0, 2.0) - 0.06 * max(0, patient.age - 60)
    carina = np.asarray([-3.0 - lean, 104.0, -22.0])
    trachea = np.asarray([[0, -110, 12.0], [0.5, -50, -2.0], [-lean, 40, -14.0], carina])
    right = np.asarray([carina, [-20.0 - lean, 120, -20.0], [-31.0, 133, -18.0]])
    left = np.asarray([carina, [16.0 - lean, 126, -20.0], [36.0, 138, -18.0]])
    bore = 9.2 if patient.sex == "M" else 8.0
    clouds = []
    for line, size in ((trachea, bore), (right, bore * 0.72), (left, bore * 0.62)):
        rows = np.column_stack([line[:-1], line[1:], np.full(len(line) - 1, size), np.full(len(line) - 1, size)])
        clouds.append(_air(rows, rng))
    return joined(clouds)


def _air(rows: NDArray[np.float64], rng: np.random.Generator) -> Cloud:
    parts = []
    for row in rows:
        count = int(np.linalg.norm(row[3:6] - row[:3]) / 0.5)
        t = np.linspace(0, 1, max(count, 2))[:, None]
        line = row[:3] * (1 - t) + row[3:6] * t
        parts.append(np.column_stack([line[:-1], line[1:], np.full((len(line) - 1, 2), row[6])]))
    return _fill(np.concatenate(parts), rng, AIR_IN_TISSUE)


def devices(patient: Patient, rng: np.random.Generator) -> Cloud:
    """What lies on an ill patient: electrode leads, sometimes a central line."""
    clouds = []
    for _ in range(int(rng.integers(2, 4))):
        side = rng.choice([-1, 1])
        spot = np.asarray([side * rng.uniform(60, 125), rng.uniform(20, 210), patient.half_depth + 22])
        away = np.asarray([spot[0] + side * rng.uniform(40, 140), rng.choice([-120, 420]), spot[2] + 10])
        bend = (spot + away) / 2 + rng.normal(0, 34, 3) * [1, 1, 0]
        t = np.linspace(0, 1, 90)[:, None]
        line = (1 - t) ** 2 * spot + 2 * t * (1 - t) * bend + t**2 * away
        clouds.append(tube(line, np.full((90, 2), 0.7), rng, 1.0, 0.15, step=0.3))
        stud = np.asarray([spot, spot + np.asarray([0.0, 0.0, 3.0])])
        clouds.append(tube(stud, np.full((2, 2), 4.2), rng, 0.5, 0.07, step=0.3))
    if rng.random() < 0.6:
        t = np.linspace(0, 1, 120)
        x = np.interp(t, [0, 0.25, 0.55, 1], [-150, -70, -24, -20]) + 1.5 * np.sin(9 * t)
        y = np.interp(t, [0, 0.25, 0.55, 1], [70, 18, 46, 142])
        line = np.column_stack(
            [x, np.convolve(np.pad(y, 8, mode="edge"), np.ones(17) / 17, "valid"), np.full(120, 22.0)]
        )
        clouds.append(tube(line, np.full((120, 2), 1.0), rng, 0.5, 0.03, step=0.3))
    return joined(clouds)


def gut_gas(patient: Patient, beam: Beam, rng: np.random.Generator) -> Map:
    """(H, W) attenuation missing where the stomach's bubble and the bowel hold gas."""
    dome = patient.domes[1]
    gas = np.zeros((beam.side, beam.side), np.float32)
    if rng.random() < 0.75:
        wide = rng.uniform(16, 38)
        at = np.asarray([rng.uniform(45, 78), dome + 10 + rng.uniform(8, 24), 20], np.float32)
        gas = beam.ball(at, (wide, wide * float(rng.uniform(0.35, 0.6)))) * 0.5
        rows = beam.rays(20.0)[1]
        if rng.random() < 0.6:
            gas = gas * np.clip((at[1] + rng.uniform(2, 9) - rows) / 1.5, 0, 1).astype(np.float32)
    for _ in range(int(rng.integers(0, 9))):
        at = np.asarray([rng.uniform(12, 115), dome + rng.uniform(34, 120), 25], np.float32)
        wide = float(rng.uniform(6, 20))
        gas = np.maximum(gas, beam.ball(at, (wide, wide * float(rng.uniform(0.6, 1.2)))) * 0.45)
    return np.asarray(soften(gas, 2.2) * -AIR_IN_TISSUE, dtype=np.float32)
