"""Batches made by many processes, for an accelerator that would wait for one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from train.densely.batches import Batch, batch_of
from train.densely.sampling import Sampler


@dataclass(frozen=True)
class Steps(Dataset[Batch]):
    """The batch of each step from ``first`` on, its films in bytes (a quarter of what processes hand on)."""

    sampler: Sampler
    canvases: NDArray[np.uint8]
    side: int
    seed: int
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __reduce__(self) -> tuple[Any, ...]:
        """As a process is handed them: canvases that lie in a file are mapped there again, not copied."""
        canvases = self.canvases
        kept = Path(canvases.filename) if isinstance(canvases, np.memmap) and canvases.filename else canvases
        return _opened, (self.sampler, kept, self.side, self.seed, self.first, self.count)

    def __getitem__(self, place: int) -> Batch:
        batch = batch_of(self.sampler, self.canvases, self.side, self.first + place, self.seed, None)
        return replace(batch, films=(batch.films * 255).round().to(torch.uint8))


def _opened(
    sampler: Sampler, canvases: Path | NDArray[np.uint8], side: int, seed: int, first: int, count: int
) -> Steps:
    return Steps(
        sampler, np.load(canvases, mmap_mode="r") if isinstance(canvases, Path) else canvases, side, seed, first, count
    )


def _alone(worker: int) -> None:
    """One thread a process: there are as many processes as cores."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _first(batches: list[Batch]) -> Batch:
    return batches[0]


def fed(steps: Steps, workers: int) -> Iterator[Batch]:
    """The batches in order, made ``workers`` at a time and three of each ahead."""
    if workers == 0:
        return (steps[place] for place in range(len(steps)))
    torch.multiprocessing.set_sharing_strategy("file_system")  # a step has ten tensors: too many open files otherwise
    loader: DataLoader[Batch] = DataLoader(
        steps,
        num_workers=workers,
        collate_fn=_first,
        prefetch_factor=3,
        worker_init_fn=_alone,
        # A fork of a process whose libraries have threads may wait for ever for a lock that one of them held.
        multiprocessing_context="forkserver",
    )
    return iter(loader)
