"""Figures of a step that is still under way, and what is asked for with it: both are read one step later.

A GPU works through what the processor has queued. Whoever asks it for a number in a step waits until the queue is
empty, and the GPU then waits for the next command; whoever asks one step later finds the number there. What all
processes must do together (save, evaluate, leave) travels in the same sum, so that all read the same.
"""

import time
from dataclasses import astuple, dataclass, field, fields

import torch
from torch import Tensor

from train.pretraining.distributed import rank
from train.pretraining.recipe import Recipe
from train.pretraining.stopping import Asked


@dataclass(frozen=True)
class Wishes:
    """What was asked for; each is 0 where it was not. ``terminate`` and ``leave`` are SIGTERM and SIGUSR1."""

    save: bool = False
    evaluate: bool = False
    terminate: bool = False
    leave: bool = False

    def __or__(self, other: "Wishes") -> "Wishes":
        return Wishes(*(mine or theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def any(self) -> bool:
        return any(astuple(self))


@dataclass
class Clock:
    """When the first process last saved and evaluated: what it wishes, all do. Any process may wish to leave."""

    recipe: Recipe
    saved: float = field(default_factory=time.monotonic)
    evaluated: float = field(default_factory=time.monotonic)

    def wishes(self, asked: Asked) -> Wishes:
        now, first = time.monotonic(), rank() == 0
        return Wishes(
            first and now - self.saved > 60 * self.recipe.minutes_between_checkpoints,
            first and now - self.evaluated > 60 * self.recipe.minutes_between_evaluations,
            asked.signal is not None and asked.signal.name == "SIGTERM",
            asked.signal is not None and asked.signal.name == "SIGUSR1",
        )


class Pending:
    """Step ``step``: its ``values`` (N + 4,), means over the processes of N ``names`` and of Wishes, on their way."""

    def __init__(self, step: int, names: tuple[str, ...], values: Tensor) -> None:
        self.step, self._names = step, names
        self._here = values
        self._arrived: torch.cuda.Event | None = None
        if values.device.type == "cuda":
            self._here = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._here.copy_(values, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def read(self) -> tuple[dict[str, float], Wishes]:
        """Figures by name and the wishes of all; waits until the step is done."""
        if self._arrived is not None:
            self._arrived.synchronize()
        values = self._here.tolist()
        count = len(self._names)
        return dict(zip(self._names, values, strict=False)), Wishes(*(value > 0 for value in values[count:]))


def wished(wishes: Wishes) -> list[float]:
    """The wishes as numbers whose sum over the processes says what any of them wishes."""
    return [float(getattr(wishes, item.name)) for item in fields(Wishes)]
