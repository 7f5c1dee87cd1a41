"""Chest films that are nobody's, for benchmarks that ask the running app about them."""

import numpy as np
from PIL import Image

from lofi.film.plausible import seen_in
from lofi.settings import BUNDLED_GALLERY

CUT = (0.02, 0.05, 0.98, 0.99)
"""What is kept of a film, in 0–1 from the left and the top: another cut is no film that the gallery knows again."""


def chest(side: int = 1024) -> Image.Image:
    """A simulated film of the bundled gallery, cut and brought to ``side`` × ``side``.

    Noise would not do: the app does not ask its model about what is no chest film. Raises RuntimeError where this is
    taken for none either.
    """
    for path in sorted((BUNDLED_GALLERY / "films").iterdir()):
        with Image.open(path) as film:
            grey = film.convert("L")
        width, height = grey.size
        edges = [round(part * size) for part, size in zip(CUT, (width, height) * 2, strict=True)]
        whole = grey.crop((edges[0], edges[1], edges[2], edges[3])).resize((side, side), Image.Resampling.BICUBIC)
        if not seen_in(np.asarray(whole, dtype=np.float32) / 255):
            return whole
    raise RuntimeError("None of the bundled films looks like a frontal chest film.")
