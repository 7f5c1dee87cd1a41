"""The training loop: one process or several (accelerate), exact continuation, figures, checkpoints, clear ends."""

import json
import math
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from lofi.network import checkpoint
from lofi.network.config import to_dict
from lofi.network.weights import unshared
from train.feeding.batches import Batch, sent
from train.pretraining.accumulation import parts_of
from train.pretraining.adapters import plain_state
from train.pretraining.distributed import Turns, rank, world
from train.pretraining.folders import best_score, put_aside, recover, replace_file, replace_folder
from train.pretraining.metrics import Metrics, memory_mib
from train.pretraining.optimiser import Average, optimiser, rate_factor
from train.pretraining.pending import Clock, Pending, Wishes, wished
from train.pretraining.pinning import pin
from train.pretraining.places import origins
from train.pretraining.processes import accelerator_for
from train.pretraining.quick import look, quick_figures, score_of
from train.pretraining.recipe import Recipe
from train.pretraining.run import Run
from train.pretraining.sharding import average_whole, clip, gathered
from train.pretraining.state import films_key, load_state, recipe_key, save_state
from train.pretraining.step import Objective, fast_products
from train.pretraining.stopping import Asked, Stopped, listening, out_of_memory, unanswered, worker_lost
from train.pretraining.work import Effort


@dataclass
class Loop:
    """A run's moving parts."""

    run: Run
    out: Path
    accelerator: Accelerator
    model: Any
    adam: torch.optim.AdamW
    average: Average
    turns: Turns
    effort: Effort
    skipped: int = 0

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    def step(self, step: int, batches: list[Batch], wishes: Wishes) -> Pending:
        """One optimiser step over ``accumulate`` batches; its figures, which nobody has waited for yet.

        Where the loss or its gradient is not finite, weights and moments stay as they are.
        """
        torch.manual_seed(self.recipe.seed * 1_000_003 + step)  # dropout, if any, as if never interrupted
        # transformers checkpoints activations in training mode only; nothing else in it depends on the mode
        self.run.network.language.train(bool(self.recipe.checkpointing))
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
        own = torch.stack([*(value.float() for value in sums.values()), norm.float()])
        values = torch.cat([own, sent(wished(wishes), self.run.device)])
        means = self.accelerator.reduce(values, "mean")
        self._change(torch.isfinite(means).all(), step)
        return Pending(step, (*sums, "norm"), means)

    def _change(self, sound: Tensor, step: int) -> None:
        """The optimiser's step where all is ``sound``, decided where the numbers are."""
        if self.accelerator.is_fsdp2:
            if bool(sound):
                self.adam.step()
        else:
            self.adam.found_inf = (~sound).float()  # type: ignore[attr-defined]
            self.adam.step()
        self.average.update(self.run.network, step)

    def settle(self, pending: Pending) -> tuple[dict[str, float], Wishes]:
        """The figures of a step and what was asked for with it.

        Raises Stopped where more steps running than the recipe leaves out were not finite.
        """
        figures, wishes = pending.read()
        sound = all(map(math.isfinite, figures.values()))
        self.skipped = 0 if sound else self.skipped + 1
        if self.skipped > self.recipe.skips:
            raise Stopped(f"The loss is not finite at step {pending.step}: {figures}. {self.kept()}")
        return figures | {"rate": rate_factor(pending.step, self.recipe), "skipped": float(not sound)}, wishes

    def pace(self, batches: Sequence[Batch], seconds: float, waited: float) -> dict[str, float | None]:
        """What a step took beside its losses; ``waited`` of its ``seconds`` for batches."""
        return {
            "films_per_s": self.recipe.batch / seconds,
            "wait_share": waited / seconds,
            "mfu": self.effort.share(batches, seconds),
            "memory_mib": memory_mib(self.run.device),
            "left_out": sum(batch.left_out for batch in batches),
            "cut": sum(batch.cut for batch in batches),
        }

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
        write, key = self.accelerator.is_main_process, recipe_key(self.recipe, films_key(self.run.batches.records))
        save_state(self.out, self.run.network, self.adam, self.average, done, key, write)
        self.turns.wait()

    def evaluate(self, done: int) -> None:
        """Quick grounding of the averaged weights, appended to ``validation.jsonl``; they are kept as a checkpoint, and
        where no earlier ones did better, as the best too.

        Measured on a plain copy of what all hold, the films shared out over the processes; all must call it.
        """
        run, main = self.run, self.accelerator.is_main_process
        values = gathered((unshared(run.network) | self.average.values).items(), keep=True)
        state = plain_state(run.network, values)
        model = run.model(state)
        looks = self.turns.gather(look(model, run.validation[rank() :: world()]))
        if not main:
            self.turns.wait()
            return
        figures = quick_figures(looks)
        with (self.out / "validation.jsonl").open("a") as log:
            log.write(json.dumps({"step": done, **{k: round(v, 4) for k, v in figures.items()}}) + "\n")
        data: dict[str, Any] = {"recipe": self.recipe.name, "steps": done, "films": len(run.batches.records)}
        data |= {"starts": origins(self.recipe.starts), "unreadable": run.unreadable}
        score = score_of(figures)
        films = films_key(run.validation)
        metrics = {"validation": figures, "validation_films": films, **({} if score is None else {"score": score})}

        def write(folder: Path) -> None:
            checkpoint.save(folder, model.network, run.tokenizers, data=data, metrics=metrics, state=state)

        replace_folder(self.out / "checkpoint", write)
        put_aside(self.out / "best", films)
        before = best_score(self.out / "best")
        if score is not None and (before is None or score > before):
            replace_folder(self.out / "best", lambda folder: _copy(self.out / "checkpoint", folder))
        self.turns.wait()


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)


def train(run: Run, out: Path, resume: bool, shard: bool = False) -> None:
    """The loop: exact continuation from ``out`` when asked, checkpoints and figures into ``out``; with ``shard`` the
    processes share the weights out.

    Raises Stopped, in words, when the loss is not finite, memory runs out, a process does not answer or somebody asks
    to leave; the last good state stays.
    """
    recipe = run.recipe
    accelerator = accelerator_for(recipe, run.device, run.network, shard)
    fast_products()
    adam = optimiser(run.network, recipe)
    model: Any = Objective(run.network, recipe, run.batches.writer.tokens)
    if shard:
        model, _ = accelerator.prepare(model, adam)  # puts the parts in place of the whole weights, in ``adam`` too
    else:
        model = accelerator.prepare(model)
    average = Average(run.network, recipe.ema)
    key = recipe_key(recipe, films_key(run.batches.records))
    try:
        first = load_state(out, run.network, adam, average, key) if resume else 0
    except ValueError as error:
        raise Stopped(str(error)) from None
    loop = Loop(run, out, accelerator, model, adam, average, Turns(), Effort.of(recipe, run.device))
    with ExitStack() as stack:
        metrics = None
        if accelerator.is_main_process:
            for name in ("checkpoint", "best"):
                recover(out / name)
            replace_file(out / "recipe.json", json.dumps(to_dict(recipe), indent=1))
            if said := pin(recipe.starts, out, resume):
                print(said, flush=True)
            metrics = Metrics(out, first)
            stack.callback(metrics.close)
        try:
            _steps(loop, first, metrics, stack.enter_context(listening()))
            loop.save(recipe.steps)
            loop.evaluate(recipe.steps)
        except (MemoryError, RuntimeError) as error:
            if why := _in_words(error, loop):
                raise Stopped(why) from error
            raise
    accelerator.wait_for_everyone()


def _in_words(error: Exception, loop: Loop) -> str:
    """What a person can do about an error; empty where nobody knows."""
    if out_of_memory(error):
        return (
            f"Out of memory. {loop.kept()} A run goes on with --set checkpointing=true or a smaller head_chunk; a new "
            f"one takes less with --set accumulate={2 * loop.recipe.accumulate} as well."
        )
    if worker_lost(error):
        return (
            "A process that builds batches was ended: by the machine, its memory full or /dev/shm too small for "
            f"{loop.recipe.workers} of them. {loop.kept()} A run goes on with fewer: --set workers="
            f"{loop.recipe.workers // 2}."
        )
    if world() > 1 and unanswered(error):
        return (
            f"Another process is gone or has not answered process {rank()} for {loop.recipe.patience_minutes:g} "
            f"minutes. {loop.kept()}"
        )
    return ""


def _steps(loop: Loop, first: int, metrics: Metrics | None, asked: Asked) -> None:
    """All steps from ``first`` on, with figures, and states and evaluations by the clock."""
    recipe, parts, clock = loop.recipe, loop.recipe.accumulate, Clock(loop.recipe)
    coming = loop.run.batches.ahead(first * parts, recipe.steps * parts)
    bar = tqdm(range(first, recipe.steps), initial=first, total=recipe.steps, unit="step", disable=metrics is None)
    before, waiting = time.monotonic(), []
    for step in bar:
        begun = time.monotonic()
        batches = [next(coming)[1] for _ in range(parts)]
        waited = time.monotonic() - begun
        current = loop.step(step, batches, clock.wishes(asked))
        wishes = _written(loop, waiting, metrics, bar)
        now = time.monotonic()
        waiting = [(current, loop.pace(batches, now - before, waited))]
        before = now
        if world() == 1:  # nobody else has to read them
            wishes |= clock.wishes(asked)
        if wishes.any():
            wishes |= _written(loop, waiting, metrics, bar)
            waiting = []
            _together(loop, step + 1, wishes, clock)
    _written(loop, waiting, metrics, bar)


def _written(
    loop: Loop, waiting: Sequence[tuple[Pending, dict[str, float]]], metrics: Metrics | None, bar: Any
) -> Wishes:
    """Read the figures of the steps under way and write them down; what was wished for with them."""
    wishes = Wishes()
    for pending, pace in waiting:
        figures, wished = loop.settle(pending)
        figures |= pace
        wishes |= wished
        if metrics is not None:
            metrics.write(pending.step, figures)
            shown = ("total", "sigmoid", "caption", "grounding", "films_per_s", "wait_share", "memory_mib", "left_out")
            bar.set_postfix({name: f"{figures[name]:.3g}" for name in shown})
    return wishes


def _together(loop: Loop, done: int, wishes: Wishes, clock: Clock) -> None:
    """What all processes do after ``done`` steps. Raises Stopped where somebody asked to leave."""
    leaving = signal.SIGTERM if wishes.terminate else signal.SIGUSR1 if wishes.leave else None
    if wishes.save or wishes.evaluate or leaving:  # an evaluation is long: what is done may not hang on it
        loop.save(done)
        clock.saved = time.monotonic()
    if leaving:
        raise Stopped(f"Asked to leave ({leaving.name}) after {done} steps. {loop.kept()}", 128 + leaving)
    if wishes.evaluate:
        loop.evaluate(done)
        clock.evaluated = time.monotonic()
