"""What one process must know of the others: the rows of all of them, and how its means weigh in theirs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

T = TypeVar("T")


def world() -> int:
    """Number of processes; 1 without torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of the process from 0; 0 without torch.distributed."""
    return dist.get_rank() if world() > 1 else 0


def part(count: int, number: int | None = None, parts: int | None = None) -> slice:
    """Which of ``count`` rows belong to process ``number``: as even as can be, the first ones take one more."""
    number, parts = rank() if number is None else number, world() if parts is None else parts
    each, over = divmod(count, parts)
    first = number * each + min(number, over)
    return slice(first, first + each + (number < over))


def within(rows: slice, inner: slice) -> slice:
    """The rows ``inner`` of the rows ``rows``."""
    return slice(rows.start + inner.start, rows.start + inner.stop)


class _Gather(Function):
    """All processes' rows, in order; their gradients are summed back to the process that owns the row."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, total: int) -> Tensor:
        sizes = [part(total, number) for number in range(world())]
        most = max(size.stop - size.start for size in sizes)
        ctx.total = total
        padded = rows.new_zeros(most, rows.shape[1])
        padded[: len(rows)] = rows
        everyone = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(everyone, padded)
        return torch.cat([found[: s.stop - s.start] for found, s in zip(everyone, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        summed = gradients[0].contiguous().clone()
        dist.all_reduce(summed)
        return summed[part(ctx.total)], None


def gather_rows(rows: Tensor, total: int) -> Tensor:
    """(total, E) rows of all processes from this one's ``part(total)``; differentiable.

    The gradient that comes back is that of the sum of all processes' losses. Averaging parameter gradients over the
    processes, as DDP does, then gives the gradient of their mean loss.
    """
    if world() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows, total)
    return gathered


def weigh(counts: Tensor) -> Tensor:
    """(C,) weights for this process's means over (C,) ``counts`` items, so that the mean over the processes is the
    mean over all items: own · processes / all. Ones in a single process.
    """
    if world() == 1:
        return torch.ones_like(counts, dtype=torch.float32)
    everyone = counts.detach().clone().float()
    dist.all_reduce(everyone)
    return counts.float() * world() / everyone.clamp(min=1)


def weigh_parts(counts: Tensor) -> Tensor:
    """(k, C) weights for the means of the k parts of a step over (k, C) ``counts`` items: the sum over the parts, and
    the mean over the processes, is the mean over all items of the step.
    """
    everyone = counts.detach().sum(0).float()
    if world() > 1:
        dist.all_reduce(everyone)
    return counts.float() * world() / everyone.clamp(min=1)


class Turns:
    """What one process does while the others wait, for hours if need be: evaluating, writing. A step is another matter:
    who does not answer there is hung, and told after minutes.
    """

    def __init__(self, patience: timedelta = timedelta(hours=2)) -> None:
        self._group = dist.new_group(backend="gloo", timeout=patience) if world() > 1 else None

    def wait(self) -> None:
        """Go on when all are here."""
        if self._group is not None:
            dist.barrier(group=self._group)

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in order, in each of them."""
        if self._group is None:
            return [value]
        found: list[Any] = [None] * world()
        dist.all_gather_object(found, value, group=self._group)
        return found


@contextmanager
def launched(patience: timedelta = timedelta(hours=2)) -> Iterator[None]:
    """Inside, the processes that torchrun started know of one another; a single one has nobody to know."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    dist.init_process_group("gloo", timeout=patience)
    try:
        yield
    finally:
        dist.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """The GPU of this process among those of its machine, as its launcher numbers them; a CPU stays as it is."""
    number = os.environ.get("LOCAL_RANK")
    return torch.device(device.type, int(number)) if device.type == "cuda" and number else device
