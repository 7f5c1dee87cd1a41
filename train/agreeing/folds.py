"""Every patient answered with numbers that were chosen on others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.agreeing.asking import Heard, Where, Whether
from train.agreeing.place import SHARES, Shares, best_shares, overlaps
from train.agreeing.presence import fit, odds

FOLDS = 5


@dataclass(frozen=True)
class Crossed:
    """``odds``: of each answered presence; ``overlaps``: of each placed finding; ``shares``: of each fold; ``best``:
    those of all.
    """

    odds: Sequence[tuple[Whether, float]]
    overlaps: Sequence[tuple[Where, float]]
    shares: Sequence[Shares]
    best: Shares


def fold(patient: str) -> int:
    """0 … FOLDS − 1, by hash: the same whatever else is asked."""
    return int(hashlib.sha256(f"agree {patient}".encode()).hexdigest()[:8], 16) % FOLDS


def crossed(heard: Heard, tried: Sequence[Shares] = SHARES) -> Crossed:
    """All items, each fold's with what the others chose."""
    answers: list[tuple[Whether, float]] = []
    placed: list[tuple[Where, float]] = []
    shares = []
    table, folds = overlaps(heard.where, tried), np.array([fold(where.patient) for where in heard.where], dtype=int)
    for number in range(FOLDS):
        weights = fit(_others(heard.whether, number))
        own = [w for w in heard.whether if fold(w.patient) == number]
        answers += [(w, value) for w in own if (value := odds(w, weights)) is not None]
        shares.append(best_shares(table[folds != number], tried))
        own_column = table[:, tried.index(shares[-1])]
        placed += [(heard.where[row], float(own_column[row])) for row in np.flatnonzero(folds == number).tolist()]
    return Crossed(answers, placed, shares, best_shares(table, tried))


def _others(items: Sequence[Whether], number: int) -> list[Whether]:
    return [item for item in items if fold(item.patient) != number]


def concepts_of(crossed: Crossed) -> Mapping[str, list[tuple[Whether, float]]]:
    """By concept."""
    out: dict[str, list[tuple[Whether, float]]] = {}
    for item, value in crossed.odds:
        out.setdefault(item.concept, []).append((item, value))
    return dict(sorted(out.items()))
