"""Which films enter a batch: strata with fixed shares, drawn anew from (seed, step), so that any step can be redone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.oversampling import positives, swap_normals
from train.data.records import NIH_SOURCES, PSEUDO, FilmRecord
from train.pretraining.distributed import part, world

REPORTS = "reports"
"""Films with a radiologist's report and no box: a stratum of their own where a recipe gives it a share, else they
count as ``normal`` or ``other``.
"""
STRATA = ("finding_boxes", "nih", "lung_boxes", "adult_lungs", REPORTS, "normal", "other", "simulated", "pseudo_boxes")


def stratum(record: FilmRecord, reports: bool = False) -> str:
    """The stratum of a film: simulated, finding boxes first, then source and what is boxed by hand; ``reports``:
    whether those with nothing but a report are one.
    """
    if record.source == "simulated":
        return "simulated"
    trusted = {box.kind for box in record.boxes if box.quality != PSEUDO}
    if "finding" in trusted:
        return "finding_boxes"
    if any(box.kind == "finding" for box in record.boxes):
        return "pseudo_boxes"
    if trusted & {"anatomy", "zone"}:
        return "lung_boxes" if record.source == "kermany_pneumonia" else "adult_lungs"
    if record.source in NIH_SOURCES:
        return "nih"
    if reports and record.report:
        return REPORTS
    return "normal" if "No Finding" in record.findings else "other"


class Sampler:
    """Draws the films of step ``n``; a stratum without films gives its share to the others."""

    def __init__(self, records: Sequence[FilmRecord], shares: dict[str, float], batch: int, seed: int) -> None:
        own = [stratum(record, bool(shares.get(REPORTS))) for record in records]
        members = {name: [i for i, found in enumerate(own) if found == name] for name in STRATA}
        self._members = {name: np.asarray(found) for name, found in members.items() if found and shares.get(name)}
        if not self._members:
            raise ValueError("no film of the records belongs to a stratum with a share above 0")
        total = sum(shares[name] for name in self._members)
        self._names = list(self._members)
        self._shares = np.asarray([shares[name] / total for name in self._names])
        self._batch, self._seed = batch, seed

    def rng(self, step: int) -> np.random.Generator:
        """The generator of everything random in step ``n``: no state to save, none to lose."""
        return np.random.default_rng((self._seed, step))

    def draw(self, step: int) -> tuple[NDArray[np.int64], np.random.Generator]:
        """(B,) film numbers of the step, strata filled by largest remainder, and the step's generator."""
        rng = self.rng(step)
        exact = self._shares * self._batch + rng.random(len(self._shares)) * 1e-3
        counts = np.floor(exact).astype(int)
        for index in np.argsort(counts - exact)[: self._batch - counts.sum()]:
            counts[index] += 1
        drawn = [
            rng.choice(self._members[n], c, replace=c > len(self._members[n]))
            for n, c in zip(self._names, counts, strict=True)
        ]
        return np.concatenate(drawn), rng


class Epochs:
    """Every film once an epoch in an order drawn from (seed, epoch); normal films swapped with chance ``swap``."""

    def __init__(self, records: Sequence[FilmRecord], batch: int, seed: int, swap: float) -> None:
        if not records:
            raise ValueError("there is no film to train on")
        self._count, self._batch, self._seed, self._swap = len(records), batch, seed, swap
        self._positive = positives(records)

    def rng(self, step: int) -> np.random.Generator:
        """The generator of everything random in step ``n``."""
        return np.random.default_rng((self._seed, step))

    def draw(self, step: int) -> tuple[NDArray[np.int64], np.random.Generator]:
        """(B,) film numbers of the step and the step's generator."""
        rng = self.rng(step)
        places = step * self._batch + np.arange(self._batch)
        epochs, rows = np.divmod(places, self._count)
        orders = {int(e): np.random.default_rng((self._seed, int(e), 1)).permutation(self._count) for e in set(epochs)}
        chosen = np.asarray([orders[int(e)][row] for e, row in zip(epochs, rows, strict=True)], dtype=np.int64)
        return swap_normals(chosen, self._positive, rng, self._swap), rng


class OwnShards:
    """As Epochs, but the films of each process's part of a batch lie in shards of its own: every n-th of n processes.

    The order depends on the number of processes, which is asked at every draw: a run that goes on with another number
    is as random, but not the same.
    """

    def __init__(
        self, records: Sequence[FilmRecord], homes: NDArray[np.int64], batch: int, seed: int, swap: float
    ) -> None:
        self._records, self._homes, self._batch, self._seed, self._swap = records, homes, batch, seed, swap
        self._processes: list[tuple[NDArray[np.int64], Epochs]] = []

    def draw(self, step: int) -> tuple[NDArray[np.int64], np.random.Generator]:
        """(B,) film numbers of the step, process by process, and the step's generator."""
        if len(self._processes) != world():
            self._processes = [self._process(number, world()) for number in range(world())]
        drawn = [members[epochs.draw(step)[0]] for members, epochs in self._processes]
        return np.concatenate(drawn), np.random.default_rng((self._seed, step))

    def _process(self, number: int, processes: int) -> tuple[NDArray[np.int64], Epochs]:
        members = np.flatnonzero(self._homes % processes == number)
        if not len(members):
            raise ValueError(
                f"{self._homes.max() + 1} shards are too few for {processes} processes: write smaller ones"
            )
        share, seed = part(self._batch, number, processes), self._seed * 1_000 + number
        own = [self._records[index] for index in members]
        return members, Epochs(own, share.stop - share.start, seed, self._swap)
