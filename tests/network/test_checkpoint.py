"""Checkpoints: what is saved is what is loaded, and damage is found before anything is built."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import lofi
from lofi.errors import CheckpointError
from lofi.film.radiograph import Radiograph
from lofi.network import checkpoint
from tests import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    checkpoint.save(made, tiny.network(), tiny.tokenizer_files(), data={"films": 0}, metrics={}, dtype=torch.float32)
    return made


def test_round_trip(folder: Path) -> None:
    film = Radiograph.from_pixels(np.random.default_rng(1).random((64, 80)).astype(np.float32))
    loaded, made = lofi.load(folder, device="cpu"), tiny.model()
    assert loaded.embed([film]) == pytest.approx(made.embed([film]), abs=1e-6)
    assert loaded.config == made.config
    assert loaded.fingerprint == checkpoint.sha256_of(folder / "model.safetensors")
    loaded.threshold = made.threshold
    assert loaded.locate(film, "left mass") == made.locate(film, "left mass")


def test_half_precision_is_half_the_size(folder: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "half", tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    sizes = [(place / "model.safetensors").stat().st_size for place in (tmp_path / "half", folder)]
    assert sizes[0] < 0.55 * sizes[1]
    assert lofi.load(tmp_path / "half", device="cpu").embed_text(["mass"]).dtype == np.float32


@pytest.mark.parametrize("name", ["model.safetensors", "text_tokenizer.json", "language_tokenizer.json"])
def test_one_flipped_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        lofi.load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": 99}, "format"), ({"config": {"speed": 1}}, "unknown settings")],
    ids=["newer format", "unknown setting"],
)
def test_manifests_from_elsewhere(folder: Path, change: dict[str, object], words: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(CheckpointError, match=words):
        lofi.load(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        lofi.load(tmp_path)


def test_an_unreachable_hub_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="neither a local folder"):
        lofi.load("nobody/nothing-of-this-name")


@pytest.mark.parametrize("name", ["not a device", "cuda:0"])
def test_a_device_that_is_not_there(name: str) -> None:
    if name.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(CheckpointError):
        checkpoint.pick_device(name)
