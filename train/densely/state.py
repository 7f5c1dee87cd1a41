"""A dense run on disk: one file with weights, averages and moments; written whole or not at all, never pickled."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lofi.network.dense import DenseConfig, DenseNet
from lofi.network.eyes import DenseEyes

STATE = "state.safetensors"


@dataclass
class Progress:
    """What changes while training goes on, beside the weights: steps done and seconds spent."""

    step: int = 0
    seconds: float = 0.0


class Average:
    """Exponential mean of the weights; short in the beginning."""

    def __init__(self, network: DenseNet, decay: float = 0.996) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: DenseNet, step: int) -> None:
        """Take in the weights after ``step`` steps."""
        decay = min(self.decay, step / (step + 20))
        now = network.state_dict()
        floating = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[n] for n in floating], [now[n] for n in floating], 1 - decay)
        for name in now.keys() - set(floating):
            self.values[name].copy_(now[name])


def save(folder: Path, network: DenseNet, adam: torch.optim.AdamW, average: Average, progress: Progress) -> None:
    """Write the state; a reader sees the old file or the new one."""
    tensors: dict[str, Tensor] = {f"net.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in average.values.items()}
    for name, parameter in network.named_parameters():
        for kind in ("exp_avg", "exp_avg_sq", "step") if parameter in adam.state else ():
            tensors[f"adam.{kind}.{name}"] = adam.state[parameter][kind]
    part = folder / (STATE + ".part")
    meta = {"step": str(progress.step), "seconds": repr(progress.seconds)}
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, part, metadata=meta)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(folder / STATE)


@torch.no_grad()
def load(folder: Path, network: DenseNet, adam: torch.optim.AdamW, average: Average) -> Progress:
    """Restore what ``save`` wrote. Raises FileNotFoundError where there is nothing to take up."""
    path = folder / STATE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no run to take up: start without --resume")
    # Averages and moments lie where the weights do: a step takes them together.
    with safe_open(path, "pt", device=str(next(network.parameters()).device)) as stored:
        meta, names = stored.metadata(), set(stored.keys())
        network.load_state_dict({name: stored.get_tensor(f"net.{name}") for name in network.state_dict()})
        average.values = {name: stored.get_tensor(f"ema.{name}") for name in average.values}
        for name, parameter in network.named_parameters():
            if f"adam.step.{name}" in names:
                kinds = ("exp_avg", "exp_avg_sq", "step")
                adam.state[parameter] = {kind: stored.get_tensor(f"adam.{kind}.{name}") for kind in kinds}
    return Progress(int(meta["step"]), float(meta["seconds"]))


def trained(run: Path) -> DenseEyes:
    """The run's average of weights, ready to be asked."""
    described = json.loads((run / "run.json").read_text())["config"]
    config = DenseConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in described.items()})
    network = DenseNet(config)
    begin(network, run)
    return DenseEyes(network)


def begin(network: DenseNet, run: Path) -> None:
    """Give the network the run's average of weights. Raises ValueError where it is another network's, OSError where
    there is none.
    """
    with safe_open(run / STATE, "pt") as stored:
        lacking = {f"ema.{name}" for name in network.state_dict()} - set(stored.keys())
        if lacking:
            raise ValueError(f"{run} is the run of another network: it lacks {min(lacking)}")
        network.load_state_dict({name: stored.get_tensor(f"ema.{name}") for name in network.state_dict()})
