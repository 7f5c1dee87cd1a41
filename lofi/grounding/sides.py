"""Words that say one side while the box lies on the other: a warning, because one of the two is wrong."""

import re
from collections.abc import Sequence

from lofi.results import Box

MIDDLE = 0.06
"""How far from the picture's middle, of its width, a box's centre may lie on either side: films are not centred."""
_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


def contradicted(phrase: str, boxes: Sequence[Box]) -> str:
    """The sentence for a phrase of one side with a box on the other, "" where they agree or no side is named.

    ``boxes`` are 0–1 of a film with the patient's left on its right.
    """
    named = {side.lower() for side in _SIDES.findall(phrase)}
    if len(named) != 1:
        return ""
    (said,) = named
    other, sign = ("left", 1) if said == "right" else ("right", -1)
    wrong = sum(sign * ((x0 + x1) / 2 - 0.5) > MIDDLE for x0, _, x1, _ in boxes)
    if not wrong:
        return ""
    which = "the box lies" if len(boxes) == 1 else "a box lies"
    return f"The words say {said}, but {which} on the patient's {other}: one of the two is wrong."
