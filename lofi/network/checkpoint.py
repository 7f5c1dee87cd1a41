"""Checkpoints: safetensors and a JSON manifest, in a local folder or on a hub. Never pickle.

manifest.json            format, configuration, data, metrics, threshold, calibration and heat map's share (as
                         train.calibrate chose them), SHA-256 of every other file
model.safetensors        all weights (half precision in what is shipped)
text_tokenizer.json      of the text tower          language_tokenizer.json    of the language model
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lofi.errors import CheckpointError
from lofi.network.config import ModelConfig, from_dict, to_dict
from lofi.network.model import LofiModel
from lofi.network.network import LofiNetwork
from lofi.network.text import Tokens

FORMAT = 1
MANIFEST, WEIGHTS = "manifest.json", "model.safetensors"
TEXT_TOKENIZER, LANGUAGE_TOKENIZER = "text_tokenizer.json", "language_tokenizer.json"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pick_device(wanted: str | None = None) -> torch.device:
    """``wanted``, else LOFI_DEVICE, else a GPU when torch sees one, else the CPU."""
    name = wanted or os.environ.get("LOFI_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise CheckpointError(f"LOFI_DEVICE must name a torch device such as cpu or cuda:0, not {name!r}.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("LOFI_DEVICE asks for a GPU, but torch sees none: unset it or use cpu.")
    return device


def save(
    folder: Path,
    network: LofiNetwork,
    tokenizers: Mapping[str, Path | str],
    *,
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    threshold: float = 0.5,
    calibration: tuple[float, float] = (1.0, 0.0),
    heat_share: float = 0.0,
    dtype: torch.dtype = torch.float16,
    state: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write a checkpoint; ``tokenizers`` maps the two tokenizer file names to a path or to JSON text.

    ``state`` stands for the network's own weights where these hold adapters or are quantised. ``threshold`` means
    nothing without its ``calibration``: hand both on where a checkpoint is made of another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().cpu()
        for name, value in (unshared(network) if state is None else state).items()
    }
    save_file(weights, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors writes for the owner alone; a server may run as somebody else
    for name, source in tokenizers.items():
        text = source.read_text("utf-8") if isinstance(source, Path) else source
        (folder / name).write_text(text, "utf-8")
    files = {name: sha256_of(folder / name) for name in (WEIGHTS, TEXT_TOKENIZER, LANGUAGE_TOKENIZER)}
    manifest = {
        "format": FORMAT,
        "config": to_dict(network.config),
        **_answering(threshold, calibration, heat_share),
        "data": dict(data),
        "metrics": dict(metrics),
        "sha256": files,
    }
    _write_manifest(folder, manifest)


def calibrate(folder: Path, threshold: float, calibration: tuple[float, float], heat_share: float) -> None:
    """Change how a checkpoint answers (train.calibrate); its weights stay, and with them its fingerprint."""
    manifest = read_manifest(folder)
    _write_manifest(folder, manifest | _answering(threshold, calibration, heat_share))


def _answering(threshold: float, calibration: tuple[float, float], heat_share: float) -> dict[str, Any]:
    rounded = [round(value, 6) for value in calibration]
    return {"threshold": threshold, "calibration": rounded, "heat_share": heat_share}


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


def unshared(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state without second names of tied weights, which safetensors refuses to store twice."""
    kept: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in network.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            kept[name] = value.detach()
    return kept


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, its format and every file's hash checked. Raises CheckpointError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError("No readable LoFi checkpoint there: a folder with manifest.json is expected.") from error
    if manifest.get("format") != FORMAT:
        raise CheckpointError(f"Checkpoint format {manifest.get('format')!r} is unknown, {FORMAT} is expected.")
    for name, digest in manifest["sha256"].items():
        path = folder / Path(name).name
        if not path.is_file() or sha256_of(path) != digest:
            raise CheckpointError(f"{Path(name).name} of the checkpoint is missing or damaged: fetch it again.")
    return manifest


def load(path_or_hub_id: str | Path, device: str | None = None) -> LofiModel:
    """A LofiModel from a local folder or a Hugging Face hub id (``owner/name``, cached by huggingface_hub)."""
    folder = Path(path_or_hub_id)
    if not folder.is_dir():
        folder = fetch(str(path_or_hub_id))
    manifest = read_manifest(folder)
    network = LofiNetwork(from_dict(ModelConfig, manifest["config"]))
    weights = {name: value.float() for name, value in load_file(folder / WEIGHTS).items()}
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if unexpected or set(missing) - tied_names(network):
        raise CheckpointError("The checkpoint's weights do not fit its configuration: fetch it again.")
    return LofiModel(
        network,
        Tokens.open(folder / TEXT_TOKENIZER),
        Tokens.open(folder / LANGUAGE_TOKENIZER),
        fingerprint=manifest["sha256"][WEIGHTS],
        device=pick_device(device),
        threshold=float(manifest["threshold"]),
        calibration=tuple(manifest.get("calibration", (1.0, 0.0))),
        heat_share=float(manifest.get("heat_share", 0.0)),
    )


def tied_names(network: torch.nn.Module) -> set[str]:
    """Names in the state that ``unshared`` leaves out."""
    return set(network.state_dict()) - set(unshared(network))


def fetch(hub_id: str) -> Path:
    """Folder of a checkpoint from the hub. Raises CheckpointError with what to do when it cannot be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    names = [MANIFEST, WEIGHTS, TEXT_TOKENIZER, LANGUAGE_TOKENIZER]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=names))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            "The checkpoint is neither a local folder nor a model that the hub gave: check its name or the network."
        ) from error
