"""What a film's pixels say of it, always asked, and together with its tags: the two may contradict each other.

Tags only add to what the pixels say. With a tag that admits everything, an all-black film would pass without a word.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lofi.errors import NotAChestFilm
from lofi.film.exposure import Exposure
from lofi.film.flags import BLANK, NEARLY_BLANK, NOISE, NOT_FRONTAL, SAID_LATERAL
from lofi.film.frontal import fitted

_GRID = 64
"""Rows and columns of the sample that the spread of grey levels is read from."""
_NARROW = 0.04
"""Range of grey, of 1, in which all but two in a hundred pixels of a nearly blank picture lie."""
_UNRELATED = 0.5
"""Correlation of neighbouring pixels below which a picture is noise; real films have more than 0.95."""
_ROWS = 32
"""Rows that the correlation of neighbours is read from."""


def judged(exposure: Exposure) -> Exposure:
    """The exposure with its flags. Raises NotAChestFilm where tags and pixels both say that it is none."""
    seen = seen_in(exposure.pixels)
    said: tuple[str, ...] = ()
    if exposure.doubt is not None:
        if seen:
            raise NotAChestFilm(exposure.doubt.refusal)
        said = (exposure.doubt.flag,)
    elif exposure.lateral and not seen:
        said = (SAID_LATERAL,)
    return replace(exposure, flags=(*exposure.flags, *seen, *said))


def seen_in(pixels: NDArray[np.float32]) -> tuple[str, ...]:
    """What an (H, W) film in 0–1 looks like where it is no frontal chest film; () where it looks like one."""
    height, width = pixels.shape
    sample = np.sort(pixels[:: max(1, height // _GRID), :: max(1, width // _GRID)], axis=None)
    if sample[-1 - len(sample) // 100] - sample[len(sample) // 100] < _NARROW:
        return (BLANK,) if pixels.min() == pixels.max() else (NEARLY_BLANK,)
    if _neighbours(pixels) < _UNRELATED:
        return (NOISE,)
    return () if fitted().looks_frontal(pixels) else (NOT_FRONTAL,)


def _neighbours(pixels: NDArray[np.float32]) -> float:
    """Correlation of each pixel with the one to its right, in some rows from top to bottom; 1 where all are flat."""
    rows = pixels[:: max(1, len(pixels) // _ROWS)]
    left, right = rows[:, :-1].ravel(), rows[:, 1:].ravel()
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / scale if scale > 1e-12 else 1.0
