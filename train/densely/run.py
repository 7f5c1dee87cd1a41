"""A run of the dense network: what it starts from, its rates over time, its loop on processor or accelerator."""

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from lofi.network.dense import DenseNet
from train.densely.batches import Batch, batch_of
from train.densely.feeding import Steps, fed
from train.densely.loss import Losses
from train.densely.sampling import Sampler
from train.densely.state import Average, Progress, load, save
from train.densely.stepping import PARTS, Told, one_step, whole_step

SAVE_EVERY = 180.0
LOG_EVERY = 25
MANY = 1_000_000
"""Steps, far more than time allows."""


@dataclass(frozen=True)
class Plan:
    """How the run goes: minutes in all, small canvases for the first ``coarse`` share of them, rates, seed.

    ``warm`` steps of warming up; ``decay`` of the average; ``rounds`` of films a batch (sampling); ``workers``
    processes that make batches for an accelerator. ``skipped`` and ``dropout``: see ``DenseNet``.
    """

    minutes: float
    coarse: float = 0.6
    coarse_side: int = 320
    head_rate: float = 1.5e-3
    tower_rate: float = 3e-4
    weight_decay: float = 1e-2
    seed: int = 0
    warm: int = 60
    decay: float = 0.996
    rounds: int = 1
    workers: int = 0
    skipped: float = 0.0
    dropout: float = 0.0


def starting(network: DenseNet, weights: Path) -> None:
    """The tower as the file has it: the anatomy network's encoder, or ImageNet's."""
    stored = {name.removeprefix("e."): value for name, value in load_file(weights).items()}
    own = network.e.state_dict()
    missing = [name for name, value in own.items() if name not in stored and value.is_floating_point()]
    if missing:
        raise ValueError(f"{weights.name} is of another tower: it lacks {missing[0]} and {len(missing) - 1} more")
    network.e.load_state_dict({k: stored[k].to(v.dtype) if k in stored else v for k, v in own.items()})


def freeze(network: DenseNet) -> None:
    """No gradient for the stem and the first two blocks (edges are edges): a third of the cost of a step."""
    for part in (network.e.conv_stem, network.e.bn1, network.e.blocks[0], network.e.blocks[1]):
        part.requires_grad_(False)


def optimiser(network: DenseNet, plan: Plan) -> torch.optim.AdamW:
    tower = [p for name, p in network.named_parameters() if name.startswith("e.") and p.requires_grad]
    head = [p for name, p in network.named_parameters() if not name.startswith("e.")]
    groups = [{"params": tower, "lr": plan.tower_rate}, {"params": head, "lr": plan.head_rate}]
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)


def rate(share: float, step: int, warm: int = 60) -> float:
    """Warm up over ``warm`` steps, then half a cosine down to 2 % at the end of the time."""
    return min(1.0, (step + 1) / warm) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share))))


Stepper = Callable[[Batch, float], Losses]


@contextmanager
def _on_threads(
    plan: Plan, sampler: Sampler, canvas: NDArray[np.uint8], network: DenseNet, adam: torch.optim.AdamW
) -> Iterator[tuple[Callable[[int, int], Batch], Stepper]]:
    """Batches and steps on a processor: the first blocks frozen, two threads of one core each."""
    with ThreadPoolExecutor(PARTS, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield (
            lambda step, side: batch_of(sampler, canvas, side, step, plan.seed, pool),
            lambda batch, factor: one_step(network, adam, batch, factor, pool),
        )


class _Fed:
    """Batches of an accelerator; made anew where the side changes."""

    def __init__(self, plan: Plan, sampler: Sampler, canvas: NDArray[np.uint8]) -> None:
        self.plan, self.sampler, self.canvas = plan, sampler, canvas
        self.side, self.batches = 0, iter(())  # type: tuple[int, Iterator[Batch]]

    def __call__(self, step: int, side: int) -> Batch:
        if side != self.side:
            steps = Steps(self.sampler, self.canvas, side, self.plan.seed, step, MANY)
            self.side, self.batches = side, fed(steps, self.plan.workers)
        return next(self.batches)


@contextmanager
def _on_accelerator(
    plan: Plan,
    sampler: Sampler,
    canvas: NDArray[np.uint8],
    network: DenseNet,
    adam: torch.optim.AdamW,
    told: Told | None,
) -> Iterator[tuple[Callable[[int, int], Batch], Stepper]]:
    yield (
        _Fed(plan, sampler, canvas),
        lambda batch, factor: whole_step(network, adam, batch, factor, told),
    )


def run(
    plan: Plan,
    sampler: Sampler,
    canvas: NDArray[np.uint8],
    network: DenseNet,
    out: Path,
    resume: bool,
    told: Told | None = None,
) -> Progress:
    """Train until the time is spent; the clock stands still between two sittings. Where the network lies on an
    accelerator, all of it is trained, by whole batches.
    """
    on_processor = next(network.parameters()).device.type == "cpu" and told is None
    if on_processor:
        freeze(network)
    adam, average = optimiser(network, plan), Average(network, plan.decay)
    progress = load(out, network, adam, average) if resume else Progress()
    work = (
        _on_threads(plan, sampler, canvas, network, adam)
        if on_processor
        else _on_accelerator(plan, sampler, canvas, network, adam, told)
    )
    last = saved = time.monotonic()
    recent: list[Losses] = []
    with work as (batch_at, step_on), (out / "log.jsonl").open("a") as log:
        while progress.seconds < plan.minutes * 60:
            share = progress.seconds / (plan.minutes * 60)
            side = plan.coarse_side if share < plan.coarse else network.config.side
            batch = batch_at(progress.step, side)
            recent.append(step_on(batch, rate(share, progress.step, plan.warm)))
            progress.step += 1
            average.update(network, progress.step)
            if progress.step % LOG_EVERY == 0:
                line = {"step": progress.step, "minutes": round(progress.seconds / 60, 2), "side": side}
                line |= means(recent) | {"questions": len(batch.which)}
                recent = []
                log.write(json.dumps(line) + "\n")
                log.flush()
            now = time.monotonic()
            progress.seconds, last = progress.seconds + now - last, now
            if now - saved > SAVE_EVERY:
                save(out, network, adam, average, progress)
                saved = now
        save(out, network, adam, average, progress)
    return progress


def means(some: list[Losses]) -> dict[str, Any]:
    """Of each loss over some steps; the one place where the host waits for the accelerator."""
    names = [name for name in ("heat", "box", "presence", "words") if getattr(some[0], name) is not None]
    return {name: round(float(torch.stack([getattr(f, name).detach() for f in some]).mean()), 4) for name in names}
