"""A training run on disk: everything that a restart needs, written atomically, never pickled."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lofi.checkpoint import unshared
from lofi.network import LofiNetwork
from train.optimiser import Average

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
    folder: Path, network: LofiNetwork, adam: torch.optim.AdamW, average: Average, step: int, recipe: str
) -> None:
    """Write the state after ``step`` steps; a reader sees the old file or the new one, never half of one."""
    tensors = {f"net.{name}": value for name, value in changing(network).items()}
    tensors |= {f"ema.{name}": value for name, value in average.values.items()}
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for parameter, state in adam.state.items():
        for kind in ("exp_avg", "exp_avg_sq", "step"):
            tensors[f"adam.{kind}.{names[id(parameter)]}"] = state[kind]
    temporary = folder / (STATE + ".part")
    packed = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    save_file(packed, temporary, metadata={"step": str(step), "recipe": recipe})
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(folder / STATE)


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
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    weights = {n.removeprefix("net."): v for n, v in tensors.items() if n.startswith("net.")}
    network.load_state_dict(weights, strict=False)
    for name, value in average.values.items():
        value.copy_(tensors[f"ema.{name}"])
    for name, parameter in network.named_parameters():
        if f"adam.step.{name}" in tensors:
            adam.state[parameter] = {kind: tensors[f"adam.{kind}.{name}"] for kind in ("step", "exp_avg", "exp_avg_sq")}
    return int(metadata["step"])


def recipe_key(recipe: object) -> str:
    """What must be equal for a run to be continued: every number of the recipe."""
    from dataclasses import asdict

    return json.dumps(asdict(recipe), sort_keys=True)  # type: ignore[call-overload]
