"""A film's pixels at full depth, packed for the browser: assets/viewer/film-pixels.js unpacks them.

No picture format does it: a browser decodes a 16-bit PNG to 8 bits. Each value is sent as its difference to the left
neighbour (modulo its size), all high bytes before all low bytes, and gzipped without a search for repeats, which
radiographs do not have: a quarter of the time of a PNG, and smaller.

A grey DICOM film goes as its stored values, with a curve from them to what is shown for each look that its file offers:
the browser reads values in the file's own units, and changes looks, without another question. Behind all that stands
what is said of it, as JSON (``_said``).
"""

import json
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.greys import Greys
from lofi.film.radiograph import Radiograph, Sides

MAX_SIDE = 8192
"""Longer sides do not fit the textures of common graphics hardware."""
MAX_SENT = 32_000_000
"""Pixels sent at most; the largest radiographic detectors have about twenty million."""


@dataclass(frozen=True)
class Packed:
    """``body`` is gzipped; ``sent_hw`` is the size of what it holds, ``size_hw`` that of the film; ``bits`` is 8 or up
    to 16, the film's own depth; ``sides`` how its left and right are known; ``said`` the bytes of JSON at its end.
    """

    body: bytes
    sent_hw: tuple[int, int]
    size_hw: tuple[int, int]
    bits: int
    spacing_mm: tuple[float, float] | None
    sides: Sides
    said: int

    def headers(self) -> dict[str, str]:
        """What the browser has to know beside the bytes."""
        headers = {
            "Content-Encoding": "gzip",
            "X-Sent-Size": f"{self.sent_hw[0]},{self.sent_hw[1]}",
            "X-Film-Size": f"{self.size_hw[0]},{self.size_hw[1]}",
            "X-Film-Bits": str(self.bits),
            "X-Film-Sides": self.sides,
            "X-Film-Said": str(self.said),
        }
        if self.spacing_mm is not None:
            headers["X-Spacing-Mm"] = f"{self.spacing_mm[0]:.6g},{self.spacing_mm[1]:.6g}"
        return headers


def pack(film: Radiograph) -> Packed:
    """The film's stored values with its looks, else its pixels; halved in size only where they are more than a screen's
    hardware holds.
    """
    greys = film.greys
    values: NDArray[Any] = film.pixels if greys is None or greys.stored is None else greys.stored
    while max(values.shape) > MAX_SIDE or values.size > MAX_SENT:
        height, width = values.shape
        values = cv2.resize(values, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    bits = min(max(film.bits, 8), 16)
    if greys is not None and greys.curves is not None:
        wide = greys.curves.shape[1] > 256
        planes = [*_planes(values, wide), *_planes(greys.curves, wide=True)]
    else:
        wide = bits > 8
        # All sixteen bits whatever the film has: stretched, its levels are not evenly spaced.
        planes = _planes(np.rint(np.clip(values, 0, 1) * np.float32(65535 if wide else 255)), wide)
    said = json.dumps(_said(greys, wide), separators=(",", ":")).encode("ascii")
    body = _gzip([*(plane.tobytes() for plane in planes), said])
    sent_hw = (values.shape[0], values.shape[1])
    return Packed(body, sent_hw, film.size_hw, bits, film.spacing_mm, film.sides, len(said))


def _said(greys: Greys | None, wide: bool) -> dict[str, Any]:
    """What the browser has to know of the values: their unit and the names of their looks come from the film's file."""
    if greys is None:
        return {"wide": wide, "unit": "", "line": None, "looks": [], "curve": 0}
    curve = 0 if greys.curves is None else greys.curves.shape[1]
    looks = [{"name": look.name, "ends": look.ends} for look in greys.looks]
    return {"wide": wide, "unit": greys.unit, "line": greys.line, "looks": looks, "curve": curve}


def _planes(values: NDArray[Any], wide: bool) -> list[NDArray[np.uint8]]:
    """Differences along each row: the high and the low bytes of 16, or the bytes of 8 bits."""
    values = values.astype("<u2" if wide else "u1")
    values[:, 1:] -= values[:, :-1].copy()
    if not wide:
        return [values]
    halves = values.view(np.uint8).reshape(-1, 2)
    return [np.ascontiguousarray(halves[:, 1]), np.ascontiguousarray(halves[:, 0])]


def _gzip(parts: list[bytes]) -> bytes:
    packer = zlib.compressobj(level=1, wbits=31, strategy=zlib.Z_RLE)
    return b"".join([*(packer.compress(part) for part in parts), packer.flush()])
