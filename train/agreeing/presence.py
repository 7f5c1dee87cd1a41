"""Whether a finding is there, from the log-odds of two networks: one regression, offsets of its own for each concept.

    log-odds = a · language + b · dense + c + cₖ

Yes and no of a concept weigh the same, so that 0.5 is where sensitivity and specificity add up to most; cₖ is drawn
towards 0 (a normal prior of deviation ``SPREAD``), so that a concept of few films takes the cut of all. What the
language model was never taught has a b of its own and no a.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lofi.metrics.bootstrap import Floats
from train.agreeing.asking import Whether

SPREAD = 1.0
FEWEST = 3
"""Films of yes and of no without which a concept's presence is not answered at all."""
SENSITIVE = 0.95
Weights = Mapping[str, tuple[float, float, float]]


def fit(asked: Sequence[Whether]) -> dict[str, tuple[float, float, float]]:
    """Concept → (a, b, c)."""
    spoken = [w for w in asked if w.language is not None]
    out = _fitted(spoken, both=True)
    return out | _fitted([w for w in asked if w.language is None], both=False)


def _fitted(asked: Sequence[Whether], both: bool) -> dict[str, tuple[float, float, float]]:
    counts = {n: [sum(w.concept == n and w.there == t for w in asked) for t in (True, False)] for n in _names(asked)}
    names = [name for name, pair in counts.items() if min(pair) >= FEWEST]
    some = [w for w in asked if w.concept in names]
    if not some:
        return {}
    own = np.array([[w.concept == name for name in names] for w in some], dtype=np.float64)
    told = np.array([[w.language or 0.0, w.dense, 1.0] for w in some])
    columns = np.concatenate([told[:, 0 if both else 1 :], own], axis=1)
    there = np.array([w.there for w in some], dtype=np.float64)
    weight = np.array([2 * counts[w.concept][int(w.there)] / sum(counts[w.concept]) for w in some])
    shared = columns.shape[1] - len(names)
    prior = np.array([1e-3] * shared + [SPREAD**-2] * len(names))
    found = newton(columns, there, weight, prior)
    a, b = (found[0], found[1]) if both else (0.0, found[0])
    if both and min(a, b) <= 0:
        raise ValueError("one of the two networks speaks against itself: it cannot be heard")
    return {
        name: (float(a), float(b), float(found[shared - 1] + c)) for name, c in zip(names, found[shared:], strict=True)
    }


def newton(columns: Floats, there: Floats, weight: Floats, prior: Floats) -> Floats:
    """(C,) weights of a logistic regression of (n, C) columns, with normal priors of precision ``prior`` (C,)."""
    found = np.zeros(columns.shape[1])
    for _ in range(60):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        gradient = columns.T @ (weight * (chance - there)) + prior * found
        curvature = columns.T @ (columns * (weight * chance * (1 - chance))[:, None]) + np.diag(prior)
        step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
        found = found - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return found


def odds(asked: Whether, weights: Weights) -> float | None:
    """Log-odds of presence; None for a concept that is not answered."""
    if asked.concept not in weights:
        return None
    a, b, c = weights[asked.concept]
    return a * (asked.language or 0.0) + b * asked.dense + c


def unsure_from(asked: Sequence[Whether], weights: Weights) -> float:
    """The confidence below which 5 % of what is there lies, concepts counted alike: below it is "not found"."""
    there = [(w.concept, value) for w in asked if w.there and (value := odds(w, weights)) is not None]
    counts = {name: sum(n == name for n, _ in there) for name, _ in there}
    order = sorted(there, key=lambda item: item[1])
    total, passed = float(len(counts)), 0.0
    for name, value in order:
        passed += 1 / counts[name]
        if passed >= (1 - SENSITIVE) * total:
            return round(float(1 / (1 + np.exp(-value))), 3)
    return 0.5


def _names(asked: Sequence[Whether]) -> list[str]:
    return sorted({w.concept for w in asked})
