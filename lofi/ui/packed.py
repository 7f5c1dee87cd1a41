"""A film's pixels at full depth, packed for the browser: assets/viewer/film-pixels.js unpacks them.

No picture format does it: a browser decodes a 16-bit PNG to 8 bits. Each value is sent as its difference to the left
neighbour (modulo its size), all high bytes before all low bytes, and gzipped without a search for repeats, which
radiographs do not have: a quarter of the time of a PNG, and smaller.
"""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph, Sides

MAX_SIDE = 8192
"""Longer sides do not fit the textures of common graphics hardware."""
MAX_SENT = 32_000_000
"""Pixels sent at most; the largest radiographic detectors have about twenty million."""


@dataclass(frozen=True)
class Packed:
    """``body`` is gzipped; ``sent_hw`` is the size of what it holds, ``size_hw`` that of the film; ``bits`` is 8 or up
    to 16, the film's own depth; ``sides`` how its left and right are known.
    """

    body: bytes
    sent_hw: tuple[int, int]
    size_hw: tuple[int, int]
    bits: int
    spacing_mm: tuple[float, float] | None
    sides: Sides

    def headers(self) -> dict[str, str]:
        """What the browser has to know beside the bytes."""
        headers = {
            "Content-Encoding": "gzip",
            "X-Sent-Size": f"{self.sent_hw[0]},{self.sent_hw[1]}",
            "X-Film-Size": f"{self.size_hw[0]},{self.size_hw[1]}",
            "X-Film-Bits": str(self.bits),
            "X-Film-Sides": self.sides,
        }
        if self.spacing_mm is not None:
            headers["X-Spacing-Mm"] = f"{self.spacing_mm[0]:.6g},{self.spacing_mm[1]:.6g}"
        return headers


def pack(film: Radiograph) -> Packed:
    """The film's pixels; halved in size only where they are more than a screen's hardware holds."""
    pixels = film.pixels
    while max(pixels.shape) > MAX_SIDE or pixels.size > MAX_SENT:
        height, width = pixels.shape
        pixels = cv2.resize(pixels, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    bits = min(max(film.bits, 8), 16)
    body = _gzip(_planes(pixels, wide=bits > 8))
    return Packed(body, (pixels.shape[0], pixels.shape[1]), film.size_hw, bits, film.spacing_mm, film.sides)


def _planes(pixels: NDArray[np.float32], wide: bool) -> list[NDArray[np.uint8]]:
    """Differences along each row: the high and the low bytes of 16, or the bytes of 8 bits."""
    # All sixteen bits whatever the film has: after its values-of-interest function the levels are not evenly spaced.
    kind, largest = (np.dtype("<u2"), 65535) if wide else (np.dtype("u1"), 255)
    values = np.rint(np.clip(pixels, 0, 1) * np.float32(largest)).astype(kind)
    values[:, 1:] -= values[:, :-1].copy()
    if not wide:
        return [values]
    halves = values.view(np.uint8).reshape(-1, 2)
    return [np.ascontiguousarray(halves[:, 1]), np.ascontiguousarray(halves[:, 0])]


def _gzip(planes: list[NDArray[np.uint8]]) -> bytes:
    packer = zlib.compressobj(level=1, wbits=31, strategy=zlib.Z_RLE)
    return b"".join([*(packer.compress(plane.tobytes()) for plane in planes), packer.flush()])
