"""Bones as clouds of weighted points: cortical shells (bright where seen edge-on) around a lighter core."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from train.simulation.anatomy import Patient

Points = NDArray[np.float32]
"""(N, 3) mm."""
Weights = NDArray[np.float32]
"""(N,) attenuation above soft tissue times volume: mm²."""
Cloud = tuple[Points, Weights]

CORTEX = 0.040
"""Attenuation of cortical bone above that of soft tissue, per mm."""
SPONGE = 0.0070


def joined(clouds: list[Cloud]) -> Cloud:
    return np.concatenate([c[0] for c in clouds]), np.concatenate([c[1] for c in clouds])


def tube(
    axis: NDArray[np.float64],
    radii: NDArray[np.float64],
    rng: np.random.Generator,
    cortex_mm: float,
    sponge: float = SPONGE,
    flat: NDArray[np.float64] | None = None,
    step: float = 0.7,
) -> Cloud:
    """A bone along ``axis`` (K, 3); ``radii`` (K, 2) are half height (along y) and half thickness (across)."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(axis, axis=0), axis=1))])
    count = max(8, int(length[-1] / step))
    s = (np.arange(count) + 0.5) / count * length[-1]
    centre = np.column_stack([np.interp(s, length, axis[:, i]) for i in range(3)])
    size = np.column_stack([np.interp(s, length, radii[:, i]) for i in range(2)])
    tangent = np.gradient(centre, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    lift = np.asarray([0.0, 1.0, 0.0]) if flat is None else flat
    high = lift - tangent * (tangent @ lift)[:, None]
    high /= np.linalg.norm(high, axis=1, keepdims=True) + 1e-9
    wide = np.cross(tangent, high)
    around = max(14, int(2 * np.pi * float(size.max()) / step))
    phi = (np.arange(around)[None] + rng.random((count, around))) * (2 * np.pi / around)
    stray = (rng.random((count, around, 1)) - 0.5) * (1.6 * length[-1] / count) * tangent[:, None]
    a, b = size[:, :1], size[:, 1:]
    share = np.sqrt(rng.random((count, around)))
    long = length[-1] / count
    shell = np.sqrt((np.sin(phi) * a) ** 2 + (np.cos(phi) * b) ** 2) * (2 * np.pi / around) * cortex_mm * CORTEX
    core = np.broadcast_to(np.pi * a * b / around * sponge, phi.shape)
    clouds = []
    for part, mass in ((np.ones_like(share), shell), (share, core)):
        rim = (np.cos(phi) * a * part)[..., None] * high[:, None] + (np.sin(phi) * b * part)[..., None] * wide[:, None]
        clouds.append(((centre[:, None] + stray + rim).reshape(-1, 3), (mass * long).ravel()))
    points, weights = joined(clouds)
    return points.astype(np.float32), weights.astype(np.float32)


def sheet(
    corner: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    area: float,
    rng: np.random.Generator,
    mass: float,
) -> Cloud:
    """A thin plate given by a map of the unit square to space; ``mass`` is attenuation times thickness."""
    count = int(area / 0.5)
    u, v = rng.random(count), (np.arange(count) + 0.5) / count
    return corner(u, v).astype(np.float32), np.full(count, area / count * mass, np.float32)


def rib_axis(patient: Patient, side: int, number: int, tilt: float) -> NDArray[np.float64]:
    """(K, 3) centre line of a rib from the vertebra round the side to its cartilage."""
    top = -8 + 24.0 * (number - 1) * (0.93 + 0.0 * tilt)
    last = {1: 62.0, 11: 5.0, 12: -25.0}.get(number, 58.0 - 3.0 * max(0, number - 5))
    theta = np.radians(np.linspace(-84, last, 90))
    u = (theta - theta[0]) / np.radians(150)
    fall = (26 + 7.5 * min(number, 8)) * (1 + tilt)
    y = top + fall * (0.34 * u + 0.66 * u**2.0) - 7 * np.sin(np.clip(u * 4, 0, 1) * np.pi)
    y32 = y.astype(np.float32)
    inlet = 40 * np.exp(-(number - 1) * 0.8)
    width = np.maximum(patient.cage_width(y32), inlet + 18) + 4.0
    depth = np.maximum(patient.cage_depth(y32), 44) + 3.0
    x = width * np.cos(theta)
    x = np.maximum(x, 17 + 12 * np.clip(u * 6, 0, 1))
    return np.column_stack([side * x, y, patient.cage_centre(y32) + depth * np.sin(theta)]).astype(np.float64)


def ribs(patient: Patient, rng: np.random.Generator) -> Cloud:
    strength = float(np.clip(1.15 - 0.006 * max(0, patient.age - 40), 0.75, 1.2)) * (0.85 if patient.sex == "F" else 1)
    tilt, gauge = rng.normal(0, 0.12), rng.uniform(0.9, 1.1)
    clouds = []
    for side in (-1, 1):
        for number in range(1, 13):
            axis = rib_axis(patient, side, number, tilt + rng.normal(0, 0.02))
            axis[:, 1] += rng.normal(0, 1.0) + 1.2 * np.sin(np.linspace(0, 5, len(axis)) + rng.uniform(0, 6))
            u = np.linspace(0, 1, len(axis))
            height = (3.7 + 1.6 * np.sin(np.pi * np.clip(u * 0.9 + 0.1, 0, 1)) + 1.6 * u**3) * gauge
            radii = np.column_stack([height * (1.2 if number == 1 else 1), np.full(len(axis), 2.7 * gauge)])
            points, weights = tube(axis, radii, rng, 0.72 * strength, 0.75 * SPONGE * strength)
            front = np.clip((points[:, 2] + 10) / 70, 0, 1)
            clouds.append(
                (
                    points,
                    (weights * (1 - 0.45 * front) * (1 - 0.4 * np.exp(-(((points[:, 2] + 8) / 22) ** 2)))).astype(
                        np.float32
                    ),
                )
            )
    return joined(clouds)


def spine(patient: Patient, rng: np.random.Generator) -> Cloud:
    """Vertebrae C5 to L3: bodies with bright end plates, pedicles, transverse and spinous processes."""
    strength = float(np.clip(1.2 - 0.007 * max(0, patient.age - 40), 0.7, 1.2))
    bend = rng.normal(0, 3.0)
    clouds: list[Cloud] = []
    top, index = -92.0, -5
    while top < 330:
        height = 13.5 + 0.62 * (index + 5)
        gap = 3.2 + 0.16 * (index + 5)
        half = 12.5 + 0.52 * (index + 5) + rng.normal(0, 0.3)
        middle = top + height / 2
        shift = bend * np.sin(middle / 110) + rng.normal(0, 0.35)
        z = -62 + 14 * np.cos((middle - 120) / 110) - 6 + (22 if middle < 0 else 0) * min(1, -middle / 60)
        ys = np.linspace(top, top + height, 7)
        waist = half * (1 - 0.11 * np.sin(np.linspace(0, np.pi, 7)))
        axis = np.column_stack([np.full(7, shift), ys, np.full(7, z)])
        radii = np.column_stack([waist * 0.80, waist])
        clouds.append(
            tube(axis, radii, rng, 0.12 * strength, 0.12 * SPONGE, flat=np.asarray([0.0, 0.02, 1.0]), step=0.9)
        )
        clouds.extend(_plates(shift, (top, top + height), z, half, rng, strength))
        clouds.extend(_processes(shift, middle, z, half, height, rng, strength))
        top += height + gap
        index += 1
    return joined(clouds)


def _plates(
    x: float, levels: tuple[float, float], z: float, half: float, rng: np.random.Generator, strength: float
) -> list[Cloud]:
    clouds = []
    for y in levels:
        tip = rng.normal(0, 0.06)

        def disc(u: NDArray[np.float64], v: NDArray[np.float64], y: float = y, tip: float = tip) -> NDArray[np.float64]:
            radius, angle = np.sqrt(v), 2 * np.pi * u
            px, pz = half * radius * np.cos(angle), 0.8 * half * radius * np.sin(angle)
            return np.column_stack([x + px, y + tip * pz + 0.4 * rng.standard_normal(len(u)), z + pz])

        clouds.append(sheet(disc, np.pi * half * half * 0.8, rng, 0.13 * CORTEX * strength))
    return clouds


def _processes(
    x: float, y: float, z: float, half: float, height: float, rng: np.random.Generator, strength: float
) -> list[Cloud]:
    back = z - 0.8 * half
    clouds = []
    for side in (-1, 1):
        pedicle = np.asarray([[x + side * 0.62 * half, y - 1.5, back + 3], [x + side * 0.62 * half, y - 2, back - 11]])
        size = np.asarray([[0.25 * height, 0.2 * height]] * 2)
        clouds.append(tube(pedicle, size, rng, 0.17 * strength, 0.25 * SPONGE, step=0.8))
        wing = np.asarray(
            [[x + side * 0.5 * half, y - 1, back - 10], [x + side * (half + 8 + rng.normal(0, 1)), y - 4, back - 17]]
        )
        clouds.append(tube(wing, np.asarray([[4.4, 3.5], [3.2, 3.0]]), rng, 0.2 * strength, 0.35 * SPONGE, step=0.8))
    spinous = np.asarray([[x, y + 2, back - 14], [x, y + 0.9 * height, back - 36]])
    clouds.append(tube(spinous, np.asarray([[4.0, 2.2], [5.0, 3.0]]), rng, 0.22 * strength, 0.35 * SPONGE, step=0.8))
    return clouds


def girdle(patient: Patient, rng: np.random.Generator, raised: float, spread: float) -> Cloud:
    """Clavicles, scapulae and upper humeri. ``spread`` 1 turns the blades out of the lungs, 0 leaves them over them."""
    clouds: list[Cloud] = []
    reach = patient.half_width / 140
    for side in (-1, 1):
        lift = raised + rng.normal(0, 4)
        t = np.linspace(0, 1, 40)
        bow = np.sin(t * 2 * np.pi)
        clavicle = np.column_stack(
            [
                side * reach * (19 + 138 * t),
                28 - lift * t - 14 * np.sin(t * np.pi * 0.75) - 4 * bow,
                54 - 62 * t**1.5 + 10 * bow,
            ]
        )
        radii = np.column_stack([6.6 - 2.0 * np.sin(np.pi * t) + 1.4 * t, 6.0 - 1.5 * np.sin(np.pi * t)])
        radii *= np.clip(np.minimum(t, 1 - t) * 14 + 0.35, 0, 1)[:, None]
        clouds.append(tube(clavicle, radii, rng, 2.3, 1.3 * SPONGE))
        clouds.extend(_scapula(side, reach, lift, spread, rng))
        clouds.extend(_humerus(patient, side, reach, lift, rng))
    return joined(clouds)


def _scapula(side: int, reach: float, lift: float, spread: float, rng: np.random.Generator) -> list[Cloud]:
    out = 22 * spread + rng.normal(0, 3)
    upper = np.asarray([side * (reach * 88 + out), 18 - 0.4 * lift, -66.0])
    lower = np.asarray([side * (reach * 104 + 1.6 * out), 168 - 0.2 * lift, -82.0])
    glenoid = np.asarray([side * reach * 158, 36 - 0.8 * lift, -34.0])
    acromion = np.asarray([side * reach * 170, 6 - lift, -22.0])
    spine_root = upper + 0.22 * (lower - upper)

    def blade(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        r = np.sqrt(u)[:, None]
        w = np.modf(v * 997.0)[0][:, None]
        p = (1 - r) * glenoid + r * ((1 - w) * upper + w * lower)
        p[:, 2] -= 8 * np.sin(np.pi * w[:, 0]) * r[:, 0]
        return np.asarray(p)

    area = float(np.linalg.norm(np.cross(upper - glenoid, lower - glenoid))) / 2
    t = np.linspace(0, 1, 25)[:, None]

    def edge(a: NDArray[np.float64], b: NDArray[np.float64], sag: float) -> NDArray[np.float64]:
        line = a * (1 - t) + b * t
        line[:, 0] += sag * side * np.sin(np.pi * t[:, 0])
        return np.asarray(line)

    def thick(a: float, b: float, c: float) -> NDArray[np.float64]:
        return np.column_stack([np.linspace(a, b, 25), np.full(25, c)])

    return [
        sheet(blade, area, rng, 1.5 * CORTEX),
        tube(edge(glenoid, lower, -13), thick(5.0, 2.6, 2.4), rng, 0.6, SPONGE),
        tube(edge(upper, lower, -3), thick(1.6, 1.8, 1.2), rng, 0.45, SPONGE),
        tube(edge(spine_root, acromion, 2), thick(2.5, 7.0, 3.0), rng, 0.9, 1.3 * SPONGE),
        tube(edge(upper, glenoid + np.asarray([-side * 8, -12, 26]), 3), thick(2.2, 5.5, 3.5), rng, 0.9, 1.3 * SPONGE),
        tube(
            edge(glenoid + np.asarray([0, -17, 0]), glenoid + np.asarray([side * 2, 19, 0]), -2),
            thick(6.0, 6.0, 4.0),
            rng,
            1.4,
            1.3 * SPONGE,
        ),
    ]


def _humerus(patient: Patient, side: int, reach: float, lift: float, rng: np.random.Generator) -> list[Cloud]:
    head = np.asarray([side * reach * 181, 34 - 0.8 * lift, -22.0])
    elbow = np.asarray([side * (max(patient.arms, reach * 200) + 30), 300.0, -10.0])
    along = np.concatenate([np.linspace(-23.9, 60, 110), np.linspace(66, 280, 20)])
    line = head + along[:, None] * (elbow - head) / np.linalg.norm(elbow - head)
    line[:, 0] -= side * 5 * np.exp(-((along / 22) ** 2))
    round_head = np.sqrt(np.maximum(24.0**2 - along**2, 0))
    radius = np.maximum(round_head, 11.0 + 8 * np.exp(-((np.maximum(along, 0) - 24) ** 2) / 400) * (along > 0))
    return [tube(line, np.column_stack([radius, radius]), rng, 1.9, 0.6 * SPONGE, flat=np.asarray([1.0, 0.02, 0.0]))]
