"""A run of train.incontext on disk: everything that a restart needs, written whole or not at all."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from train.shots.run import ShotRun

STATE = "state.safetensors"


def save_state(run: ShotRun, out: Path, step: int, seconds: float) -> None:
    """Write all that a restart needs; a reader sees the old file or the new one."""
    language = run.model.network.language
    tensors = {f"ema.{name}": value for name, value in run.averages.items()}
    for name, parameter in language.named_parameters():
        tensors[f"net.{name}"] = parameter.data
        for kind, value in run.adam.state.get(parameter, {}).items():
            tensors[f"adam.{kind}.{name}"] = value
    metadata = {"step": str(step), "seconds": str(seconds), "key": run_key(run)}
    packed = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    save_file(packed, out / f"{STATE}.part", metadata=metadata)
    (out / f"{STATE}.part").replace(out / STATE)


def load_state(run: ShotRun, out: Path) -> tuple[int, float]:
    """Restore what ``save_state`` wrote: steps done and seconds spent, (0, 0) where there is nothing yet.

    Raises ValueError when the state is of another model or recipe.
    """
    if not (out / STATE).is_file():
        return 0, 0.0
    with safe_open(out / STATE, "pt") as stored:
        metadata = stored.metadata()
        if metadata["key"] != run_key(run):
            raise ValueError("the run in this folder used another model or other settings: give another --out")
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    for name, parameter in run.model.network.language.named_parameters():
        parameter.data.copy_(tensors[f"net.{name}"])
        run.averages[name].copy_(tensors[f"ema.{name}"])
        if f"adam.step.{name}" in tensors:
            run.adam.state[parameter] = {
                kind: tensors[f"adam.{kind}.{name}"] for kind in ("step", "exp_avg", "exp_avg_sq")
            }
    return int(metadata["step"]), float(metadata["seconds"])


def run_key(run: ShotRun) -> str:
    """What must be equal for a run to go on; how long it may go on is not part of it."""
    numbers = asdict(run.recipe)
    for free in ("steps", "minutes", "minutes_between_checkpoints"):
        del numbers[free]
    return json.dumps([run.model.fingerprint, numbers], sort_keys=True)
