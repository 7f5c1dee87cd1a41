"""The training loop: one process or several (accelerate), exact continuation, figures, checkpoints, clear ends."""

import json
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import DistributedType
from torch import Tensor
from tqdm import tqdm

from lofi.network import checkpoint
from lofi.network.network import LofiNetwork
from lofi.network.weights import unshared
from train.feeding.batches import Batch
from train.pretraining.accumulation import parts_of
from train.pretraining.adapters import plain_state
from train.pretraining.distributed import agreed, world
from train.pretraining.metrics import Metrics, memory_mib
from train.pretraining.optimiser import Average, optimiser, rate_factor
from train.pretraining.quick import quick_grounding
from train.pretraining.recipe import Recipe
from train.pretraining.run import Run
from train.pretraining.sharding import average_whole, clip, gathered, share_on_cpu, sharing
from train.pretraining.starting import origins
from train.pretraining.state import load_state, recipe_key, save_state
from train.pretraining.step import Objective


class Stopped(Exception):
    """Training cannot go on; says why, and what is kept."""


PATIENCE = timedelta(hours=2)
"""How long processes wait for one another: the first one evaluates and writes alone."""


def accelerator_for(recipe: Recipe, device: torch.device, network: LofiNetwork, shard: bool) -> Accelerator:
    """What accelerate sees of the processes that ``accelerate launch`` or ``torchrun`` started; one without them.

    With ``shard`` they share the weights out. Raises Stopped for what this loop cannot do.
    """
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a batch may hold no caption, no box
    plugin = sharing(network) if shard else None
    handlers = [unused, InitProcessGroupKwargs(timeout=PATIENCE)]
    accelerator = Accelerator(cpu=device.type == "cpu", kwargs_handlers=handlers, fsdp_plugin=plugin)
    if plugin is not None:
        share_on_cpu(accelerator, plugin)
        if not accelerator.is_fsdp2:
            raise Stopped("one process has nobody to share weights with: start several with torchrun, or leave --shard")
    elif accelerator.distributed_type not in (
        DistributedType.NO,
        DistributedType.MULTI_CPU,
        DistributedType.MULTI_GPU,
    ):
        kind = accelerator.distributed_type.value
        raise Stopped(f"{kind} is not supported: choose one process, DDP, or --shard (FSDP2)")
    if shard and recipe.heat_weight:  # a batch without such phrases would not fetch the text tower a second time
        raise Stopped("the heat-map loss does not go with --shard: set heat_weight=0, or let each process hold all")
    if world() > 1 and not recipe.own_streams:
        raise Stopped("with several processes a recipe must set own_streams=true")
    if recipe.batch % (world() * recipe.accumulate):
        raise Stopped(f"a batch of {recipe.batch} does not divide among {world()} × {recipe.accumulate} parts")
    return accelerator


@dataclass
class Loop:
    """A run's moving parts."""

    run: Run
    out: Path
    accelerator: Accelerator
    model: Any
    adam: torch.optim.AdamW
    average: Average

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    def step(self, step: int, batches: list[Batch]) -> dict[str, float]:
        """One optimiser step over ``accumulate`` batches; the figures of the step.

        Raises Stopped before anything is changed when the loss or its gradient is not finite.
        """
        torch.manual_seed(self.recipe.seed * 1_000_003 + step)  # dropout, if any, as if never interrupted
        # transformers checkpoints activations in training mode only; nothing else in it depends on the mode
        self.run.network.language.train(self.recipe.checkpointing)
        for group in self.adam.param_groups:
            group["lr"] = group["peak"] * rate_factor(step, self.recipe)
        self.adam.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        batches, wholes = [batch.to(self.run.device) for batch in batches], [None]
        if len(batches) > 1:
            wholes = parts_of(self.model, self.run.network, batches, self.recipe)
        for number, (batch, whole) in enumerate(zip(batches, wholes, strict=True), start=1):
            last = number == len(batches)
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                losses = self.model(batch, whole)
                self.accelerator.backward(losses["total"])
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach()
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if self.accelerator.is_fsdp2:
            average_whole(trained)
            norm = clip(trained, self.recipe.clip)
        else:
            norm = torch.nn.utils.clip_grad_norm_(trained, self.recipe.clip)
        means = self.accelerator.reduce(torch.stack([value.float() for value in sums.values()]), "mean")
        figures = dict(zip(sums, means.tolist(), strict=True)) | {"norm": float(norm)}
        if not all(map(torch.isfinite, (means.sum(), norm))):
            raise Stopped(f"The loss is not finite at step {step}: {figures}. {self.kept()}")
        self.adam.step()
        self.average.update(self.run.network, step)
        return figures | {"rate": rate_factor(step, self.recipe)}

    def kept(self) -> str:
        """What a stopped run leaves behind."""
        state = self.out / "state.safetensors"
        return (
            f"The last good state is kept in {self.out}; go on from it with --resume."
            if state.is_file()
            else ("No state had been written yet.")
        )

    def save(self, done: int) -> None:
        """The state after ``done`` steps, written by the first process; all must call it."""
        write, key = self.accelerator.is_main_process, recipe_key(self.recipe)
        save_state(self.out, self.run.network, self.adam, self.average, done, key, write)

    def evaluate(self, done: int) -> None:
        """Quick grounding of the averaged weights, appended to ``validation.jsonl``; they are kept as a checkpoint.

        Measured on a plain copy, in the first process, of what all of them hold; all must call it.
        """
        run, main = self.run, self.accelerator.is_main_process
        values = gathered((unshared(run.network) | self.average.values).items(), main)
        if not main:
            return
        state = plain_state(run.network, values)
        model = run.model(state)
        figures = quick_grounding(model, run.validation)
        with (self.out / "validation.jsonl").open("a") as log:
            log.write(json.dumps({"step": done, **{k: round(v, 4) for k, v in figures.items()}}) + "\n")
        data: dict[str, Any] = {"recipe": self.recipe.name, "steps": done, "films": len(run.batches.records)}
        data["starts"] = origins(self.recipe.starts)
        metrics = {"validation": figures}
        checkpoint.save(self.out / "checkpoint", model.network, run.tokenizers, data=data, metrics=metrics, state=state)


def train(run: Run, out: Path, resume: bool, shard: bool = False) -> None:
    """The loop: exact continuation from ``out`` when asked, checkpoints and figures into ``out``; with ``shard`` the
    processes share the weights out.

    Raises Stopped, in words, when the loss is not finite or memory runs out; the last good state stays.
    """
    recipe = run.recipe
    accelerator = accelerator_for(recipe, run.device, run.network, shard)
    adam = optimiser(run.network, recipe)
    model: Any = Objective(run.network, recipe, run.batches.writer.tokens)
    if shard:
        model, _ = accelerator.prepare(model, adam)  # puts the parts in place of the whole weights, in ``adam`` too
    else:
        model = accelerator.prepare(model)
    average = Average(run.network, recipe.ema)
    first = load_state(out, run.network, adam, average, recipe_key(recipe)) if resume else 0
    loop = Loop(run, out, accelerator, model, adam, average)
    with ExitStack() as stack:
        metrics = None
        if accelerator.is_main_process:
            metrics = Metrics(out, first)
            stack.callback(metrics.close)
        try:
            _steps(loop, first, metrics)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            raise Stopped(
                f"Out of memory. {loop.kept()} Halve the memory of a step with "
                f"--set accumulate={2 * recipe.accumulate} or --set checkpointing=true."
            ) from error
    loop.save(recipe.steps)
    loop.evaluate(recipe.steps)
    accelerator.wait_for_everyone()


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a GPU or, where torch has no error of its own, on the CPU."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error) or "not enough memory" in str(error)


def _steps(loop: Loop, first: int, metrics: Metrics | None) -> None:
    """All steps from ``first`` on, with figures, and states and evaluations by the clock."""
    recipe, parts = loop.recipe, loop.recipe.accumulate
    saved = evaluated = before = time.monotonic()
    coming = loop.run.batches.ahead(first * parts, recipe.steps * parts)
    bar = tqdm(range(first, recipe.steps), initial=first, total=recipe.steps, unit="step", disable=metrics is None)
    for step in bar:
        waiting = time.monotonic()
        batches = [next(coming)[1] for _ in range(parts)]
        waited = time.monotonic() - waiting
        figures = loop.step(step, batches)
        now = time.monotonic()
        figures |= {
            "films_per_s": recipe.batch / (now - before),
            "wait_share": waited / (now - before),
            "memory_mib": memory_mib(loop.run.device),
            "left_out": sum(batch.left_out for batch in batches),
            "cut": sum(batch.cut for batch in batches),
        }
        before = now
        if metrics is not None:
            metrics.write(step, figures)
            shown = ("total", "sigmoid", "caption", "grounding", "films_per_s", "wait_share", "memory_mib", "left_out")
            bar.set_postfix({name: f"{figures[name]:.3g}" for name in shown})
        save, evaluate = agreed(
            now - saved > 60 * recipe.minutes_between_checkpoints,
            now - evaluated > 60 * recipe.minutes_between_evaluations,
            device=loop.run.device,
        )
        if save:
            loop.save(step + 1)
            saved = time.monotonic()
        if evaluate:
            loop.evaluate(step + 1)
            evaluated = time.monotonic()
