"""Parts that start from weights of others: small models saved here take the place of the hub's."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

import lofi
from lofi.network import checkpoint
from lofi.network.language import build_language
from tests import tiny
from train.feeding.generated import generate
from train.pretrain import main
from train.pretraining.adapters import plain_state
from train.pretraining.pinning import pin
from train.pretraining.places import of_hub, origins
from train.pretraining.recipe import Recipe, Starts
from train.pretraining.run import prepare
from train.pretraining.starting import load_checkpoint, pretrained_language, tokenizers_of
from train.recipes import find_recipe
from train.recipes.smoke import SIDE

SPECIALS = ["<pad>", "<eos>", "<bos>", "<unk>"]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # read when it was imported


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the hub has it: a Gemma 3 of the smoke recipes' size, with a tokenizer of single bytes."""
    folder = tmp_path_factory.mktemp("gemma")
    words = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, [], unk_token="<unk>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    backend.add_special_tokens(["<image_soft_token>"])  # as on the hub: one more than the embedding has rows
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
    settings = find_recipe("paper", smoke=True).model.language
    torch.manual_seed(5)
    sized = replace(settings, transformers={**settings.transformers, "vocab_size": len(words)})
    build_language(sized).save_pretrained(folder)
    return folder


def prepared(recipe: Recipe, tmp_path: Path) -> Any:
    films = generate(tmp_path / "films", 8, SIDE)
    return prepare(recipe, [films], tmp_path, tmp_path / "cache")


def test_a_language_model_of_the_hub_arrives_with_its_tokenizer(language: Path, tmp_path: Path) -> None:
    recipe = find_recipe("base", smoke=True)
    run = prepared(replace(recipe, starts=replace(recipe.starts, language=f"hub:{language}")), tmp_path)
    theirs = build_language(run.network.config.language).__class__.from_pretrained(language).state_dict()
    ours = {name.replace(".base_layer", ""): value for name, value in run.network.language.model.state_dict().items()}
    ours = {name: value for name, value in ours.items() if ".lora_" not in name}
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    tokens = run.batches.writer.tokens
    assert tokens.decode(tokens.encode("[[1,20,300,1000]]")) == "[[1,20,300,1000]]"
    assert len(tokens) == 4 + 256 == run.network.language.model.lm_head.out_features
    assert max(tokens.encode("a report with <image_soft_token> in it")) < len(tokens)


@pytest.mark.parametrize("bits", [8, 16])
def test_it_trains_in_few_bits_and_its_checkpoint_loads(language: Path, bits: int, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["paper", "--smoke", "--out", str(out), "--cache", str(tmp_path / "cache")]
    arguments += ["--set", f"bits={bits}", "--set", "precision=bf16"]
    assert main([*arguments, "--set", f"starts.language=hub:{language}"]) == 0
    with (out / "metrics.csv").open(newline="") as file:
        assert all(math.isfinite(float(row["grounding"])) for row in csv.DictReader(file))
    assert len(lofi.load(out / "checkpoint").language_tokens) == 4 + 256


@pytest.fixture
def towers(language: Path, tmp_path: Path) -> tuple[Recipe, Any, Path]:
    """A recipe, an open_clip model of its size with a trained temperature and bias, and its folder."""
    import open_clip  # after lofi, which makes it importable beside a CPU build of torch

    recipe = find_recipe("base", smoke=True)
    text = {**recipe.model.text.open_clip, "hf_tokenizer_name": str(language), "vocab_size": 4 + 256}
    config = {"embed_dim": recipe.model.embed_dim, "vision_cfg": recipe.model.vision.open_clip, "text_cfg": text}
    config["vision_cfg"] = {**recipe.model.vision.open_clip, "image_size": SIDE}
    config |= {"custom_text": True, "init_logit_bias": -10}
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "tiny-siglip.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(6)
    theirs = open_clip.create_model("tiny-siglip")
    with torch.no_grad():
        theirs.logit_scale.fill_(math.log(112.0))
        theirs.logit_bias.fill_(-16.5)
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.save(theirs.state_dict(), whole / "open_clip_pytorch_model.bin")
    model = replace(recipe.model, text=replace(recipe.model.text, open_clip=text))
    return replace(recipe, model=model, bits=32), theirs, whole


@pytest.mark.filterwarnings("ignore::UserWarning:open_clip")
@pytest.mark.parametrize("kind", ["tag", "folder"])
def test_towers_of_open_clip_arrive_with_their_temperature_and_bias(
    towers: tuple[Recipe, Any, Path], kind: str, tmp_path: Path
) -> None:
    recipe, theirs, whole = towers
    place = f"tiny-siglip:{whole / 'open_clip_pytorch_model.bin'}" if kind == "tag" else f"local-dir:{whole}"
    starts = Starts(f"open_clip:{place}", f"open_clip:{place}", "fresh")
    run = prepared(replace(recipe, starts=starts), tmp_path)
    arrived = plain_state(run.network)  # adapters, which start at nothing, merged
    for part, place in (("visual.", "image.visual."), ("text.", "text.")):
        saved = {n.replace(part, place, 1): v for n, v in theirs.state_dict().items() if n.startswith(part)}
        assert saved
        assert all(torch.equal(value, arrived[name]) for name, value in saved.items())
    assert float(run.network.log_temperature.detach().exp()) == pytest.approx(112)
    assert float(run.network.bias.detach()) == pytest.approx(-16.5)


@pytest.mark.filterwarnings("ignore::UserWarning:open_clip")
def test_siglips_text_is_read_as_its_open_clip_config_says(towers: tuple[Recipe, Any, Path], tmp_path: Path) -> None:
    """Lower case, no punctuation: in training, and in the checkpoint that the app loads."""
    from open_clip.tokenizer import canonicalize_text

    recipe, _, whole = towers
    place = f"open_clip:tiny-siglip:{whole / 'open_clip_pytorch_model.bin'}"
    run = prepared(replace(recipe, starts=Starts(place, place, "fresh")), tmp_path)
    state = plain_state(run.network)
    checkpoint.save(tmp_path / "saved", run.network, run.tokenizers, data={}, metrics={}, state=state)
    for tokens in (run.batches.text_tokens, lofi.load(tmp_path / "saved").text_tokens):
        for text in ("Small, left-sided Effusion.", "  No\n PNEUMOTHORAX (or_air)! ", r"a^b[c]\d~'e'", "stent"):
            assert tokens.encode(text) == tokens.encode(canonicalize_text(text))
            assert tokens.decode(tokens.encode(text)) == canonicalize_text(text)


def test_a_checkpoint_gives_its_weights_its_words_and_its_bias(tmp_path: Path) -> None:
    first = tmp_path / "first"
    arguments = ["ablate:tokens", "--smoke", "--cache", str(tmp_path / "cache"), "--shared", str(tmp_path)]
    assert main([*arguments, "--out", str(first), "--set", "steps=1"]) == 0
    recipe = find_recipe("ablate:tokens", smoke=True)
    started = replace(recipe, starts=replace(recipe.starts, checkpoint=str(first / "checkpoint")))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "openi_reports.jsonl").write_text(json.dumps({"findings": "Words no film here has."}))
    run = prepare(started, [first / "films" / "records.jsonl"], tmp_path, tmp_path / "cache")
    model = lofi.load(first / "checkpoint")
    assert run.batches.writer.tokens.backend.get_vocab() == model.language_tokens.backend.get_vocab()
    arrived = run.network.state_dict()
    assert torch.equal(arrived["bias"].float(), model.network.state_dict()["bias"].float())
    plain = {name: value for name, value in model.network.state_dict().items() if name in arrived}
    assert len(plain) > 100
    assert all(torch.allclose(value.float(), arrived[name].float(), atol=1e-3) for name, value in plain.items())


def test_a_checkpoint_that_writes_boxes_otherwise_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    recipe = find_recipe("base", smoke=True)
    with pytest.raises(ValueError, match="writes boxes in another way"):
        tokenizers_of(replace(recipe, starts=Starts(checkpoint=str(tmp_path))), [])


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    lonely = torch.nn.Module()
    lonely.weight = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match="no weight of that checkpoint fits"):
        load_checkpoint(lonely, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "start",
    [
        "language=hub:nobody/nothing",
        "language=gguf:nowhere/nothing.gguf",
        "image=open_clip:ViT-B-16:nowhere.pt",
        "checkpoint=nowhere",
    ],
    ids=["hub", "gguf", "open_clip", "checkpoint"],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_had_is_one_sentence(start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["base", "--smoke", "--out", str(tmp_path), "--cache", str(tmp_path), "--set", f"starts.{start}"])
    told = capsys.readouterr().err
    assert "could not be loaded" in told or "No readable LoFi checkpoint" in told
    assert "Traceback" not in told


@pytest.mark.filterwarnings("ignore")
def test_a_language_model_of_a_gguf_file_arrives(language: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: make smoke-gemma installs it")
    settings = find_recipe("paper", smoke=True).model.language
    theirs = AutoModelForCausalLM.from_pretrained(language)
    config, file = theirs.config, tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(file, "gemma3")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    for name, value in theirs.state_dict().items():
        if name != "lm_head.weight":  # tied
            # The format holds a norm's weight with the 1 that Gemma adds to it.
            stored = value.float().numpy() + ("norm.weight" in name)
            writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), stored.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    sized = replace(settings, transformers={**settings.transformers, "vocab_size": config.vocab_size})
    arrived = pretrained_language(f"gguf:{file}", sized)
    saved = theirs.state_dict()
    assert arrived.keys() == saved.keys()
    for name, value in saved.items():
        torch.testing.assert_close(arrived[name], value.float(), atol=1e-6, rtol=0, msg=name)
    wide = replace(sized, transformers={**sized.transformers, "hidden_size": 2 * config.hidden_size})
    with pytest.raises(ValueError, match="the recipe's hidden_size is"):
        pretrained_language(f"gguf:{file}", wide)


def test_where_parts_started_is_told_with_the_commit_that_the_hub_gave(tmp_path: Path) -> None:
    commit, taken = "a1" * 20, tmp_path / "models--owner--name"
    (taken / "snapshots" / commit).mkdir(parents=True)
    (taken / "snapshots" / commit / "config.json").write_text("{}")
    (taken / "refs").mkdir()
    (taken / "refs" / "main").write_text(commit)
    starts = Starts("imagenet", "minilm", "hub:owner/name")
    assert origins(starts, tmp_path)["language"] == f"hub:owner/name@{commit}"
    assert origins(replace(starts, language=f"hub:owner/name@{commit}"), tmp_path)["language"].endswith(commit)
    assert origins(replace(starts, language="hub:owner/other"), tmp_path)["language"] == "hub:owner/other"
    assert origins(starts, tmp_path)["image"] == "imagenet"
    assert origins(replace(starts, language="gguf:/home/doe/a.gguf"), tmp_path)["language"] == "gguf:a.gguf"
    assert origins(replace(starts, image="open_clip:ViT:/home/doe/b.pt"), tmp_path)["image"] == "open_clip:ViT:b.pt"


def test_a_revision_reaches_the_hub_and_a_folder_keeps_its_at(tmp_path: Path) -> None:
    assert of_hub("owner/name@v1.0") == ("owner/name", {"revision": "v1.0"})
    assert of_hub("owner/name") == ("owner/name", {})
    (tmp_path / "a@b").mkdir()
    assert of_hub(str(tmp_path / "a@b")) == (str(tmp_path / "a@b"), {})


def test_a_run_keeps_the_commit_and_says_how_to_take_it_again(tmp_path: Path) -> None:
    commit, taken = "b2" * 20, tmp_path / "models--owner--name"
    for folder in ("snapshots/" + commit, "refs"):
        (taken / folder).mkdir(parents=True)
    (taken / "snapshots" / commit / "config.json").write_text("{}")
    (taken / "refs" / "main").write_text(commit)
    starts = Starts("imagenet", "minilm", "hub:owner/name")
    assert pin(starts, tmp_path, False, tmp_path).endswith(f"--set starts.language=hub:owner/name@{commit}")
    kept = json.loads((tmp_path / "starts.json").read_text())
    assert kept["language"] == f"hub:owner/name@{commit}"
    again = replace(starts, language=kept["language"])
    assert pin(again, tmp_path, False, tmp_path) == ""
    (taken / "refs" / "main").write_text("c3" * 20)
    assert pin(starts, tmp_path, True, tmp_path) == ""
    assert json.loads((tmp_path / "starts.json").read_text()) == kept
