"""A training run on disk: everything that a restart needs, written atomically, never pickled."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lofi.network.network import LofiNetwork
from lofi.network.weights import unshared
from train.pretraining.optimiser import Average
from train.pretraining.sharding import gathered, spread

STATE = "state.safetensors"


def changing(network: LofiNetwork) -> dict[str, torch.Tensor]:
    """What training changes: trained parameters and buffers. The frozen rest comes from where the recipe starts."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {
        name: value
        for name, value in unshared(network).items()
        if name not in frozen and not name.endswith((".SCB", ".weight_format"))
    }


def save_state(
    folder: Path,
    network: LofiNetwork,
    adam: torch.optim.AdamW,
    average: Average,
    step: int,
    recipe: str,
    write: bool = True,
) -> None:
    """Write the state after ``step`` steps; a reader sees the old file or the new one, never half of one.

    All processes call it, one of them with ``write``. The file holds whole tensors, so that a run goes on with another
    number of processes, or without sharing its weights out.
    """
    tensors = {f"net.{name}": value for name, value in changing(network).items()}
    tensors |= {f"ema.{name}": value for name, value in average.values.items()}
    for name, parameter in network.named_parameters():
        for kind in ("exp_avg", "exp_avg_sq", "step") if parameter in adam.state else ():
            tensors[f"adam.{kind}.{name}"] = adam.state[parameter][kind]
    packed = gathered(tensors.items(), write)
    if not write:
        return
    temporary = folder / (STATE + ".part")
    packed = {name: value.clone().contiguous() for name, value in packed.items()}
    save_file(packed, temporary, metadata={"step": str(step), "recipe": recipe})
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(folder / STATE)


@torch.no_grad()
def load_state(folder: Path, network: LofiNetwork, adam: torch.optim.AdamW, average: Average, recipe: str) -> int:
    """Restore what ``save_state`` wrote and return the number of steps done; 0 where there is no state yet.

    Raises ValueError when the state belongs to another recipe.
    """
    path = folder / STATE
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
        if metadata["recipe"] != recipe:
            raise ValueError("the run in this folder used other settings: give another --out, or the same settings")
        for prefix, targets in (("net", changing(network)), ("ema", average.values)):
            for name, target in targets.items():
                target.copy_(spread(stored.get_tensor(f"{prefix}.{name}"), target))
        names = set(stored.keys())
        for name, parameter in network.named_parameters():
            if f"adam.step.{name}" in names:
                moments = {k: stored.get_tensor(f"adam.{k}.{name}") for k in ("exp_avg", "exp_avg_sq")}
                adam.state[parameter] = {kind: spread(value, parameter) for kind, value in moments.items()}
                adam.state[parameter]["step"] = stored.get_tensor(f"adam.step.{name}").to(parameter.device)
    return int(metadata["step"])


def recipe_key(recipe: object) -> str:
    """What must be equal for a run to be continued: every number of the recipe."""
    from dataclasses import asdict

    return json.dumps(asdict(recipe), sort_keys=True)  # type: ignore[call-overload]
