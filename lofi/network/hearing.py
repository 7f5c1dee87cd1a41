"""How a checkpoint hears two networks about one phrase: its language model, and a dense network beside it.

*Whether*: log-odds of presence are a · (language model's) + b · (dense network's) + c, by concept. *Where*: the box on
which both, and the heat maps of both, agree best (lofi.network.consensus). ``train.agree`` chooses the numbers and the
manifest keeps them.

What may lie in either lung is asked with each side too: where the dense network sees it on both about as well, the
answer is a box on each, and what was written counts on its own side alone.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes
from lofi.files import plain
from lofi.network.consensus import HeatBelief, Opinions
from lofi.network.dense import Place, Seen, overlap
from lofi.network.eyes import DenseEyes
from lofi.report.question import IN_EITHER_LUNG, PAIRED, SHAPES, Asked, asked

BOTH_THERE, BOTH_HOT = 0.5, 0.9
"""From what log-odds of presence on either side, and from what share of the hotter side's heat on the other, a finding
is boxed on both. Chosen on patients of train that the network has not seen (train/LOG.md).
"""
ALWAYS_THERE = (0.0, 0.0, 3.0)
"""Weights of a part of the body: whatever is seen, it is there."""


@dataclass(frozen=True)
class Hearing:
    """``presence``: concept → (a, b, c). ``language_heat``, ``dense_heat`` and ``dense_box`` are shares in a box."""

    presence: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    language_heat: float = 0.0
    dense_heat: float = 0.0
    dense_box: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        presence = {name: [round(value, 4) for value in three] for name, three in self.presence.items()}
        shares = {name: getattr(self, name) for name in ("language_heat", "dense_heat", "dense_box")}
        return {"presence": presence, **shares}

    @classmethod
    def of(cls, values: object) -> "Hearing":
        """From a manifest that anybody may have written. Raises Unfit."""
        given = plain.mapping(values, "hearing")
        shares = {n: plain.number(given.get(n), n, 0, 1) for n in ("language_heat", "dense_heat", "dense_box")}
        if sum(shares.values()) >= 1:
            raise plain.Unfit("the shares in a box must leave something to the written one")
        presence: dict[str, tuple[float, float, float]] = {}
        for name, three in plain.mapping(given.get("presence"), "presence").items():
            if not isinstance(three, list) or len(three) != 3:
                raise plain.Unfit("presence must hold three numbers for each concept")
            a, b, c = (plain.number(value, "presence", -1e3, 1e3) for value in three)
            presence[name] = (a, b, c)
        return cls(presence, **shares)


@dataclass(frozen=True)
class Heard:
    """What the dense network says of a phrase. ``weights`` are None where it says nothing about presence.

    ``sides``: its answers on the left and on the right where both are meant or seen, empty else.
    """

    place: Place
    weights: tuple[float, float, float] | None
    sides: tuple[tuple[str, Place], ...] = ()

    @property
    def alone(self) -> bool:
        """Whether the language model never learnt what is asked, so that the dense network answers by itself."""
        return self.weights is not None and self.weights[0] == 0

    @property
    def box(self) -> Boxes:
        """(1, 4) the best canvas box."""
        return _box(self.place)

    def odds(self, language: float) -> float | None:
        """Log-odds of presence, with those of the language model; None where only that one is asked."""
        if self.weights is None:
            return None
        a, b, c = self.weights
        return a * language + b * log_odds(self.place.presence) + c

    @property
    def heat(self) -> NDArray[np.float32]:
        """(n, n) logits of the map on which the answer rests: of sides, the hotter one at each cell."""
        maps = [place.heat.numpy() for _, place in self.sides] or [self.place.heat.numpy()]
        return np.asarray(np.maximum.reduce(maps), dtype=np.float32)

    def on_sides(self, hearing: Hearing, written: Boxes) -> tuple[Boxes, tuple[float, ...]]:
        """(M, 4) canvas boxes, one for each of ``sides``, with (1, 4) ``written`` heard on its own, and the heat of
        each, 0 … 1.
        """
        found = []
        for side, place in self.sides:
            own = _box(place)
            if self.alone:
                found.append(own)
                continue
            # the patient's left is on the viewer's right
            there = len(written) == 1 and (written[0, 0] + written[0, 2] > 1) == (side == "left")
            opinions = Opinions([(_belief(place), hearing.dense_heat)], [(own, hearing.dense_box)] if there else [])
            found.append(opinions.agreed(written if there else own))
        return np.concatenate(found), tuple(float(place.scores[0]) for _, place in self.sides)

    def opinions(self, hearing: Hearing, language_heat: HeatBelief | None) -> Opinions:
        """What speaks beside the written box."""
        heats = [(_belief(self.place), hearing.dense_heat)]
        if language_heat is not None:
            heats.append((language_heat, hearing.language_heat))
        return Opinions(heats, [(self.box, hearing.dense_box)])


def _box(place: Place) -> Boxes:
    return np.asarray(place.boxes[:1].numpy(), dtype=np.float64)


def _belief(place: Place) -> HeatBelief:
    logits: NDArray[np.float32] = place.heat.flatten().numpy()
    return HeatBelief(logits)


def log_odds(chance: float) -> float:
    """Of a probability, kept finite at 0 and 1."""
    return math.log(max(chance, 1e-6) / max(1 - chance, 1e-6))


def hear(eyes: DenseEyes, hearing: Hearing, seen: Seen, phrase: str) -> Heard | None:
    """The dense network's answer to a phrase; None where it does not know what is asked."""
    question = asked(phrase)
    if question is None or question.concept not in eyes:
        return None
    weights = hearing.presence.get(question.concept)
    if weights is None and question.concept in PAIRED and not question.side:
        weights = ALWAYS_THERE  # the language model was taught them one by one
    if weights is None and question.concept not in SHAPES:
        return None
    meant = question.concept in PAIRED or bool(_BOTH.search(phrase))
    single = bool(question.side) or question.concept not in IN_EITHER_LUNG | PAIRED
    if single or (question.third and not meant):
        return Heard(_ask(eyes, seen, question), weights)
    every = ("", "left", "right")
    if question.third:
        place, left, right = (_ask(eyes, seen, question._replace(side=side)) for side in every)
    else:  # together, which is quicker
        place, left, right = eyes.ask(seen, [(question.concept, side) for side in every])
    both = meant or _seen_on_both(left, right)
    return Heard(place, weights, (("left", left), ("right", right)) if both else ())


_BOTH = re.compile(r"\b(?:bilateral(?:ly)?|both|bibas\w+|biapical)\b", re.IGNORECASE)


def _seen_on_both(left: Place, right: Place) -> bool:
    faint, hot = sorted(float(place.scores[0]) for place in (left, right))
    if float(overlap(left.boxes[0], right.boxes[:1])[0]) > 0:  # one thing between both, not one on each
        return False
    return min(log_odds(left.presence), log_odds(right.presence)) > BOTH_THERE and faint > BOTH_HOT * hot


def _ask(eyes: DenseEyes, seen: Seen, question: Asked) -> Place:
    """The answer, its heat and boxes confined to the third of the lung that was asked for."""
    zone = f"{question.third} lung zone"
    if not question.third or zone not in eyes:
        return eyes.ask(seen, [(question.concept, question.side)])[0]
    sides = [question.side] if question.side else ["left", "right"]
    zones = eyes.ask(seen, [(zone, side) for side in sides], most=1)
    return eyes.ask_within(seen, (question.concept, question.side), [found.boxes[0] for found in zones])
