"""Checkpoints: safetensors and a JSON manifest, in a local folder or on a hub. Never pickle.

manifest.json            format, configuration, data, metrics, threshold, calibration and heat map's share (as
                         train.calibrate chose them), what it was taught (lofi.network.concepts, as train.concepts
                         counts it), SHA-256 of every other file
model.safetensors        all weights (half precision in what is shipped)
text_tokenizer.json      of the text tower          language_tokenizer.json    of the language model
dense.json, dense.safetensors  a dense network that is heard beside it (lofi.network.eyes), where there is one; the
                         manifest's ``hearing`` says how
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lofi.errors import CheckpointError
from lofi.files import plain
from lofi.network.centre import Centre
from lofi.network.concepts import Concepts, read_concepts
from lofi.network.config import ModelConfig, from_dict, to_dict
from lofi.network.eyes import DESCRIPTION as DENSE
from lofi.network.eyes import PARTNER, load_dense
from lofi.network.eyes import WEIGHTS as DENSE_WEIGHTS
from lofi.network.hearing import Hearing
from lofi.network.model import LofiModel
from lofi.network.network import LofiNetwork
from lofi.network.text import Tokens
from lofi.network.weights import filled, unshared

FORMAT = 1
MANIFEST, WEIGHTS = "manifest.json", "model.safetensors"
TEXT_TOKENIZER, LANGUAGE_TOKENIZER = "text_tokenizer.json", "language_tokenizer.json"
FILES = (WEIGHTS, TEXT_TOKENIZER, LANGUAGE_TOKENIZER)
DENSE_FILES = (DENSE, DENSE_WEIGHTS, PARTNER)
"""Of a checkpoint with a dense network; the last one only where that has a partner."""
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,99}")
LONGEST = 4_000_000
"""Bytes of a manifest: far more than its figures take."""


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
    files = {name: sha256_of(folder / name) for name in FILES}
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


def add_dense(folder: Path) -> None:
    """Take the dense network's two files, which lie in the checkpoint's folder, into its manifest; nobody hears it yet.

    Raises CheckpointError where they are no network.
    """
    eyes = load_dense(folder)
    _forget_dense(folder)
    manifest = read_manifest(folder)
    wanted = DENSE_FILES if eyes.paired else DENSE_FILES[:-1]
    kept = {name: value for name, value in manifest["sha256"].items() if name not in DENSE_FILES}
    manifest["sha256"] = {**kept, **{name: sha256_of(folder / name) for name in wanted}}
    manifest["vectors"] = "tower" if eyes.whole is None else "both"
    _write_manifest(folder, manifest | {"hearing": Hearing().to_dict()})


def centre_vectors(folder: Path, centre: Centre) -> None:
    """Take from films' and texts' vectors what they have in common (train.centre). Galleries of before are then another
    model's.
    """
    manifest = read_manifest(folder)
    stored = load_file(folder / DENSE_WEIGHTS)
    save_file(
        {**stored, **{name: value.contiguous().cpu() for name, value in centre.named().items()}}, folder / DENSE_WEIGHTS
    )
    (folder / DENSE_WEIGHTS).chmod(0o644)  # as ``save``
    manifest["sha256"] = {**manifest["sha256"], DENSE_WEIGHTS: sha256_of(folder / DENSE_WEIGHTS)}
    _write_manifest(folder, manifest)


def _forget_dense(folder: Path) -> None:
    """Take a dense network of before out of the manifest: its files are no longer those that it vouches for."""
    try:
        manifest = plain.read_object(folder / MANIFEST, LONGEST)
    except (OSError, plain.Unfit):
        return  # read_manifest says it better
    if manifest.pop("hearing", None) is not None:
        _write_manifest(folder, manifest)


def soften(folder: Path, detail: int) -> None:
    """Change how far films are softened (``Preprocessing.detail``). Galleries of before are then another model's."""
    manifest = read_manifest(folder)
    config = from_dict(ModelConfig, manifest["config"])
    softer = replace(config, preprocessing=replace(config.preprocessing, detail=detail))
    _write_manifest(folder, manifest | {"config": to_dict(softer)})


def hear_dense(folder: Path, hearing: Hearing, threshold: float, unsure: float) -> None:
    """Change how the dense network is heard (train.agree), and the confidences from which a finding is called there,
    or at least not denied.
    """
    manifest = read_manifest(folder)
    band = {"threshold": threshold, "unsure_from": min(unsure, threshold)}
    _write_manifest(folder, manifest | {"hearing": hearing.to_dict(), **band})


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """The weights' hash; of a checkpoint that softens films first, or whose dense network makes the films' vectors, one
    of both: its vectors are others.
    """
    weights, detail = str(manifest["sha256"][WEIGHTS]), manifest["config"].get("preprocessing", {}).get("detail", 0)
    if manifest.get("vectors") == "both":
        weights = f"{weights} {manifest['sha256'][DENSE_WEIGHTS]}"
        return hashlib.sha256(f"{weights} detail {detail}".encode()).hexdigest()
    return hashlib.sha256(f"{weights} detail {detail}".encode()).hexdigest() if detail else weights


def note_concepts(folder: Path, concepts: Concepts) -> None:
    """Write into a checkpoint's manifest what it was taught (train.concepts); its weights stay."""
    manifest = read_manifest(folder)
    _write_manifest(folder, manifest | {"concepts": {key: concept.to_json() for key, concept in concepts.items()}})


def _answering(threshold: float, calibration: tuple[float, float], heat_share: float) -> dict[str, Any]:
    rounded = [round(value, 6) for value in calibration]
    return {"threshold": threshold, "calibration": rounded, "heat_share": heat_share}


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, its format, its values and every file's hash checked. Raises CheckpointError."""
    try:
        manifest = plain.read_object(folder / MANIFEST, LONGEST)
    except OSError as error:
        raise CheckpointError("No readable LoFi checkpoint there: a folder with manifest.json is expected.") from error
    except plain.Unfit as error:
        raise CheckpointError(f"The checkpoint's {MANIFEST} cannot be used, {error}: fetch it again.") from None
    if manifest.get("format") != FORMAT or isinstance(manifest["format"], bool):
        raise CheckpointError(f"The checkpoint is of an unknown format, {FORMAT} is expected: use the lofi it is for.")
    try:
        _check_manifest(manifest)
    except plain.Unfit as error:
        raise CheckpointError(f"The checkpoint's {MANIFEST} cannot be used, {error}: fetch it again.") from None
    for name in (*FILES, *_dense_files(manifest)):
        path = folder / name
        if not path.is_file() or sha256_of(path) != manifest["sha256"][name]:
            raise CheckpointError(f"{name} of the checkpoint is missing or damaged: fetch it again.")
    return manifest


def _dense_files(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The files of the dense network that a manifest, which need not be sound yet, vouches for."""
    if "hearing" not in manifest:
        return ()
    return DENSE_FILES if PARTNER in plain.mapping(manifest.get("sha256"), "sha256") else DENSE_FILES[:-1]


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    """Raises Unfit. A manifest without a file's hash would vouch for anything, so each must be there."""
    hashes = plain.mapping(manifest.get("sha256"), "sha256")
    for name in (*FILES, *_dense_files(manifest)):
        plain.sha256(hashes.get(name), f"the hash of {name}")
    if "hearing" in manifest:
        Hearing.of(manifest["hearing"])
    plain.mapping(plain.mapping(manifest.get("config"), "config").get("preprocessing", {}), "preprocessing")
    plain.number(manifest.get("threshold"), "threshold", 0, 1)
    plain.number(manifest.get("unsure_from", 0.0), "unsure_from", 0, manifest["threshold"])
    plain.number(manifest.get("heat_share", 0.0), "heat_share", 0, 1)
    calibration = manifest.get("calibration", [1.0, 0.0])
    if not isinstance(calibration, list) or len(calibration) != 2:
        raise plain.Unfit("calibration must be two numbers")
    for value in calibration:
        plain.number(value, "calibration", -1e6, 1e6)
    read_concepts(manifest)


def load(path_or_hub_id: str | Path, device: str | None = None) -> LofiModel:
    """A LofiModel from a local folder or a Hugging Face hub id (``owner/name``, cached by huggingface_hub).

    ``owner/name@REVISION`` takes that commit, branch or tag. Raises CheckpointError.
    """
    folder = Path(path_or_hub_id)
    if not _is_folder(folder):
        folder = fetch(str(path_or_hub_id))
    manifest = read_manifest(folder)
    config = from_dict(ModelConfig, manifest["config"])
    network = filled(config, folder / WEIGHTS)
    hearing = Hearing.of(manifest["hearing"]) if "hearing" in manifest else None
    eyes = None if hearing is None else load_dense(folder)
    made = None if eyes is None or eyes.whole is None else eyes.whole.width
    paired = eyes is not None and eyes.paired
    if made != (config.embed_dim if manifest.get("vectors") == "both" else None) or paired != (
        PARTNER in manifest["sha256"]
    ):
        raise CheckpointError("The dense network of the checkpoint is of another one: fetch the checkpoint again.")
    text, language = open_tokens(folder / TEXT_TOKENIZER), open_tokens(folder / LANGUAGE_TOKENIZER)
    try:
        return LofiModel(
            network,
            text,
            language,
            fingerprint=fingerprint(manifest),
            device=pick_device(device),
            threshold=float(manifest["threshold"]),
            calibration=tuple(manifest.get("calibration", (1.0, 0.0))),
            heat_share=float(manifest.get("heat_share", 0.0)),
            unsure_from=float(manifest.get("unsure_from", manifest["threshold"])),
            eyes=eyes,
            hearing=hearing,
            concepts=read_concepts(manifest),
        )
    except KeyError:  # a token of the location grammar
        raise CheckpointError("The checkpoint's tokenizer lacks words of its language model: fetch it again.") from None


def open_tokens(file: Path) -> Tokens:
    """The tokenizer in a file, tried out. Raises CheckpointError where it is none."""
    try:
        tokens = Tokens.open(file)
        tokens.decode(tokens.encode("left pleural effusion"))
        tokens.encode_all(["mass"], 8)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # the library raises bare Exception, and its panics, written in Rust, are none
        raise CheckpointError(f"{file.name} of the checkpoint is no tokenizer: fetch it again.") from None
    return tokens


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or none
        return False


def fetch(hub_id: str) -> Path:
    """Folder of a checkpoint from the hub, ``owner/name`` or ``owner/name@REVISION``.

    Raises CheckpointError with what to do when it cannot be had. The commit that was taken is the folder's name.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, revision = pinned(hub_id)
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[MANIFEST, *FILES, *DENSE_FILES]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise CheckpointError(
            "The checkpoint is neither a local folder nor a model that the hub gave: check its name or the network."
        ) from error


def pinned(hub_id: str) -> tuple[str, str | None]:
    """A hub id and the revision behind its "@"; None where none is given. Raises CheckpointError on an odd one."""
    name, at, revision = hub_id.partition("@")
    if at and not _REVISION.fullmatch(revision):
        raise CheckpointError("Behind the @ of a model a commit, tag or branch is expected, such as owner/name@1a2b3c.")
    return name, revision or None
