"""How well a linear probe tells two kinds of things by their features, of patients that it was not fitted on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.ranking import auroc
from train.evaluation.cam import logistic_weights

FOLDS = 5


def told_apart(features: Floats, kind: NDArray[np.bool_], patients: Sequence[str], seed: int = 0) -> Estimate:
    """Area under the ROC curve of a logistic probe on (n, D) features, cross-fitted in ``FOLDS`` parts of patients.

    0.5: it cannot tell. ``kind`` (n,). Raises ValueError where a kind has fewer patients than there are parts.
    """
    names = np.asarray(patients, dtype=str)
    if min(len(set(names[kind])), len(set(names[~kind]))) < FOLDS:
        raise ValueError(f"at least {FOLDS} patients of each kind are needed")
    fold = np.zeros(len(names), dtype=np.int64)
    for number, some in enumerate((kind, ~kind)):  # as many of each kind in every part
        order = np.random.default_rng([seed, number]).permutation(np.unique(names[some]))
        place = {name: k % FOLDS for k, name in enumerate(order)}
        fold[some] = [place[name] for name in names[some]]
    scores = np.zeros(len(names))
    for k in range(FOLDS):
        out = fold == k
        # A patient of both kinds may stand in two parts; none of hers is fitted on where she is asked about.
        known = ~out & ~np.isin(names, names[out])
        weights = logistic_weights(features[known], kind[known, None].astype(np.float64))[0]
        own = features[out] @ weights
        scores[out] = own - float(np.median(features[known] @ weights))
    return PatientBootstrap(list(names)).of_weights(lambda w: auroc(scores, kind, w))
