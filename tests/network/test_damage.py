"""Checkpoints that were changed, whatever hash vouches for them: one sentence with file and remedy, nothing built."""

import copy
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lofi.cli import main
from lofi.errors import CheckpointError
from lofi.film.radiograph import Radiograph
from lofi.grounding.vlm import parts_of
from lofi.network import checkpoint
from lofi.network.config import ModelConfig, from_dict, to_dict
from tests import tiny

Damage = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pristine") / "tiny"
    checkpoint.save(made, tiny.network(), tiny.tokenizer_files(), data={}, metrics={}, dtype=torch.float32)
    return made


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "DOE"))


def manifest_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text("utf-8")))


def renew(folder: Path) -> None:
    """Let the manifest vouch for the files as they are."""
    manifest = manifest_of(folder)
    manifest["sha256"] = {name: checkpoint.sha256_of(folder / name) for name in checkpoint.FILES}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def refused(folder: Path) -> str:
    """What a person is told: one sentence that names what to do, and no folder."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder, "cpu")
    told = str(caught.value)
    assert told.endswith(".")
    assert not {"DOE", "\n", "Error"} & {word for word in ("DOE", "\n", "Error") if word in told}
    assert any(word in told for word in ("fetch", "expected", "use a newer"))
    return told


def put(*path: str, value: object) -> Damage:
    def change(manifest: dict[str, Any]) -> object:
        inner = manifest
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        return manifest

    return change


def drop(*path: str) -> Damage:
    def change(manifest: dict[str, Any]) -> object:
        inner = manifest
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        return manifest

    return change


LANGUAGE, TEXT = ("config", "language", "transformers"), ("config", "text", "open_clip")
DAMAGES: dict[str, Damage] = {
    "no format": drop("format"),
    "format true": put("format", value=True),
    "no hashes": drop("sha256"),
    "hashes a list": put("sha256", value=["a"]),
    "a hash a number": put("sha256", "model.safetensors", value=3),
    "no hash of the weights": drop("sha256", "model.safetensors"),
    "no hash of a tokenizer": drop("sha256", "text_tokenizer.json"),
    "no configuration": drop("config"),
    "configuration a text": put("config", value="tiny"),
    "configuration null": put("config", value=None),
    "no threshold": drop("threshold"),
    "threshold a text": put("threshold", value="high"),
    "threshold beyond 1": put("threshold", value=7),
    "threshold NaN": put("threshold", value=float("nan")),
    "calibration of three": put("calibration", value=[1, 2, 3]),
    "calibration of texts": put("calibration", value=["a", "b"]),
    "calibration an object": put("calibration", value={"a": 1}),
    "calibration infinite": put("calibration", value=[float("inf"), 0]),
    "heat share negative": put("heat_share", value=-1),
    "heat share null": put("heat_share", value=None),
    "width of a billion": put("config", "embed_dim", value=10**9),
    "width negative": put("config", "embed_dim", value=-5),
    "width a fraction": put("config", "embed_dim", value=16.5),
    "width true": put("config", "embed_dim", value=True),
    "width null": put("config", "embed_dim", value=None),
    "side of a billion": put("config", "preprocessing", "side", value=10**9),
    "side of nothing": put("config", "preprocessing", "side", value=0),
    "mean of two": put("config", "preprocessing", "mean", value=[0.5, 0.5]),
    "mean of texts": put("config", "preprocessing", "mean", value=["a", "b", "c"]),
    "deviation of nothing": put("config", "preprocessing", "std", value=[0, 0, 0]),
    "percentiles turned": put("config", "preprocessing", "low", value=99.9),
    "preprocessing a list": put("config", "preprocessing", value=[]),
    "vision null": put("config", "vision", value=None),
    "no vision": drop("config", "vision"),
    "no image tower": put("config", "vision", "open_clip", value={}),
    "image tower a list": put("config", "vision", "open_clip", value=[1]),
    "image tower unknown": put("config", "vision", "open_clip", "timm_model_name", value="resnot"),
    "image tower of a hub": put("config", "vision", "open_clip", "timm_model_name", value="hf_hub:a/b"),
    "image tower of a folder": put("config", "vision", "open_clip", "timm_model_name", value="local-dir:/tmp"),
    "image tower with another key": put("config", "vision", "open_clip", "surplus", value=1),
    "levels that are not there": put("config", "vision", "levels", value=[3, 15]),
    "levels of texts": put("config", "vision", "levels", value=["a"]),
    "patches too wide": put("config", "vision", "width", value=16_000),
    "text tower of a hub": put(*TEXT, value={"hf_model_name": "a/b"}),
    "text tower of a giant": put(*TEXT, "hf_config", "hidden_size", value=2**23),
    "text tower of no kind": drop(*TEXT, "hf_config", "model_type"),
    "text tower of layers without end": put(*TEXT, "hf_config", "num_hidden_layers", value=10**6),
    "text tower of uneven heads": put(*TEXT, "hf_config", "num_attention_heads", value=7),
    "context of nothing": put("config", "text", "context", value=0),
    "connector of another kind": put("config", "connector", "kind", value="pool"),
    "connector of a billion": put("config", "connector", "queries", value=10**9),
    "connector of uneven heads": put("config", "connector", "heads", value=7),
    "connector of no heads": put("config", "connector", "heads", value=0),
    "language of no kind": drop(*LANGUAGE, "model_type"),
    "language of an unknown kind": put(*LANGUAGE, "model_type", value="babel"),
    "language with code of its own": put(*LANGUAGE, "auto_map", value={"AutoModelForCausalLM": "a--b.c"}),
    "language of a giant": put(*LANGUAGE, "intermediate_size", value=2**24),
    "language of layers without end": put(*LANGUAGE, "num_hidden_layers", value=10**9),
    "language of no width": drop(*LANGUAGE, "hidden_size"),
    "language a text": put(*LANGUAGE, value="llama"),
    "width of the language a text": put(*LANGUAGE, "hidden_size", value="32"),
    "words beyond the weights": put(*LANGUAGE, "vocab_size", value=200_000),
    "boxes written another way": put("config", "language", "locations", value="roman"),
    "bins of a billion": put("config", "language", "bins", value=10**9),
    "bins beyond the tokenizer": put("config", "language", "bins", value=500),
    "an unknown setting": put("config", "speed", value=1),
    "shots negative": put("config", "shots", value=-1),
    "local a number": put("config", "local", value=1),
    "local without weights": put("config", "local", value=True),
    "name an object": put("config", "name", value={}),
    "deep": put("data", value=json.loads("[" * 60 + "]" * 60)),
    "a list": lambda manifest: [manifest],
    "null": lambda _: None,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_manifests(folder: Path, damage: Damage) -> None:
    changed = damage(copy.deepcopy(manifest_of(folder)))
    (folder / "manifest.json").write_text(json.dumps(changed), "utf-8")
    refused(folder)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1' + b" " * 5_000_000 + b"}", b'{"format": 1, "format": 1}'],
    ids=["empty", "cut", "not UTF-8", "deep", "long", "a name twice"],
)
def test_manifests_that_are_none(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    refused(folder)


def spoiled(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    renew(folder)


WEIGHTS: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "one missing": lambda w: w.pop("bias"),
    "one too many": lambda w: w.update(surplus=torch.zeros(2)),
    "another shape": lambda w: w.update(bias=torch.zeros(3)),
    "another rank": lambda w: w.update({"image.norm.weight": w["image.norm.weight"][None]}),
    "whole numbers": lambda w: w.update(bias=torch.zeros((), dtype=torch.int64)),
    "eight bits": lambda w: w.update({"image.norm.weight": w["image.norm.weight"].to(torch.float8_e4m3fn)}),
    "NaN": lambda w: w.update(bias=torch.tensor(float("nan"))),
    "infinite": lambda w: w["image.norm.weight"].fill_(float("inf")),
    "nothing": lambda w: w.clear(),
}


@pytest.mark.parametrize("change", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_damaged_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    spoiled(folder, change)
    assert "weights" in refused(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "text_tokenizer.json", "language_tokenizer.json"])
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff" * 64, b"[" * 10_000], ids=str)
def test_files_that_are_none(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    renew(folder)
    refused(folder)


@pytest.mark.parametrize("size", [2**63, 2**40, 10**7], ids=str)
def test_weights_whose_header_claims_too_much(folder: Path, size: int) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(size.to_bytes(8, "little") + data[8:])
    renew(folder)
    refused(folder)


def test_a_tokenizer_without_the_words_of_the_grammar(folder: Path) -> None:
    shutil.copy(folder / "text_tokenizer.json", folder / "language_tokenizer.json")
    renew(folder)
    assert "words" in refused(folder)


def test_sizes_are_refused_before_memory_is_taken(folder: Path) -> None:
    """In 3 GB of address space beyond the libraries' own, where 2²³ × 2²³ numbers would not fit."""
    manifest = put(*TEXT, "hf_config", "intermediate_size", value=2**23)(manifest_of(folder))
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_the_command_line_says_the_same(folder: Path, tmp_path: Path, film_file: Path, capsys: Any) -> None:
    manifest = put("config", "embed_dim", value=10**9)(manifest_of(folder))
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    told = refused(folder)
    assert main(["report", str(film_file), "--model", str(folder)]) == 1
    assert capsys.readouterr().err.strip() == told


def test_what_is_written_is_read(folder: Path) -> None:
    config = tiny.config()
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(config)))) == config
    assert checkpoint.load(folder, "cpu").embed([Radiograph.from_pixels(torch.rand(40, 40).numpy())]).shape == (1, 16)


@pytest.mark.parametrize("name", ["paper", "base", "mini"])
def test_every_recipe_s_model_is_allowed(name: str) -> None:
    from importlib import import_module

    config = import_module(f"train.recipes.{name}").MODEL
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("owner/name", ("owner/name", None, "")),
        ("owner/name@8bit", ("owner/name", None, "8bit")),
        ("owner/name@1a2b3c", ("owner/name", "1a2b3c", "")),
        ("owner/name@v1.0/x@4bit", ("owner/name", "v1.0/x", "4bit")),
    ],
)
def test_a_revision_is_read_from_the_name(setting: str, expected: tuple[str, str | None, str]) -> None:
    assert parts_of(setting) == expected


@pytest.mark.parametrize("setting", ["owner/name@", "owner/name@../x", "owner/name@a b", "a@b@c", "a@-x"])
def test_an_odd_revision_is_refused(setting: str) -> None:
    with pytest.raises(CheckpointError, match="@"):
        checkpoint.pinned(setting)


@pytest.mark.parametrize("name", ["x" * 5_000, "a\x00b", ""], ids=["long", "with a zero byte", "empty"])
def test_a_name_that_is_no_path_is_refused_in_words(name: str) -> None:
    with pytest.raises(CheckpointError):
        checkpoint.load(name)
