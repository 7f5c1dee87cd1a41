"""How each family of vision-language models is shown a film and asked: its maker's own way where it has one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lofi.boxes import Boxes, as_boxes, clip
from lofi.film.radiograph import Radiograph
from lofi.film.stretch import stretch
from lofi.grounding.formats import Convention
from lofi.network.frame import Frame
from lofi.results import Box

SIDE, GRAIN = 896, 28
"""Pictures are shown at up to so many pixels, both sides a multiple of ``GRAIN``: Qwen's processors then leave them as
they are, and boxes in pixels mean these pixels. MedGemma's tower takes 896 × 896.
"""
_ASKED = {
    "xy1000": 'Answer with JSON only: [{"bbox_2d": [x0, y0, x1, y1], "label": "..."}], coordinates 0-1000.',
    "pixels": 'Answer with JSON only: [{"bbox_2d": [x0, y0, x1, y1], "label": "..."}], coordinates in pixels.',
    "unit": "Answer with a list of boxes [[x0, y0, x1, y1]], coordinates 0-1.",
}
_MEDGEMMA = (
    "Instructions: the following query asks for bounding boxes. A box is [y0, x0, y1, x1], (y0, x0) its top-left and "
    "(y1, x1) its bottom-right corner, so that y0 < y1 and x0 < x1, each coordinate between 0 and 1000 of the height "
    'or width of the picture. "Left" is the patient\'s left side, where the heart is, on the right of the picture; '
    '"right" is the patient\'s right.\nQuery: Where is the "{said}" on this chest X-ray? Reason first, then output the '
    'final answer in the format "Final Answer: X", X a JSON list of objects with the keys "box_2d" and "label"; if it '
    "is absent, X is []. Answer:"
)
"""In the way of MedGemma's own notebook on localising anatomy, which knows no absent things."""


@dataclass(frozen=True)
class Picture:
    """A film as it is shown. ``frame`` maps its boxes where it was padded to a square; None: boxes are the film's."""

    image: Image.Image
    frame: Frame | None = None

    def to_picture(self, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Film boxes as boxes 0–1 of the picture."""
        if self.frame is None or not boxes:
            return boxes
        return _rows(self.frame.to_canvas(as_boxes(boxes)))

    def to_film(self, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Boxes of the picture as film boxes, cut to the film; those in the padding go."""
        if self.frame is None or not boxes:
            return boxes
        return _rows(clip(self.frame.to_film(as_boxes(boxes))))


def _rows(boxes: Boxes) -> tuple[Box, ...]:
    return tuple((float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in boxes)


def shown(film: Radiograph, square: bool = False) -> Picture:
    """The film as an RGB picture, its sides multiples of ``GRAIN`` and at most ``SIDE``, or padded to a square."""
    height, width = film.size_hw
    if square:
        frame = Frame(film.size_hw, SIDE)
        return Picture(_grey(frame.render(stretch(np.asarray(film.pixels, dtype=np.float32), 0.5, 99.5))), frame)
    scale = SIDE / max(height, width)
    size = tuple(max(GRAIN, round(edge * scale / GRAIN) * GRAIN) for edge in (width, height))
    small = cv2.resize(film.pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return Picture(_grey(stretch(np.asarray(small, dtype=np.float32), 0.5, 99.5)))


def _grey(pixels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8)).convert("RGB")


def question(words: str, convention: Convention) -> str:
    """What is asked about a film; no phrase writes quotes or tokens of the model's own."""
    said = " ".join(words.replace('"', " ").replace("<", " ").replace(">", " ").split())
    if convention.name == "loc":
        return f"detect {said}"  # PaliGemma's own task prefix
    if convention.name == "yx1000":
        return _MEDGEMMA.format(said=said)
    return f'Find every "{said}" on this chest X-ray. {_ASKED[convention.name]} If it is absent, answer [].'
