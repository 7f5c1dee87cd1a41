"""From optical path to film: scatter, noise, the response of the plate, collimation and side marker."""

from dataclasses import dataclass

import cv2
import numpy as np

from train.simulation.beam import Map, soften


@dataclass(frozen=True)
class Exposure:
    """How a film was taken and processed."""

    scatter: float
    photons: float
    harden: float
    window: tuple[float, float]
    bend: float
    base: float
    steep: float
    detail: float
    marker: str
    border: tuple[int, int, int, int]


def draw_exposure(rng: np.random.Generator, view: str, side: int) -> Exposure:
    ap = view == "AP"
    edge = rng.random(4) < (0.16 if ap else 0.12)
    border = tuple(int(v) for v in edge * rng.uniform(0.01, 0.035, 4) * side)
    return Exposure(
        scatter=float(rng.uniform(0.26, 0.48) * (1.5 if ap else 1)),
        photons=float(np.exp(rng.normal(12.0 if ap else 12.6, 0.35))),
        harden=float(rng.uniform(0.02, 0.04)),
        window=(float(rng.uniform(0.0, 0.05)), float(rng.uniform(0.8, 0.98))),
        base=float(rng.uniform(0.0, 0.2)),
        bend=float(rng.uniform(0.8, 1.2)),
        steep=float(rng.uniform(3.2, 5.6)),
        detail=float(rng.uniform(0.25, 0.8)),
        marker="R" if rng.random() < 0.25 else "L",
        border=(border[0], border[1], border[2], border[3]),
    )


def develop(path: Map, exposure: Exposure, rng: np.random.Generator, view: str) -> Map:
    """(H, W) film in 0–1, bone white, from the optical path (attenuation summed along each ray)."""
    side = path.shape[0]
    scale = side / 512
    hard = path - np.float32(exposure.harden) * path * path
    primary = np.exp(-hard)
    light = primary + np.float32(exposure.scatter) * soften(np.minimum(primary, 0.5), 46 * scale)
    light = soften(light, 0.55 * scale)
    grain = rng.standard_normal(path.shape).astype(np.float32)
    grain = 0.75 * grain + 0.9 * soften(grain, 0.9)
    light = light * (1 + grain / np.sqrt(np.float32(exposure.photons) * (light + 0.004)))
    signal = -np.log(np.maximum(light, 1e-5))
    fine = signal - soften(signal, 1.3 * scale)
    signal += np.float32(exposure.detail) * (1.5 * fine + 0.9 * (signal - soften(signal, 11 * scale)))
    inner = signal[side // 8 : -side // 8, side // 8 : -side // 8]
    inside = path[side // 8 : -side // 8, side // 8 : -side // 8] > 0.6
    low, high = np.percentile(inner[inside][::9], [0.5, 99.0])
    span = high - low
    value = (signal - (low - exposure.base * span)) / (span * (1.02 + exposure.base))
    value = np.clip(value, 0, None)
    curve = 1 / (1 + np.exp(-exposure.steep * (value - 0.52)))
    bottom, top = 1 / (1 + np.exp(0.52 * exposure.steep)), 1 / (1 + np.exp(-0.48 * exposure.steep))
    value = 0.55 * np.clip((curve - bottom) / (top - bottom), 0, 1.1) + 0.45 * np.minimum(value, 1.1)
    value = np.clip(value, 0, 1.05) ** np.float32(exposure.bend)
    value = exposure.window[0] * np.clip(value * 8, 0, 1) + value * (exposure.window[1] - exposure.window[0])
    value = _frame(value.astype(np.float32), exposure, rng)
    value = _mark(value, exposure, rng, view)
    return np.clip(value, 0, 1).astype(np.float32)


def _frame(value: Map, exposure: Exposure, rng: np.random.Generator) -> Map:
    left, top, right, bottom = exposure.border
    side = value.shape[0]
    mask = np.zeros_like(value)
    mask[top : side - bottom, left : side - right] = 1
    mask = soften(mask, 0.8)
    shade = 0.0 if rng.random() < 0.75 else 0.97
    return np.asarray(value * mask + shade * (1 - mask), dtype=np.float32)


def _mark(value: Map, exposure: Exposure, rng: np.random.Generator, view: str) -> Map:
    """A lead letter beside the patient: L on the right of the picture, R on its left."""
    side = value.shape[0]
    scale = side / 512
    layer = np.zeros((side * 2, side * 2), np.uint8)
    x = (0.90 + rng.uniform(-0.03, 0.05)) if exposure.marker == "L" else (0.05 + rng.uniform(-0.02, 0.04))
    y = rng.uniform(0.05, 0.14)
    at = (int(x * side * 2), int(y * side * 2) + int(20 * scale))
    size = rng.uniform(1.15, 1.7) * scale
    cv2.putText(layer, exposure.marker, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(2, round(4 * scale)), cv2.LINE_AA)
    if rng.random() < 0.25:
        centre = (at[0] + int(10 * size), at[1] - int(11 * size))
        cv2.circle(layer, centre, int(23 * size), 255, max(1, round(2.5 * scale)), cv2.LINE_AA)
    if view == "AP" and rng.random() < 0.5:
        word = ["PORTABLE", "AP ERECT", "SUPINE", "AP"][int(rng.integers(4))]
        spot = (min(at[0], int(side * 2 - 150 * scale)), at[1] + int(40 * scale))
        cv2.putText(
            layer, word, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.75 * scale, 235, max(1, round(2 * scale)), cv2.LINE_AA
        )
    turn = cv2.getRotationMatrix2D((float(at[0]), float(at[1])), float(rng.normal(0, 5)), 1.0)
    layer = cv2.warpAffine(layer, turn, (side * 2, side * 2))
    mark = cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    glow = soften(mark, 0.4 * scale) * np.float32(rng.uniform(0.8, 1.0))
    return np.asarray(np.maximum(value, glow), dtype=np.float32)
