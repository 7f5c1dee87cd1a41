"""Is it there, and where, asked together: what a reader meets who types a phrase that may or may not be true."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.ranking import auroc
from lofi.results import Grounding
from train.evaluation.asking import at_threshold
from train.evaluation.questions import Film, Question

Statistic = Callable[[Floats], Floats]
SENSITIVITY = 0.85
REACHES = (0.3, 0.5)


@dataclass(frozen=True)
class Asked:
    """A bare phrase, what is true of it, and what was answered without a threshold."""

    question: Question
    film: Film
    answer: Grounding

    @property
    def beside(self) -> bool:
        """Whether the film shows another finding than the one that is asked for."""
        return "No Finding" not in self.film.findings


def answering_figures(
    asked: Sequence[Asked], threshold: float, resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Stratum → figure → estimate; strata are films without a finding, and those with another one.

    ``asked`` holds present phrases and absent ones. F1 counts over the present phrases and as many absent ones of each
    label, drawn by ``seed``: a box on an absent phrase is a false positive, one that misses is that and a miss.
    """
    draw = (resamples, seed)
    even = _evened(asked, seed)
    found: dict[str, dict[str, Estimate]] = {
        "present and as many absent phrases": {f"F1@{reach:g}": _f1(even, threshold, reach, *draw) for reach in REACHES}
    }
    for name, beside in (("absent: film without a finding", False), ("absent: film with another finding", True)):
        some = [item for item in asked if item.question.present or item.beside == beside]
        if not any(item.question.present for item in some) or all(item.question.present for item in some):
            continue
        denied = [item for item in some if not item.question.present]
        said = [float(at_threshold(item.answer, threshold).found) for item in denied]
        found[name] = {
            "AUROC": _boot(some, *draw).of_weights(_auroc(some)),
            f"specificity at sensitivity {SENSITIVITY}": _boot(some, *draw).of_weights(_specificity(some)),
            "answered found": _boot(denied, *draw).mean(said),
        }
    return found


def _boot(items: Sequence[Asked], resamples: int, seed: int) -> PatientBootstrap:
    return PatientBootstrap([item.film.patient for item in items], resamples, seed)


def _evened(asked: Sequence[Asked], seed: int) -> list[Asked]:
    generator = np.random.default_rng(seed)
    present, absent = _labelled(asked, True), _labelled(asked, False)
    out: list[Asked] = []
    for label, there in present.items():
        out += there
        others = absent.get(label, [])
        out += [others[n] for n in generator.permutation(len(others))[: len(there)]]
    return out


def _labelled(asked: Sequence[Asked], present: bool) -> Mapping[str, list[Asked]]:
    out: dict[str, list[Asked]] = {}
    for item in asked:
        if item.question.present == present:
            out.setdefault(item.question.label, []).append(item)
    return dict(sorted(out.items()))


def _f1(asked: Sequence[Asked], threshold: float, reach: float, resamples: int, seed: int) -> Estimate:
    rows = []
    for item in asked:
        said = at_threshold(item.answer, threshold)
        hit = said.found and item.question.present and set_iou(as_boxes(said.boxes), item.question.boxes) >= reach
        rows.append((float(hit), float(said.found), float(item.question.present)))

    def of(sums: Floats) -> Floats:
        return np.asarray(2 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1e-12))

    return _boot(asked, resamples, seed).of_sums(np.asarray(rows).reshape(-1, 3), of)


def _auroc(asked: Sequence[Asked]):  # type: ignore[no-untyped-def]
    scores = np.array([item.answer.confidence for item in asked])
    there = np.array([item.question.present for item in asked])
    return lambda weights: auroc(scores, there, weights)


def _specificity(asked: Sequence[Asked]):  # type: ignore[no-untyped-def]
    scores = np.array([item.answer.confidence for item in asked])
    there = np.array([item.question.present for item in asked])
    order = np.argsort(scores[there], kind="stable")
    present = scores[there][order]

    def of(weights: Floats) -> Floats:
        yes, no = weights[:, there][:, order], weights[:, ~there]
        cut = (np.cumsum(yes, 1) < (1 - SENSITIVITY) * yes.sum(1, keepdims=True)).sum(1)
        below = scores[~there] < present[np.minimum(cut, len(present) - 1)][:, None]
        return np.asarray((below * no).sum(1) / np.maximum(no.sum(1), 1e-12))

    return of
