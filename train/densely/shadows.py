"""What findings do to the beam, cast by the simulator and laid into real films: boxes of larger findings, for free.

A shadow is the optical path that consolidated lung, fluid or free air adds to each ray of a simulated chest, on the
picture of one lung. It is stretched to where a reader would box such a finding, and added there as attenuation.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.boxes import as_boxes, pairwise_iou
from train.densely.answers import Box
from train.densely.outlines import stretched
from train.simulation.anatomy import LEFT, RIGHT
from train.simulation.finding import SIDES
from train.simulation.projection import cast, draw_beam
from train.simulation.study import cast_roles, lung_fields, mask_box, settle, visible_box

CAST = {"consolidation": "Consolidation", "effusion": "Effusion", "pneumothorax": "Pneumothorax"}
"""Concept → the simulator's name of it."""
SIDE = 256
"""Pixels of the simulated film; a lung is about 90 of them wide."""
EACH = 80
"""Simulated chests of each finding."""
FAINTEST = {"consolidation": 0.25, "effusion": 0.25, "pneumothorax": 0.04}
"""Strongest change of the optical path below which a shadow is not worth showing."""
RISEN, FADES = 0.25, 0.15
"""Of a lung's height: how far fluid must rise above the lung's lower end, and how far below that it fades out."""
ASIDE = 0.025
"""Of the film: how far it fades out to either side."""
BRIGHTNESS = (0.3, 0.6)
"""Logarithms of a film's darkness for one of the optical path: how steeply films are processed differs."""
TRIED = 12
"""Shadows among which the one that lies most like a reader's box is taken: few enough that they vary."""
WALL = 0.08
"""Of a lung's width: how far beside it a shadow ends."""
VESSEL = 0.028
"""Width, in canvas units, below which lung markings vanish where there is no lung."""


@dataclass(frozen=True)
class Shadow:
    """``path`` (h, w) float16 optical path within ``frame`` of the simulated film; ``lung`` and ``box`` on it, 0–1.

    ``box`` is what is visible of the finding; ``side`` the patient's.
    """

    concept: str
    side: str
    path: NDArray[np.float16]
    frame: Box
    lung: Box
    box: Box


def shadows_of(concept: str, seed: int) -> list[Shadow]:
    """Those of one simulated chest: one for each side that has the finding, none where it is too faint to be seen."""
    view = "PA" if seed % 5 < 3 else "AP"
    patient, findings = cast_roles(seed, (CAST[concept],), view)
    beam = draw_beam(np.random.default_rng([seed, 2]), view, patient, SIDE)
    whole = cast(patient, beam, [volume for finding in findings for volume in finding.volumes])
    lungs, chords = lung_fields(whole), iter(whole.volumes)
    out = []
    for finding in findings:
        path = np.zeros_like(whole.path)
        for volume in finding.volumes:
            path += np.float32(volume.contrast) * next(chords)
        path = settle(path, finding, beam)
        lung = mask_box(lungs[RIGHT if finding.side == SIDES[RIGHT] else LEFT])
        if lung and concept == "effusion":
            path = _hiding_the_diaphragm(path, lung)
        box = visible_box(path)
        if box and lung and concept == "effusion":  # readers' boxes end where the lung does
            box = (box[0], box[1], box[2], min(box[3], lung[3]))
        if box and lung and _shows(concept, path, lung, box):
            out.append(_cut(concept, finding.side, path, lung, box))
    return out


def _shows(concept: str, path: NDArray[np.float32], lung: Box, box: Box) -> bool:
    """Whether it is strong enough, and fluid high enough to be seen above another chest's diaphragm."""
    risen = concept != "effusion" or lung[3] - box[1] >= RISEN * (lung[3] - lung[1])
    return risen and float(np.abs(path).max()) >= FAINTEST[concept]


def _hiding_the_diaphragm(path: NDArray[np.float32], lung: Box) -> NDArray[np.float32]:
    """Fluid hides the diaphragm, which lies elsewhere in another chest: the path may not thin out above it, fades below
    the lung and, for what stands above it column by column, to both sides.
    """
    floor, height = lung[3] * SIDE, (lung[3] - lung[1]) * SIDE
    below = (np.arange(SIDE) - floor) / (FADES * height)
    filled = np.maximum.accumulate(path, axis=0) * np.clip(1 - below, 0, 1)[:, None]
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), sigmaX=ASIDE * SIDE, sigmaY=0.5), dtype=np.float32)


def _cut(concept: str, side: str, path: NDArray[np.float32], lung: Box, box: Box) -> Shadow:
    rows, columns = (np.flatnonzero((np.abs(path) > 1e-3).any(axis)) for axis in (1, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    frame = (left / SIDE, top / SIDE, right / SIDE, bottom / SIDE)
    return Shadow(concept, side, path[top:bottom, left:right].astype(np.float16), frame, lung, box)


class Shadows:
    """Shadows by concept and side."""

    def __init__(self, each: int = EACH) -> None:
        """Casts them, a quarter of a second each, from ``each`` simulated chests of every concept."""
        found = [shadow for concept in CAST for seed in range(each) for shadow in shadows_of(concept, seed)]
        self.kept: dict[tuple[str, str], list[Shadow]] = {}
        for shadow in found:
            self.kept.setdefault((shadow.concept, shadow.side), []).append(shadow)

    def like(self, box: Box | None, concept: str, side: str, lung: Box, rng: np.random.Generator) -> Shadow | None:
        """Of some of a concept on a side the one whose box, laid into the lung at the canvas box ``lung``, is most
        like ``box``, without it any; None where there is none.
        """
        some = self.kept.get((concept, side), [])
        tried = [some[i] for i in rng.permutation(len(some))[:TRIED]]
        if box is None or not tried:
            return tried[0] if tried else None
        boxes = as_boxes([stretched(shadow.box, shadow.lung, lung) for shadow in tried])
        return tried[int(pairwise_iou(boxes, as_boxes([box])).argmax())]


def lay(canvas: NDArray[np.uint8], lung: Box, box: Box, shadow: Shadow, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The (S, S) canvas with the shadow stretched so that what is visible of it fills ``box`` (0–1), as far as that
    lies in the lung at the box ``lung``.
    """
    side = canvas.shape[0]
    x0, y0, x1, y1 = (value * side for value in stretched(shadow.frame, shadow.box, box))
    height, width = shadow.path.shape
    # Edges to edges: warpAffine speaks of pixel centres.
    sx, sy = (x1 - x0) / width, (y1 - y0) / height
    matrix = np.array([[sx, 0, x0 + (sx - 1) / 2], [0, sy, y0 + (sy - 1) / 2]], np.float32)
    path = cv2.warpAffine(shadow.path.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR)
    path *= _beside(lung, side)
    strength = np.float32(rng.uniform(*BRIGHTNESS))
    film = canvas.astype(np.float32) / 255
    if shadow.concept == "pneumothorax":
        film = _without_markings(canvas, path, film)
    film = 1 - (1 - film) * np.exp(-strength * path)
    return np.asarray(np.round(np.clip(film, 0, 1) * 255), dtype=np.uint8)


def _beside(lung: Box, side: int) -> NDArray[np.float32]:
    """(S,) by column: 1 in the lung, 0 outside of the chest's wall and beyond the midline."""
    x = (np.arange(side) + 0.5) / side
    off = np.maximum(lung[0] - x, x - lung[2]) / (WALL * (lung[2] - lung[0]))
    return np.asarray(1 - np.clip(off, 0, 1), dtype=np.float32)


def _without_markings(
    canvas: NDArray[np.uint8], path: NDArray[np.float32], film: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The film without vessels where there is air and no lung; ribs, being wider, stay."""
    width = max(3, round(VESSEL * canvas.shape[0]) // 2 * 2 + 1)
    smooth = cv2.medianBlur(canvas, width).astype(np.float32) / 255
    deepest = max(float(-path.min()), 1e-6)
    air = np.clip(-path / (0.3 * deepest), 0, 1)
    return np.asarray(film + (smooth - film) * 0.8 * air, dtype=np.float32)
