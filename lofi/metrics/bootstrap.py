"""Patient bootstrap: every figure with its 95 % interval, resampling whole patients, never single films."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lofi.errors import BadQuery

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval, and what it rests on: ``n`` items of ``patients`` patients. NaN when n is 0."""

    value: float
    low: float
    high: float
    n: int
    patients: int

    def __str__(self) -> str:
        return "–" if np.isnan(self.value) else f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, float | int | None]:
        """Plain JSON: NaN, which JSON lacks, becomes null."""
        return {
            key: None if isinstance(value, float) and np.isnan(value) else round(value, 5)
            for key, value in asdict(self).items()
        }


class PatientBootstrap:
    """The resamples of one set of items, drawn once, so that figures over the same items are paired.

    ``patients`` names the patient of each of the n items. A resample draws as many patients as there are, with
    replacement, and takes all items of each: the percentile interval then respects that films of one patient agree.
    """

    def __init__(self, patients: Sequence[str], resamples: int = 1000, seed: int = 0) -> None:
        names, index = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self._patient_of = np.asarray(index, dtype=np.int64)
        self.n, self.patients = len(patients), len(names)
        draw = np.random.default_rng(seed).multinomial
        self._counts: Floats = (
            draw(self.patients, np.full(self.patients, 1 / self.patients), size=resamples).astype(np.float64)
            if self.patients
            else np.zeros((resamples, 0))
        )

    def of_sums(self, columns: ArrayLike, statistic: Callable[[Floats], Floats]) -> Estimate:
        """Estimate of a statistic of column sums, such as a ratio: ``statistic`` maps (R, C) sums to (R,) figures.

        ``columns`` is (n, C), one row an item. Resampled sums are one matrix product, so 1,000 of them cost nothing.
        """
        values = self._checked(columns)
        by_patient = np.zeros((self.patients, values.shape[1]))
        np.add.at(by_patient, self._patient_of, values)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._estimate(statistic(by_patient.sum(0)[None]), statistic(self._counts @ by_patient))

    def of_weights(self, statistic: Callable[[Floats], Floats]) -> Estimate:
        """Estimate of a statistic that needs the items: ``statistic`` maps (R, n) weights to (R,) figures."""
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = statistic(np.ones((1, self.n)))
            return self._estimate(whole, statistic(self._counts[:, self._patient_of]))

    def mean(self, values: ArrayLike) -> Estimate:
        """Mean over items of an (n,) array."""
        column = np.asarray(values, dtype=np.float64).reshape(-1)
        return self.of_sums(np.stack([column, np.ones_like(column)], axis=1), ratio)

    def _checked(self, columns: ArrayLike) -> Floats:
        values = np.asarray(columns, dtype=np.float64)
        if values.ndim != 2 or len(values) != self.n:
            raise BadQuery(f"The bootstrap holds {self.n} items and expects that many rows, not shape {values.shape}.")
        return values

    def _estimate(self, whole: Floats, resampled: Floats) -> Estimate:
        # A resample may lose every positive of a rare finding: such a figure is undefined and left out.
        defined = resampled[np.isfinite(resampled)]
        if self.n == 0 or len(defined) == 0 or not np.isfinite(whole[0]):
            return Estimate(float("nan"), float("nan"), float("nan"), self.n, self.patients)
        low, high = np.percentile(defined, [2.5, 97.5])
        return Estimate(float(whole[0]), float(low), float(high), self.n, self.patients)


def ratio(sums: Floats) -> Floats:
    """(R, 2) sums to first / second."""
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)
