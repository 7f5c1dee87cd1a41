"""Every patient answered with numbers that were chosen on others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from train.agreeing.asking import Heard, Where, Whether
from train.agreeing.place import SHARES, Shares, best_shares, overlap
from train.agreeing.presence import fit, odds

FOLDS = 5
Item = TypeVar("Item", Whether, Where)


@dataclass(frozen=True)
class Crossed:
    """``odds``: of each answered presence; ``overlaps``: of each placed finding; ``shares``: those of each fold."""

    odds: Sequence[tuple[Whether, float]]
    overlaps: Sequence[tuple[Where, float]]
    shares: Sequence[Shares]


def fold(patient: str) -> int:
    """0 … FOLDS − 1, by hash: the same whatever else is asked."""
    return int(hashlib.sha256(f"agree {patient}".encode()).hexdigest()[:8], 16) % FOLDS


def crossed(heard: Heard, tried: Sequence[Shares] = SHARES) -> Crossed:
    """All items, each fold's with what the others chose."""
    answers: list[tuple[Whether, float]] = []
    overlaps: list[tuple[Where, float]] = []
    shares = []
    for number in range(FOLDS):
        weights = fit(_others(heard.whether, number))
        own = [w for w in heard.whether if fold(w.patient) == number]
        answers += [(w, value) for w in own if (value := odds(w, weights)) is not None]
        shares.append(best_shares(_others(heard.where, number), tried))
        overlaps += [(w, overlap(w, shares[-1])) for w in heard.where if fold(w.patient) == number]
    return Crossed(answers, overlaps, shares)


def _others(items: Sequence[Item], number: int) -> list[Item]:
    return [item for item in items if fold(item.patient) != number]


def concepts_of(crossed: Crossed) -> Mapping[str, list[tuple[Whether, float]]]:
    """By concept."""
    out: dict[str, list[tuple[Whether, float]]] = {}
    for item, value in crossed.odds:
        out.setdefault(item.concept, []).append((item, value))
    return dict(sorted(out.items()))
