"""Weights of a checkpoint: that they are those of the network which its configuration describes, then loaded.

The file's own list of names, shapes and types is read first. A description of more numbers than the file holds is
refused before anything of its size is made (torch's meta device would count them exactly, but not every operation of
the towers runs there), and names and shapes are compared before the weights are read.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from lofi.errors import CheckpointError, LofiError
from lofi.network.config import ModelConfig, least_numbers
from lofi.network.network import LofiNetwork

UNFIT = "The checkpoint's weights do not fit its configuration: fetch it again."
DAMAGED = "The checkpoint's weights are damaged: fetch it again."
_FLOATS, _WHOLES = {"F16", "BF16", "F32", "F64"}, {"I64", "I32", "U8", "I8", "BOOL"}


def unshared(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state without second names of tied weights, which safetensors refuses to store twice."""
    kept: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in network.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            kept[name] = value.detach()
    return kept


def filled(config: ModelConfig, file: Path) -> LofiNetwork:
    """The network of a configuration with the weights of a file. Raises CheckpointError where they do not fit."""
    parts = _listed(file)
    if least_numbers(config) > sum(math.prod(shape) for shape, _ in parts.values()):
        raise CheckpointError(UNFIT)
    network = _built(config)
    _check(network, parts)
    try:
        weights = {name: value.float() for name, value in load_file(file).items()}
        network.load_state_dict(weights, strict=False)
    except (SafetensorError, OSError, RuntimeError, ValueError):
        raise CheckpointError(DAMAGED) from None
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise CheckpointError("The checkpoint's weights hold numbers that are none: fetch it again.")
    return network


def _built(config: ModelConfig) -> LofiNetwork:
    try:
        return LofiNetwork(config)
    except LofiError:
        raise
    except Exception as error:  # timm, open_clip and transformers raise anything; each means the same to a person
        raise CheckpointError(
            "The checkpoint's configuration describes no network that can be built here: fetch it again, "
            "or use the lofi that made it."
        ) from error


def _listed(file: Path) -> dict[str, tuple[list[int], str]]:
    """Name → shape and type of every tensor in a file, which the library has checked against the file's length."""
    try:
        with safe_open(file, framework="pt") as stored:
            told = {name: stored.get_slice(name) for name in stored.keys()}  # noqa: SIM118 (it is no dict)
            return {name: (list(part.get_shape()), str(part.get_dtype())) for name, part in told.items()}
    except (SafetensorError, OSError, ValueError):
        raise CheckpointError(DAMAGED) from None


def _check(network: LofiNetwork, parts: Mapping[str, tuple[list[int], str]]) -> None:
    """Names, shapes and types of a file against those of a network."""
    needed, known = unshared(network), network.state_dict()
    if set(parts) - set(known) or set(needed) - set(parts):
        raise CheckpointError(UNFIT)
    for name, (shape, kind) in parts.items():
        value = known[name]
        if shape != list(value.shape) or kind not in (_FLOATS if value.is_floating_point() else _WHOLES):
            raise CheckpointError(UNFIT)
