"""Teach a checkpoint to use examples in context: ``python -m train.incontext --model CHECKPOINT --out RUN [--resume]``.

Towers and connector stay as they are, bit for bit. Films go through them once; a step is the language model alone.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from lofi.errors import LofiError
from lofi.grounding.shots import MOST
from lofi.network import checkpoint
from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from train.data.records import read
from train.shots.run import SMOKE, ShotRecipe, ShotRun, prepare
from train.shots.state import load_state, save_state
from train.shots.validation import quick_shots


def publish(run: ShotRun, source: Path, out: Path, step: int) -> dict[str, float]:
    """Write ``out/checkpoint`` with the averaged weights and a line of validation figures."""
    network, language = run.model.network, run.model.network.language
    kept = {name: parameter.data for name, parameter in language.named_parameters()}
    for name, parameter in language.named_parameters():
        parameter.data = run.averages[name]
    try:
        figures = quick_shots(run.model, run.validation, run.examples.finder)
        with (out / "validation.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, **{name: round(value, 4) for name, value in figures.items()}}) + "\n")
        manifest = checkpoint.read_manifest(source)
        network.config = replace(network.config, shots=MOST)
        tokenizers = {name: source / name for name in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER)}
        data = {**manifest["data"], "shots": {"from": run.model.fingerprint, "steps": step}}
        metrics = {**manifest["metrics"], "shots": figures}
        threshold = float(manifest["threshold"])
        checkpoint.save(
            out / "checkpoint",
            network,
            tokenizers,
            data=data,
            metrics=metrics,
            threshold=threshold,
            calibration=run.model.calibration,
            heat_share=run.model.heat_share,
        )
    finally:
        for name, parameter in language.named_parameters():
            parameter.data = kept[name]
    return figures


def train(run: ShotRun, source: Path, out: Path, resume: bool) -> None:
    """The loop. A checkpoint and the state are written every few minutes and at the end."""
    recipe = run.recipe
    step, spent = load_state(run, out) if resume else (0, 0.0)
    if step == 0:
        tqdm.write(f"before: {json.dumps(quick_shots(run.model, run.validation, run.examples.finder))}")
    started, saved = time.monotonic() - spent, time.monotonic()  # after the first look: minutes are those of training
    with tqdm(total=recipe.steps, initial=step, unit="step") as bar, (out / "log.jsonl").open("a") as log:
        while step < recipe.steps:
            progress = max(step / recipe.steps, (time.monotonic() - started) / 60 / recipe.minutes)
            if progress >= 1:
                break
            figures = run.step(step, progress)
            step += 1
            log.write(json.dumps({"step": step, **{k: round(v, 4) for k, v in figures.items()}}) + "\n")
            bar.update()
            bar.set_postfix({name: f"{figures[name]:.2f}" for name in ("grounding", "box")})
            if time.monotonic() - saved > 60 * recipe.minutes_between_checkpoints:
                log.flush()
                save_state(run, out, step, time.monotonic() - started)
                saved = time.monotonic()
    save_state(run, out, step, time.monotonic() - started)
    tqdm.write(f"after {step} steps: {json.dumps(publish(run, source, out, step))}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m train.incontext", description=(__doc__ or "").split("\n")[0])
    found.add_argument("--model", type=Path, required=True, help="folder of the checkpoint to start from")
    found.add_argument("--records", type=Path, default=Path("../shared/cxr/records.jsonl"), help="record file")
    found.add_argument("--out", type=Path, required=True, help="folder of the run: films, state, checkpoint")
    found.add_argument("--cache", type=Path, default=Path("cache"), help="folder of decoded films")
    found.add_argument("--minutes", type=float, help="end after so many minutes of training (25)")
    found.add_argument("--steps", type=int, help="end after so many steps (900)")
    found.add_argument("--smoke", action="store_true", help="a few films and steps")
    found.add_argument("--resume", action="store_true", help="continue the run in --out")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = parser().parse_args(arguments)
    recipe = SMOKE if given.smoke else ShotRecipe()
    recipe = replace(recipe, minutes=given.minutes or recipe.minutes, steps=given.steps or recipe.steps)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        run = prepare(recipe, given.model, list(read(given.records)), given.out, given.cache)
        train(run, given.model, given.out, given.resume)
    except (LofiError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
