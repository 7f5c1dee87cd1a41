"""Presence label by label: is it there, on films that have it, on films without any finding, on films with another one.

Every label is asked that the records carry, boxed or not; what a model was never shown is named as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lofi.metrics.bootstrap import Estimate, PatientBootstrap, ratio
from lofi.metrics.ranking import auroc
from lofi.network.concepts import Concepts
from lofi.report.understanding import understood
from lofi.results import Grounding
from train.data.film import NO_FINDING
from train.evaluation.embedding_figures import truth_of
from train.evaluation.questions import Film, phrase_of

LEAST = 3
"""Films with a label below which nothing is said of it."""
NORMAL, OTHER = "films without a finding", "films with another finding"


@dataclass(frozen=True)
class Asked:
    """One label asked of one film: whether it is there, and else whether the film has no finding at all."""

    film: int
    label: str
    phrase: str
    present: bool
    normal: bool


def label_questions(films: Sequence[Film]) -> list[Asked]:
    """Every label of the films, asked of each film of which it is known whether it is there."""
    labels = {label for film in films for label in film.findings if label != NO_FINDING}
    labels |= {box.label for film in films for box in film.boxes if box.kind == "finding" and box.label}
    asked = []
    for label in sorted(labels):
        truths = [truth_of(film, label) for film in films]
        if sum(truth is True for truth in truths) < LEAST:
            continue
        for number, truth in enumerate(truths):
            if truth is not None:
                normal = not truth and films[number].findings == (NO_FINDING,)
                asked.append(Asked(number, label, phrase_of(label), truth, normal))
    return asked


def label_figures(
    asked: Sequence[Asked],
    answers: Sequence[Grounding],
    films: Sequence[Film],
    threshold: float,
    concepts: Concepts | None,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Label → figures at the model's own threshold. A label that it was never shown has its name followed by that."""
    sure = np.array([answer.confidence for answer in answers], dtype=np.float64)
    found: dict[str, dict[str, Any]] = {}
    for label in dict.fromkeys(one.label for one in asked):
        rows = [number for number, one in enumerate(asked) if one.label == label]
        there: NDArray[np.bool_] = np.array([asked[number].present for number in rows], dtype=bool)
        normal = np.array([asked[number].normal for number in rows], dtype=bool)
        patients = [films[asked[number].film].patient for number in rows]
        figures: dict[str, Any] = {}
        if never_shown(label, concepts):
            figures["never learnt: answers are never called found"] = {}
        figures["sensitivity"] = _share(sure[rows] >= threshold, there, patients, resamples, seed)
        for name, absent in ((NORMAL, ~there & normal), (OTHER, ~there & ~normal)):
            if not absent.any():
                continue
            keep = there | absent
            boot = PatientBootstrap([p for p, kept in zip(patients, keep, strict=True) if kept], resamples, seed)
            figures[f"AUROC, {name}"] = boot.of_weights(partial(auroc, sure[rows][keep], there[keep]))
            figures[f"specificity, {name}"] = _share(sure[rows] < threshold, absent, patients, resamples, seed)
        found[label] = figures
    return found


def never_shown(label: str, concepts: Concepts | None) -> bool:
    """Whether a checkpoint says that it was never shown a label."""
    if concepts is None:
        return False
    named = understood(phrase_of(label), concepts).concepts
    return not any(name in concepts and concepts[name].learnt for name in named)


def _share(
    hit: NDArray[np.bool_], of: NDArray[np.bool_], patients: Sequence[str], resamples: int, seed: int
) -> Estimate:
    own = [patient for patient, kept in zip(patients, of, strict=True) if kept]
    return PatientBootstrap(own, resamples, seed).of_sums(np.stack([hit[of], np.ones(of.sum())], axis=1), ratio)
