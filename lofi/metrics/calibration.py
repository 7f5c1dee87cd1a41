"""Is a phrase there at all, and does the confidence mean what it says: sensitivity, specificity, ECE, reliability."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap, ratio
from lofi.metrics.ranking import auroc

BINS = 10


def even_weights(present: ArrayLike) -> Floats:
    """(n,) weights of mean 1 under which half of the items are present; all 1 where only one kind is there.

    A confidence is a probability for some share of present phrases; ours is for one half.
    """
    there = np.asarray(present, dtype=bool)
    share = there.mean() if len(there) else 0.0
    if share in (0.0, 1.0):
        return np.ones(len(there))
    return np.where(there, 0.5 / share, 0.5 / (1 - share))


def calibration_columns(
    confidence: ArrayLike, present: ArrayLike, bins: int = BINS, weights: ArrayLike | None = None
) -> Floats:
    """(n, 3·bins) additive columns: of each of ``bins`` equal bins of confidence its count, confidence and presence,
    each item counted ``weights`` (n,) times.
    """
    sure, there = np.asarray(confidence, dtype=np.float64), np.asarray(present, dtype=np.float64)
    bin_of = np.clip((sure * bins).astype(int), 0, bins - 1)
    inside = np.eye(bins)[bin_of].reshape(len(sure), bins)
    if weights is not None:
        inside = inside * np.asarray(weights, dtype=np.float64)[:, None]
    return np.concatenate([inside, inside * sure[:, None], inside * there[:, None]], axis=1)


def expected_calibration_error(sums: Floats) -> Floats:
    """(R,) ECE of (R, 3·bins) sums: mean over items of |confidence − frequency| of their bin (Naeini et al. 2015)."""
    count, sure, there = np.split(sums, 3, axis=1)
    return np.asarray(np.abs(sure - there).sum(1) / count.sum(1), dtype=np.float64)


def reliability(confidence: ArrayLike, present: ArrayLike, bins: int = BINS) -> list[tuple[int, float, float]]:
    """(count, mean confidence, frequency of presence) of every bin that holds an item, in order; the frequency as if
    half of all phrases were present.
    """
    counted = np.split(calibration_columns(confidence, present, bins).sum(0), 3)[0]
    weighed = calibration_columns(confidence, present, bins, even_weights(present)).sum(0)
    rows = zip(counted, *np.split(weighed, 3), strict=True)
    return [(int(n), float(s / w), float(t / w)) for n, w, s, t in rows if n > 0]


def presence_figures(
    confidence: ArrayLike,
    found: ArrayLike,
    present: ArrayLike,
    patients: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Sensitivity, specificity, AUROC and ECE of (n,) answers to present and absent phrases.

    The ECE counts as if half of the phrases were present.
    """
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
        "ECE": boot.of_sums(calibration_columns(sure, there, BINS, even_weights(there)), expected_calibration_error),
    }


def fit_confidence(confidence: ArrayLike, present: ArrayLike) -> tuple[float, float]:
    """(slope, offset) on the log-odds of (n,) confidences that fit presence best, half of the items counted present.

    Platt's scaling (1999) with his smoothed targets, by Newton's steps. Raises ValueError where one kind is missing.
    """
    there = np.asarray(present, dtype=bool)
    if there.all() or not there.any():
        raise ValueError("to calibrate, phrases that are present and phrases that are absent are needed")
    odds, weights = log_odds(confidence), even_weights(there)
    ones, zeros = there.sum(), (~there).sum()
    wanted = np.where(there, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    columns = np.stack([odds, np.ones_like(odds)], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-columns @ found))
        gradient = columns.T @ (weights * (chance - wanted))
        curvature = columns.T @ (columns * (weights * chance * (1 - chance))[:, None]) + 1e-6 * np.eye(2)
        step = np.clip(np.linalg.solve(curvature, gradient), -1, 1)  # far from the solution a whole step overshoots
        found = found - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(found[0]), float(found[1])


def log_odds(confidence: ArrayLike) -> Floats:
    """(n,) log-odds of probabilities, those of 0 and 1 kept finite."""
    chance = np.clip(np.asarray(confidence, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(chance / (1 - chance)), dtype=np.float64)
