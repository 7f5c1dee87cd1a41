"""What a decoder hands to Radiograph, and the limits that every decoder keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lofi.errors import UnreadableFilm
from lofi.film.greys import Greys
from lofi.film.turn import UPRIGHT, Turn

MAX_BYTES = 256 * 2**20
"""Longest file, and longest decoded image, in bytes: a 16-bit film of the most pixels allowed fits."""
MAX_PIXELS = 89_000_000
"""Just under Pillow's own warning (89.5 million); the largest radiographic detectors have about 20 million."""


class Doubt(NamedTuple):
    """What a file's tags say against a chest film: the refusal where its pixels say so too, else what is told."""

    refusal: str
    flag: str


@dataclass(frozen=True)
class Exposure:
    """A decoded film before it becomes a Radiograph.

    ``pixels`` is (H, W) float32 in 0–1, white = dense, turned as ``turn`` says. ``spacing_mm`` is (row, column) and
    holds in the "patient" or at the "detector" (``spacing_at``, "" where nothing tells). ``ends`` are the stored values
    shown black and white, of a grey DICOM image. ``flags`` are what reading it had to say, ``lateral`` and ``doubt``
    what its tags say of it. ``oriented`` says that by its tags the patient's left is on the picture's right. ``greys``
    are its values and looks.
    """

    pixels: NDArray[np.float32]
    bits: int
    kind: str
    view: str = ""
    spacing_mm: tuple[float, float] | None = None
    spacing_at: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    lateral: bool = False
    doubt: Doubt | None = None
    ends: tuple[int, int] | None = None
    turn: Turn = UPRIGHT
    oriented: bool = False
    greys: Greys | None = None


def check_size(height: int, width: int, bytes_per_pixel: int) -> None:
    """Refuse, before anything is decoded, what would not fit. Raises UnreadableFilm."""
    if height < 1 or width < 1:
        raise UnreadableFilm("The image has no pixels (its header gives a height or width of 0): export it again.")
    if height * width > MAX_PIXELS or height * width * bytes_per_pixel > MAX_BYTES:
        raise UnreadableFilm(
            f"The image claims {width} × {height} pixels; at most {MAX_PIXELS // 10**6} million "
            f"and {MAX_BYTES // 2**20} MB are read: scale it down."
        )
