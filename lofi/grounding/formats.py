"""The boxes that vision-language models write, in each family's own convention, and back. Tolerant: a malformed box is
left out and counted, it never empties the answer.

name     written as                                                     families
xy1000   [{"bbox_2d": [x0, y0, x1, y1], "label": "…"}], 0–1000          Qwen2-VL, Qwen3-VL, InternVL
pixels   the same in pixels of the picture that the model was shown     Qwen2.5-VL
yx1000   [{"box_2d": [y0, x0, y1, x1], "label": "…"}], 0–1000           Gemini, MedGemma 1.5
loc      <loc0123><loc0456><loc0789><loc1000> label, y x y x, 0–1023    PaliGemma
unit     [[x0, y0, x1, y1]], 0–1                                        RadVLM, CheXagent
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lofi.results import Box

MOST = 64
"""Boxes read from one answer at most."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?"
_LIST = re.compile(r"[\[(]\s*([^\[\]()]{0,200})\s*[\])]")
_LOC = re.compile(r"((?:<loc\d{1,6}>\s*)+)", re.IGNORECASE)
_NONE = re.compile(r"\[\s*\]")
_THOUGHT = re.compile(r"<unused9[45]>|</think>")
_FINAL = re.compile(r"final answer\W", re.IGNORECASE)


@dataclass(frozen=True)
class Convention:
    """How a family writes a box: ``key`` of its JSON ("" for none), ``scale`` of a whole film (0: pixels), and whether
    y comes first.
    """

    name: str
    key: str = ""
    scale: float = 1.0
    y_first: bool = False


CONVENTIONS = {
    item.name: item
    for item in (
        Convention("xy1000", "bbox_2d", 1000.0),
        Convention("pixels", "bbox_2d", 0.0),
        Convention("yx1000", "box_2d", 1000.0, y_first=True),
        Convention("loc", scale=1024.0, y_first=True),
        Convention("unit"),
    )
}
FAMILIES = {
    "qwen2_vl": "xy1000",
    "qwen2_5_vl": "pixels",
    "qwen3_vl": "xy1000",
    "qwen3_vl_moe": "xy1000",
    "internvl": "xy1000",
    "gemma3": "yx1000",
    "gemma3n": "yx1000",
    "paligemma": "loc",
}
"""transformers' ``model_type`` → convention; any other model is asked for xy1000."""


class Parsed(NamedTuple):
    """``boxes`` 0–1 of the picture, each once; ``dropped`` counts what looked like a box and was none; ``none``: the
    answer says, in the way that it was asked to, that there is no box. Neither boxes nor ``none``: it cannot be read.
    """

    boxes: tuple[Box, ...]
    dropped: int
    none: bool = False


def read_boxes(text: str, convention: Convention, size_wh: tuple[int, int]) -> Parsed:
    """Every box of an answer. ``size_wh`` is the picture that the model was shown, in pixels.

    Markers that only one family writes (``<loc…>``, "box_2d") are believed before ``convention``. Where the answer
    thinks aloud, what stands after its thoughts and after "Final Answer" counts.
    """
    rows: list[tuple[Sequence[str], Convention]] = []
    text = _FINAL.split(_THOUGHT.split(text[-20_000:])[-1])[-1]
    if "<loc" in text.lower():
        for run in _LOC.findall(text):
            numbers = re.findall(r"\d+", run)
            rows += [(numbers[at : at + 4], CONVENTIONS["loc"]) for at in range(0, len(numbers), 4)]
    else:
        own = CONVENTIONS["yx1000"] if re.search(r"[\"']box_2d[\"']", text) else convention
        for part in _LIST.findall(text):
            numbers = re.findall(_NUMBER, part)
            if len(numbers) >= 2 and not re.search(r"[A-Za-z]{3}", part):
                rows.append((numbers, own))
    boxes = [_box(numbers, how, size_wh) for numbers, how in rows[:MOST]]
    kept = tuple(dict.fromkeys(box for box in boxes if box is not None))
    dropped = len(boxes) - sum(box is not None for box in boxes)
    # PaliGemma says nothing where it detects nothing; all others were asked for an empty list.
    silent = convention.name == "loc" and not re.sub(r"<[^>]{0,40}>", "", text).strip()
    return Parsed(kept, dropped, not kept and not dropped and (silent or bool(_NONE.search(text))))


def _box(numbers: Sequence[str], how: Convention, size_wh: tuple[int, int]) -> Box | None:
    """The box 0–1, cut to the picture; None where it is none: not four numbers, no extent, or outside."""
    if len(numbers) != 4:
        return None
    values = [float(number) for number in numbers]
    if not all(map(math.isfinite, values)):
        return None
    if how.y_first:
        values = [values[1], values[0], values[3], values[2]]
    # Fractions where thousandths were asked for: small models slip into them, and nothing else lies below 1.
    fractions = max(values) <= 1 and any("." in number for number in numbers)
    scale = (1.0, 1.0) if fractions else (how.scale, how.scale) if how.scale else (float(size_wh[0]), float(size_wh[1]))
    x0, y0, x1, y1 = (value / scale[place % 2] for place, value in enumerate(values))
    if max(x0, y0, x1, y1) > 1.1 or min(x0, y0, x1, y1) < -0.1:
        return None
    x0, y0, x1, y1 = (min(1.0, max(0.0, value)) for value in (x0, y0, x1, y1))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def write_boxes(boxes: Sequence[Box], phrase: str, convention: Convention, size_wh: tuple[int, int]) -> str:
    """Boxes 0–1 as the family writes them, for the answer of an example."""
    label = re.sub(r"[^\w ,/-]", " ", phrase)[:80].strip()
    scale = (convention.scale, convention.scale) if convention.scale else (float(size_wh[0]), float(size_wh[1]))
    rows = []
    for box in boxes:
        row = [value * scale[place % 2] for place, value in enumerate(box)]
        rows.append([row[1], row[0], row[3], row[2]] if convention.y_first else row)
    if convention.name == "loc":
        return " ; ".join("".join(f"<loc{min(1023, int(value)):04d}>" for value in row) + f" {label}" for row in rows)
    if convention.name == "unit":
        return "[" + ", ".join("[" + ", ".join(f"{value:.3f}" for value in row) + "]" for row in rows) + "]"
    parts = ["[" + ", ".join(str(round(value)) for value in row) + "]" for row in rows]
    return "[" + ", ".join(f'{{"{convention.key}": {part}, "label": "{label}"}}' for part in parts) + "]"
