"""The patient: soft-tissue shapes as implicit functions of x, y, z in mm (positive inside), drawn from a seed.

y = 0 is the lung apex, x = 0 the midline, z = 0 the middle of the thorax. ``side`` is −1 for the patient's right.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from train.simulation.beam import Map

RIGHT, LEFT = -1, 1


@dataclass(frozen=True)
class Blob:
    """An ellipsoid: centre, semi-axes and rotation (rows are its axes)."""

    centre: tuple[float, float, float]
    axes: tuple[float, float, float]
    tilt: float = 0.0

    def quadric(self, x: Map, y: Map, z: Map) -> Map:
        """Squared distance in units of the semi-axes; ``tilt`` turns the long axis from x towards y."""
        cosine, sine = np.float32(np.cos(self.tilt)), np.float32(np.sin(self.tilt))
        along = cosine * (x - self.centre[0]) + sine * (y - self.centre[1])
        across = -sine * (x - self.centre[0]) + cosine * (y - self.centre[1])
        depth = ((z - self.centre[2]) / self.axes[2]) ** 2
        return np.asarray((along / self.axes[0]) ** 2 + ((across / self.axes[1]) ** 2 + depth), dtype=np.float32)


@dataclass(frozen=True)
class Tube:
    """A vessel that runs mainly along y: knots (x, y, z, radius)."""

    knots: tuple[tuple[float, float, float, float], ...]
    deep: float = 1.0
    """Stretch along z: the arch and the great veins are longer from front to back than they are wide."""

    def inside(self, x: Map, y: Map, z: Map) -> Map:
        table = np.asarray(self.knots, dtype=np.float32)
        cx, cz, radius = (np.interp(y, table[:, 1], table[:, i]).astype(np.float32) for i in (0, 2, 3))
        beyond = np.maximum(np.maximum(table[0, 1] - y, y - table[-1, 1]), 0)
        return np.asarray(
            (radius - ((x - cx) ** 2 + (((z - cz) / self.deep) ** 2 + beyond**2)) / radius) / 2, dtype=np.float32
        )


@dataclass(frozen=True)
class Patient:
    """One chest. Lengths in mm; defaults are those of a man of average build."""

    sex: str = "M"
    age: int = 50
    half_width: float = 140.0
    half_depth: float = 88.0
    domes: tuple[float, float] = (232.0, 244.0)
    dome_height: float = 44.0
    fat: float = 18.0
    slope: float = 0.58
    muscle: float = 1.0
    breast: float = 0.0
    arms: float = 228.0
    heart_scale: float = 1.0
    knob: float = 17.0
    heart: tuple[Blob, ...] = ()
    vessels: tuple[Tube, ...] = ()
    waves: NDArray[np.float32] = field(default_factory=lambda: np.zeros((2, 4, 3), np.float32))

    def cage_width(self, y: Map) -> Map:
        """Half width of the inside of the rib cage at level y."""
        t = np.clip((y + 26) / 250, 0.004, 1)
        low = np.clip((y - 240) / 200, 0, 1)
        return np.asarray(self.half_width * np.sqrt(1 - (1 - t) ** 3.4) * (1 - 0.10 * low), dtype=np.float32)

    def cage_depth(self, y: Map) -> Map:
        t = np.clip((y + 30) / 240, 0.004, 1)
        return np.asarray(self.half_depth * np.sqrt(1 - (1 - t) ** 2.0), dtype=np.float32)

    def cage_centre(self, y: Map) -> Map:
        """Z of the cage's middle: the apex lies back, the sternum slopes forward."""
        return np.asarray(-22 + 26 * np.clip(y / 200, -0.3, 1.2), dtype=np.float32)

    def cage(self, x: Map, y: Map, z: Map) -> Map:
        width, depth = self.cage_width(y), self.cage_depth(y)
        squared = (x / width) ** 2
        forward = ((z - self.cage_centre(y)) / depth) ** 2
        return np.asarray((1 - squared - forward) * (0.5 * width), dtype=np.float32)

    def dome(self, side: int, x: Map, z: Map) -> Map:
        """Level y of the diaphragm at (x, z)."""
        lateral = side * x
        peak = self.domes[0 if side == RIGHT else 1]
        across = (lateral - 62) / 72
        back = np.maximum(22 - z, 0) / 92
        front = np.maximum(z - 22, 0) / 92
        wave = self.waves[0 if side == RIGHT else 1]
        ripple = sum(a * np.sin(k * lateral / 40 + p) for a, k, p in wave)
        fall = np.where(across > 0, across**2 * 0.95, across**2 * 0.45)
        return np.asarray(peak + self.dome_height * fall + 62 * back**2 + 26 * front**2 + ripple, dtype=np.float32)

    def medial(self, side: int, x: Map, y: Map, z: Map) -> Map:
        """Positive lateral to the mediastinum: wide at the spine and the thoracic inlet, narrow in front."""
        spine = 33 * np.exp(-(((z + 96) / 46) ** 2))
        front = 2.5 + 12 * np.exp(-(((z + 8) / 38) ** 2))
        bed = (26 if side == RIGHT else 58) * np.exp(-(((z - 80) / 34) ** 2)) / (1 + np.exp(-(y - 150) / 22))
        inlet = 15 * np.exp(-np.maximum(y + 5, 0) / 22)
        pedicle = 7 * np.exp(-(((y - 75) / 60) ** 2)) * np.exp(-(((z - 0) / 40) ** 2))
        root = 12 * np.exp(-(((y - 126 + 4 * side) / 24) ** 2)) * np.exp(-(((z + 6) / 24) ** 2))
        return np.asarray(side * x - (np.maximum(spine, front) + bed + inlet + pedicle + root), dtype=np.float32)

    def apex(self, side: int, x: Map, y: Map, z: Map) -> Map:
        rho = ((side * x - 52) / 1.0) ** 2 + ((z + 28) / 1.5) ** 2
        return np.asarray((y - rho / 78) * 0.7, dtype=np.float32)

    def cardiac(self, x: Map, y: Map, z: Map) -> Map:
        """The heart: ellipsoids melted together."""
        total = sum(np.exp(np.float32(2.6) * (1 - blob.quadric(x, y, z))) for blob in self.heart)
        return np.asarray(np.log(total + np.float32(1e-9)) * np.float32(9.0), dtype=np.float32)

    def great_vessels(self, x: Map, y: Map, z: Map) -> Map:
        result = self.vessels[0].inside(x, y, z)
        for tube in self.vessels[1:]:
            result = np.maximum(result, tube.inside(x, y, z))
        return result

    def pleural_space(
        self, side: int, x: Map, y: Map, z: Map, centre: Map | None = None, cage: Map | None = None
    ) -> Map:
        """The space one lung fills: inside the cage, above the diaphragm, beside the mediastinum and the heart.

        ``centre`` (heart and great vessels) and ``cage`` save work where they are known already.
        """
        inside = np.minimum(self.cage(x, y, z) if cage is None else cage, self.dome(side, x, z) - y)
        inside = np.minimum(inside, self.medial(side, x, y, z))
        inside = np.minimum(inside, self.apex(side, x, y, z))
        if centre is None:
            centre = np.maximum(self.cardiac(x, y, z), self.great_vessels(x, y, z))
        return np.asarray(np.minimum(inside, -centre), dtype=np.float32)

    def outline(self, x: Map, y: Map, z: Map) -> Map:
        """Skin: neck, shoulders, trunk and upper arms."""
        span = np.abs(x)
        flare = 14 * self.muscle * np.exp(-(((y - 85) / 80) ** 2))
        width = self.half_width + 15 + self.fat + flare + 0.10 * self.fat * np.clip((y - 180) / 60, 0, 2)
        depth = self.half_depth + 13 + self.fat
        across = (x / width) ** 2
        trunk = (1 - across * (0.35 + 0.65 * across * across) - ((z - 2) / depth) ** 2) * 60
        crest = -82 + self.slope * np.maximum(span - 46, 0) + 0.0055 * np.maximum(span - 98, 0) ** 2
        body = np.minimum(trunk, (y - crest - (z + 10) ** 2 / 105) * np.float32(0.6))
        round_neck = 56 + 0.5 * self.fat
        neck = (1 - (x / round_neck) ** 2 - ((z - 6) / 64) ** 2 - np.maximum(y - 20, 0) / 40) * 30
        arm_x = self.arms + 0.10 * np.maximum(y - 40, 0)
        radius = 44 + 0.5 * self.fat
        arm = (radius - ((span - arm_x) ** 2 + (z + 10) ** 2 + np.maximum(15 - y, 0) ** 2) / radius) / 2
        shoulder = (66 - ((span - 166) ** 2 / 2.0 + ((y - 50) ** 2 * 1.25 + (z + 12) ** 2 / 1.5)) / 66) / 2
        result = np.maximum(np.maximum(body, neck), np.maximum(arm, shoulder))
        if self.breast > 0:
            result = np.maximum(result, self._breasts(x, y, z))
        return np.asarray(result, dtype=np.float32)

    def _breasts(self, x: Map, y: Map, z: Map) -> Map:
        size = self.breast
        drop = np.where(y > 190 + 0.35 * size, 1.0, 1.9)
        rho = ((np.abs(x) - 84) / (1.05 * size)) ** 2 + ((y - 190 - 0.35 * size) / (0.8 * size * drop)) ** 2
        reach = ((z - 62) / (38 + 0.75 * size)) ** 2
        return np.asarray((1 - rho - reach) * 40, dtype=np.float32)


def heart_of(scale: float, left: float, floor: float) -> tuple[Blob, ...]:
    """Four chambers that rest on the diaphragm at level ``floor``; scale 1 is a cardiothoracic ratio near 0.45."""
    s = scale
    base = floor - 34 * s
    return (
        Blob((34 * s + left, base - 2 * s, 12), (64 * s, 41 * s, 64), 0.64),
        Blob((14 * s, base + 4, 46), (56 * s, 44 * s, 46), 0.2),
        Blob((-15 * s, base - 16 * s, 14), (27 * s, 50 * s, 46)),
        Blob((6 * s, base - 50 * s, -14), (38 * s, 34 * s, 36)),
    )


def vessels_of(rng: np.random.Generator, knob: float, unfold: float) -> tuple[Tube, ...]:
    """Superior vena cava, ascending aorta, arch, descending aorta, pulmonary trunk."""
    j = rng.normal(0, 1, 6)
    return (
        Tube(((-20 + j[0], 0, -4, 7), (-24 + j[0], 60, 4, 11), (-24 + j[0], 100, 8, 13), (-20, 165, 12, 14)), 2.2),
        Tube(((-8, 78, 14, 14), (-13 - unfold * 0.6, 115, 22, 18 + 0.2 * unfold), (-4, 160, 16, 18)), 1.5),
        Tube(
            ((10 + 0.7 * unfold, 70, -12, knob), (18 + unfold, 88 + j[2], -16, knob), (17, 108, -22, knob * 0.9)), 2.1
        ),
        Tube(((17 + unfold, 90, -36, 13), (20 + unfold, 150, -48, 13), (9, 270, -50, 12))),
        Tube(((16, 104, 8, 14), (26 + j[4], 122, 8, 18), (24, 146, 14, 20)), 1.9),
        Tube(((16 + j[5], 0, -10, 7), (15 + j[5], 75, -4, 12)), 1.9),
    )


def draw_patient(rng: np.random.Generator, view: str, big_heart: bool, sex: str | None = None) -> Patient:
    """A patient of either sex between 20 and 90; AP films come from sicker, older, less inflated chests."""
    sex = sex or ("F" if rng.random() < 0.5 else "M")
    age = int(np.clip(rng.normal(60 if view == "AP" else 52, 17), 20, 90))
    female = sex == "F"
    build = rng.normal(0, 1)
    half_width = (127 if female else 141) + rng.normal(0, 6)
    deep = rng.normal(0, 13) - (22 if view == "AP" else 0) + (0 if female else 8)
    right = float(np.clip(224 + deep, 185, 262))
    scale = rng.uniform(1.22, 1.5) if big_heart else rng.uniform(0.86, 1.04)
    scale *= half_width / 140
    unfold = max(0.0, (age - 45) / 8 + rng.normal(0, 2))
    left_dome = right + rng.uniform(6, 18)
    return Patient(
        sex=sex,
        age=age,
        half_width=half_width,
        half_depth=(82 if female else 90) + rng.normal(0, 5),
        domes=(right, left_dome),
        dome_height=rng.uniform(26, 46),
        fat=float(np.clip(17 + 8 * build + (4 if female else 0), 7, 42)),
        muscle=float(np.clip(rng.normal(0.7 if female else 1.2, 0.3), 0.2, 2)),
        breast=float(np.clip(rng.normal(58, 15) + 6 * build, 28, 95)) if female else 0.0,
        slope=float(rng.uniform(0.42, 0.66)),
        arms=float(rng.uniform(206, 224) if view == "AP" else rng.uniform(210, 245)),
        heart_scale=scale,
        knob=float(rng.uniform(14, 18) + unfold * 0.35),
        heart=heart_of(scale, float(rng.normal(0, 4)), right + 14),
        vessels=vessels_of(rng, float(rng.uniform(14, 18) + unfold * 0.35), unfold),
        waves=np.stack(
            [np.column_stack([rng.normal(0, 1.3, 4), rng.uniform(0.6, 3, 4), rng.uniform(0, 6.3, 4)]) for _ in range(2)]
        ).astype(np.float32),
    )
