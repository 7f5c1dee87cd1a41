"""Is a phrase there at all, and does the confidence mean what it says: sensitivity, specificity, ECE, reliability."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap, ratio
from lofi.metrics.ranking import auroc

BINS = 10


def calibration_columns(confidence: ArrayLike, present: ArrayLike, bins: int = BINS) -> Floats:
    """(n, 3·bins) additive columns: of each of ``bins`` equal bins of confidence its count, confidence and presence."""
    sure, there = np.asarray(confidence, dtype=np.float64), np.asarray(present, dtype=np.float64)
    bin_of = np.clip((sure * bins).astype(int), 0, bins - 1)
    inside = np.eye(bins)[bin_of].reshape(len(sure), bins)
    return np.concatenate([inside, inside * sure[:, None], inside * there[:, None]], axis=1)


def expected_calibration_error(sums: Floats) -> Floats:
    """(R,) ECE of (R, 3·bins) sums: mean over items of |confidence − frequency| of their bin (Naeini et al. 2015)."""
    count, sure, there = np.split(sums, 3, axis=1)
    return np.asarray(np.abs(sure - there).sum(1) / count.sum(1), dtype=np.float64)


def reliability(confidence: ArrayLike, present: ArrayLike, bins: int = BINS) -> list[tuple[int, float, float]]:
    """(count, mean confidence, frequency of presence) of every bin that holds an item, in order."""
    count, sure, there = np.split(calibration_columns(confidence, present, bins).sum(0), 3)
    return [(int(n), float(s / n), float(t / n)) for n, s, t in zip(count, sure, there, strict=True) if n > 0]


def presence_figures(
    confidence: ArrayLike,
    found: ArrayLike,
    present: ArrayLike,
    patients: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Sensitivity, specificity, AUROC and ECE of (n,) answers to present and absent phrases."""
    sure, said = np.asarray(confidence, dtype=np.float64), np.asarray(found, dtype=bool)
    there: NDArray[np.bool_] = np.asarray(present, dtype=bool)
    boot = PatientBootstrap(patients, resamples, seed)

    def share(hit: NDArray[np.bool_], of: NDArray[np.bool_]) -> Estimate:
        return PatientBootstrap(np.asarray(patients)[of].tolist(), resamples, seed).of_sums(
            np.stack([hit[of], np.ones(of.sum())], axis=1), ratio
        )

    return {
        "sensitivity": share(said, there),
        "specificity": share(~said, ~there),
        "AUROC present/absent": boot.of_weights(lambda weights: auroc(sure, there, weights)),
        "ECE": boot.of_sums(calibration_columns(sure, there), expected_calibration_error),
    }
