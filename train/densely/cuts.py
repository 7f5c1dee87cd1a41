"""Where presence says yes: per finding, on the patients kept back, never on what is reported."""

from collections.abc import Mapping, Sequence

import numpy as np

from train.densely import concepts as c
from train.densely.asking import Answered
from train.densely.figures import logit

_FEWEST = 10


def truths(answers: Sequence[Answered], concept: str) -> tuple[list[float], list[float]]:
    """Logits where the concept is there and where it is truly denied, all groups together."""
    yes = [logit(film.presence[concept]) for film in answers if concept in film.positive]
    no = [logit(film.presence[concept]) for film in answers if concept in film.absent]
    return yes, no


def best_cut(yes: Sequence[float], no: Sequence[float]) -> float:
    """The cut of the largest sensitivity + specificity; the middle of all that reach 0.02 less, as maxima jump."""
    values = np.unique(np.concatenate([yes, no]))
    middle = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    gain = np.array([np.mean(np.array(yes) >= cut) + np.mean(np.array(no) < cut) for cut in middle])
    return float(np.median(middle[gain >= gain.max() - 0.02]))


def cuts(answers: Sequence[Answered]) -> dict[str, float]:
    """Concept → cut (logit). With few films of either answer it is drawn towards the cut of all findings together."""
    pairs = {concept: truths(answers, concept) for concept in c.FINDINGS}
    every = best_cut([v for yes, _ in pairs.values() for v in yes], [v for _, no in pairs.values() for v in no])
    out = {}
    for concept, (yes, no) in pairs.items():
        fewest = min(len(yes), len(no))
        own = best_cut(yes, no) if fewest else every
        trust = fewest / (fewest + _FEWEST)
        out[concept] = trust * own + (1 - trust) * every
    return out


def as_probabilities(logits: Mapping[str, float]) -> dict[str, float]:
    """Cuts as the presence in 0–1 that the network returns."""
    return {name: round(float(1 / (1 + np.exp(-value))), 4) for name, value in logits.items()}
