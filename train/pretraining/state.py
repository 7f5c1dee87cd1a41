"""A training run on disk: everything that a restart needs, written atomically, never pickled."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lofi.network.network import LofiNetwork
from lofi.network.weights import unshared
from train.data.records import FilmRecord
from train.pretraining.optimiser import Average
from train.pretraining.recipe import Recipe
from train.pretraining.sharding import gathered, spread

STATE = "state.safetensors"
FREE = (
    *("workers", "checkpointing", "compile", "chunk", "head_chunk", "patience_minutes", "skips", "evaluated_films"),
    *("minutes_between_checkpoints", "minutes_between_evaluations"),
)
"""Settings that do not change what is computed, but by rounding: a run may go on with others."""


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

    Raises ValueError when the state belongs to other settings or other films, and changes nothing then.
    """
    path = folder / STATE
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
        check_same(json.loads(metadata["recipe"]), json.loads(recipe))
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


def recipe_key(recipe: Recipe, films: str = "") -> str:
    """What must be equal for a run to be continued: every number of the recipe but those that are FREE, and its films
    (``films_key``). Older runs have none.
    """
    return json.dumps(asdict(recipe) | ({"training films": films} if films else {}), sort_keys=True)


def films_key(records: Sequence[FilmRecord]) -> str:
    """A hash of the training films in their order, whatever folder they lie in."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(f"{record.patient}\0{record.report}\0{record.findings}\0{record.boxes}\n".encode())
    return digest.hexdigest()


def check_same(before: dict[str, Any], now: dict[str, Any], but: Sequence[str] = ()) -> None:
    """Raises ValueError, naming each setting that differs, where a run of ``before`` cannot go on as ``now``."""
    told = []
    for name in sorted(set(before) & set(now) - {*FREE, *but, "name"}):
        if before[name] == now[name]:
            continue
        if name == "training films":
            told.append("its training films were others")
        else:
            told.append(f"{name} was {_short(before[name])}, now {_short(now[name])}")
    if told:
        raise ValueError(
            f"the run in this folder used other settings ({'; '.join(told)}): give another --out, or the same settings"
        )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_resumable(folder: Path, recipe: Recipe) -> None:
    """Raises ValueError where the run in ``folder`` used settings that ``recipe`` has not; read before anything is
    written. The number of steps is compared later where it comes from epochs, once the films are counted.
    """
    path = folder / STATE
    if path.is_file():
        with safe_open(path, "pt") as stored:
            before = json.loads(stored.metadata()["recipe"])
        check_same(before, json.loads(recipe_key(recipe)), ("steps",) if recipe.epochs else ())
