"""Greedy decoding after a cached prefix: boxes with confidences, or words.

Each kind of answer is a ``Decoding``: it says which ids come next and is told what the language model makes of them.
Who runs the model, for one answer or for many side by side, is lofi.network.side_by_side.

How a box gets its confidence (location tokens): the probability that the phrase is there at all is
p(<box>) / (p(<box>) + p(<none>)) at the first answer position. A box's score is that probability (for later boxes:
p(<box>) against <end> at their position, times the first) times the geometric mean over its four coordinates of the
probability mass within ±``NEAR`` of the chosen position: how sure the model is of *where*, not only of *whether*.
Where boxes must lie within a region, the probability mass that each coordinate had there counts into the score too:
what the model would have placed elsewhere scores low here.
With digits, p(found) is one minus the probability of the whole "[]" answer, and a box's certainty is the geometric
mean of the probabilities of what follows its opening bracket.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.boxes import Boxes, quantise
from lofi.network.text import BOX, END, NONE, LocationGrammar, Tokens

T = TypeVar("T")
Decoding: TypeAlias = Generator[list[int], Tensor, T]
"""Yields the next ids, is sent the (V,) logits after them, and returns what was written."""
NEAR = 0.05
"""Half-width, in canvas units, of the window whose probability mass says how certain a coordinate is."""


@dataclass(frozen=True)
class FoundBoxes:
    """Answer of the language model on the canvas: (M, 4) boxes, (M,) scores, probability of presence.

    ``inside`` is the geometric mean of the probability mass that the first box's coordinates had in the region to
    which the answer was restricted; 1 where it was not.
    """

    boxes: Boxes
    scores: tuple[float, ...]
    presence: float
    inside: float = 1.0


def middle_bin(probabilities: Tensor) -> tuple[int, float]:
    """Bin of the distribution's median, and the mass within ±NEAR of it.

    The median, not the mode: it minimises the expected absolute error of an edge, and does not jump between two
    peaks of nearly equal height.
    """
    bins = len(probabilities)
    chosen = int(torch.searchsorted(probabilities.cumsum(0), torch.tensor(0.5, device=probabilities.device)))
    chosen = min(chosen, bins - 1)
    reach = max(1, round(NEAR * bins))
    mass = probabilities[max(0, chosen - reach) : chosen + reach + 1].sum()
    return chosen, float(mass)


def corner_masked(
    logits: Tensor, corner: int, chosen: list[int], within: NDArray[np.int64] | None
) -> tuple[Tensor, float]:
    """(bins,) logits of coordinate ``corner`` (x0, y0, x1, y1) after those ``chosen``, −∞ where it may not lie, and
    the probability mass that lay ``within`` the (4,) bins of a region, of all that made a box.
    """
    bins, low = len(logits), 0 if corner < 2 else chosen[corner - 2] + 1
    masked = logits.float().clone()
    masked[:low] = -torch.inf  # x1 must lie beyond x0, y1 beyond y0
    if low >= bins:
        masked[-1] = 0.0
    if within is None:
        return masked, 1.0
    first, last = max(low, int(within[corner % 2])), int(within[corner % 2 + 2])
    if corner < 2:  # room for the opposite edge
        last = max(first, last - 1)
    last = min(bins - 1, max(first, last))
    first = min(first, last)
    inside = torch.full_like(masked, -torch.inf)
    inside[first : last + 1] = logits[first : last + 1].float()
    return inside, float(torch.softmax(masked, 0)[first : last + 1].sum())


def token_boxes(
    tokens: Tokens, prompt: list[int], grammar: LocationGrammar, within: Boxes | None = None
) -> Decoding[FoundBoxes]:
    """Boxes by location tokens; the grammar is enforced, so every answer parses.

    ``within`` is a (1, 4) canvas box that they may not leave.
    """
    region = None if within is None else quantise(within, grammar.bins)[0]
    box, none, end, first = (tokens.id(name) for name in (BOX, NONE, END, "<loc_0>"))
    logits = yield prompt
    presence = float(torch.softmax(logits[[box, none]].float(), 0)[0])
    rows: list[list[float]] = []
    scores: list[float] = []
    going_on = at_home = 1.0
    while len(rows) < grammar.max_boxes:
        logits = yield [box]
        numbers: list[int] = []
        certainty = 1.0
        for corner in range(4):
            masked, inside = corner_masked(logits[first : first + grammar.bins], corner, numbers, region)
            number, mass = middle_bin(torch.softmax(masked, 0))
            numbers.append(number)
            certainty *= mass * inside
            at_home *= inside if not rows else 1.0
            logits = yield [first + number]
        rows.append([(number + 0.5) / grammar.bins for number in numbers])
        scores.append(presence * going_on * certainty**0.25)
        more = float(torch.softmax(logits[[box, end]].float(), 0)[0])
        if more < 0.5:
            break
        going_on *= more
    array = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    good = ((array[:, 2:] - array[:, :2]) > 0).all(axis=1)
    return FoundBoxes(array[good], tuple(np.asarray(scores)[good].tolist()), presence, at_home**0.25)


def begin_box(tokens: Tokens) -> list[int]:
    """The ids with which every answer of digits begins that has a box, whatever its first digit."""
    first, other = tokens.encode("[[1,1,2,2]]"), tokens.encode("[[9,1,10,2]]")
    same = [own for own, theirs in zip(first, other, strict=False) if own == theirs]
    return next((same[:size] for size in range(len(same)) if first[size] != other[size]), same)


def digit_presence(tokens: Tokens, prompt: list[int]) -> Decoding[float]:
    """Probability that an answer in plain digits is not "[]"."""
    log_empty, ahead = 0.0, prompt
    for token in tokens.encode("[]"):
        logits = yield ahead
        log_empty += float(torch.log_softmax(logits.float(), 0)[token])
        ahead = [token]
    return float(-np.expm1(log_empty))


def digit_boxes(
    tokens: Tokens, prompt: list[int], grammar: LocationGrammar, presence: float, budget: int, stop: int
) -> Decoding[FoundBoxes]:
    """Boxes by plain digits, greedy; boxes beyond the budget are cut at a box boundary by the parser.

    Whether there is a box is for the ``presence`` to say, as with location tokens: here one is begun, even if "[]" was
    likelier than any single box.
    """
    begun = begin_box(tokens)
    ids, chances = yield from greedy([*prompt, *begun], budget - len(begun), stop)
    boxes = grammar.decode(tokens.decode([*begun, *ids]))
    certainty = float(np.exp(np.mean(np.log(np.maximum(chances, 1e-12))))) if chances else 0.0
    return FoundBoxes(boxes, tuple(presence * certainty for _ in boxes), presence)


def greedy(
    prompt: list[int], budget: int, stop: int, silent: Tensor | None = None
) -> Decoding[tuple[list[int], list[float]]]:
    """Greedy ids after ``prompt``, with their probabilities, until ``stop`` or ``budget``; never a ``silent`` id."""
    ids: list[int] = []
    chances: list[float] = []
    ahead = prompt
    while len(ids) < budget:
        logits = (yield ahead).float()
        if silent is not None and len(silent):
            logits = logits.index_fill(0, silent.to(logits.device), -torch.inf)
        probabilities = torch.softmax(logits, 0)
        token = int(probabilities.argmax())
        if token == stop:
            break
        ids.append(token)
        chances.append(float(probabilities[token]))
        ahead = [token]
    return ids, chances
