"""Towers that start from transformers' SiglipModel: a small random one saved here takes the place of the hub's."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lofi.network.text import grounding_prompt
from tests.train.pretraining.test_starting import language, prepared  # noqa: F401 (the first is a fixture)
from train.pretraining.recipe import Recipe, Starts, with_settings
from train.pretraining.siglip import tower_state
from train.recipes import find_recipe


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def siglip(folder: Path, width: int = 32, layers: int = 2, side: int = 32) -> Any:
    """A SiglipModel of transformers, random and saved, that computes the exact GELU as timm's small towers do."""
    from transformers import SiglipConfig, SiglipModel

    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    shared = {**sizes, "num_attention_heads": 2, "hidden_act": "gelu"}
    config = SiglipConfig(
        text_config={**shared, "vocab_size": 4 + 256, "max_position_embeddings": 16, "projection_size": width},
        vision_config={**shared, "image_size": side, "patch_size": 8},
    )
    torch.manual_seed(8)
    model = SiglipModel(config).eval()
    with torch.no_grad():
        for weight in model.parameters():  # biases and norms too, or a key that lands elsewhere would not show
            weight.add_(0.1 * torch.randn_like(weight))
        model.logit_scale.fill_(math.log(112.0))
        model.logit_bias.fill_(-16.5)
    model.save_pretrained(folder)
    return model


def siglip_recipe() -> Recipe:
    """``base`` with towers of that size, the words of the language model's tokenizer."""
    import timm
    from timm.models.vision_transformer import VisionTransformer

    def lofi_siglip(pretrained: bool = False, **more: Any) -> VisionTransformer:
        sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
        return VisionTransformer(**sizes, class_token=False, global_pool="map", num_classes=more["num_classes"])

    if not timm.is_model("lofi_siglip"):
        timm.models.register_model(lofi_siglip)
    settings = {
        "model.vision.open_clip.timm_model_name": "lofi_siglip", "model.vision.width": "32", "model.embed_dim": "32",
        "model.preprocessing.side": "32", "model.text.context": "16", "model.text.open_clip.context_length": "16",
        "model.text.open_clip.width": "32", "model.text.open_clip.mlp_ratio": "4.0",
        "model.text.open_clip.act_kwargs": "{}", "model.text.open_clip.pad_id": "1",
    }  # fmt: skip
    return with_settings(find_recipe("base", smoke=True), settings)


def test_a_siglip_model_of_transformers_arrives(language: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "siglip"
    theirs, recipe = siglip(folder), siglip_recipe()
    for file in language.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    run = prepared(replace(recipe, starts=Starts(f"siglip:{folder}", f"siglip:{folder}", "fresh")), tmp_path)
    network = run.network.eval()
    pixels = torch.rand(3, 32, 32, generator=torch.manual_seed(2))
    ids = torch.tensor([[7, 8, 9, 0], [20, 30, 40, 50]])
    padded = torch.nn.functional.pad(torch.where(ids == 0, 1, ids), (0, 12), value=1)
    with torch.no_grad():
        image = theirs.get_image_features(network.normalise(pixels))
        text = theirs.get_text_features(padded)
        image, text = (getattr(found, "pooler_output", found) for found in (image, text))
        torch.testing.assert_close(
            network.encode_images(pixels)[1], torch.nn.functional.normalize(image), atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(network.encode_texts(ids), torch.nn.functional.normalize(text), atol=1e-5, rtol=1e-4)
    assert float(network.log_temperature.detach().exp()) == pytest.approx(112)
    assert float(network.bias.detach()) == pytest.approx(-16.5)


def test_a_siglip_model_of_another_size_is_refused_in_words(language: Path, tmp_path: Path) -> None:  # noqa: F811
    siglip(tmp_path / "siglip", layers=3)
    for file in language.glob("tokenizer*"):
        (tmp_path / "siglip" / file.name).write_bytes(file.read_bytes())
    place = f"siglip:{tmp_path / 'siglip'}"
    with pytest.raises(ValueError, match="of another size than the recipe's tower"):
        prepared(replace(siglip_recipe(), starts=Starts(place, place, "fresh")), tmp_path)


def test_a_weight_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place in the tower"):
        tower_state({"vision_model.encoder.layers.0.gate.weight": torch.zeros(1)}, "vision_model")


def test_sentences_and_phrases_are_one_question_in_any_case() -> None:
    assert grounding_prompt("Small LEFT effusion") == 'Detect all instances of "small left effusion".'


def test_the_recipe_of_medsiglip_has_its_sizes() -> None:
    """Those of its published configuration: 448 pixels in patches of 14, 1,152 wide, 27 layers, 32,000 words."""
    from lofi.network.network import build_open_clip_text
    from lofi.network.vision import build_open_clip_vision

    model = find_recipe("paper:medsiglip").model
    with torch.device("meta"):
        tower = build_open_clip_vision(model.vision, model.embed_dim, model.preprocessing.side).state_dict()
        text = build_open_clip_text(model.text, model.embed_dim).state_dict()
    assert tower["trunk.pos_embed"].shape == (1, 32 * 32, 1152)
    assert tower["trunk.patch_embed.proj.weight"].shape == (1152, 3, 14, 14)
    assert tower["trunk.blocks.26.mlp.fc1.weight"].shape == (4304, 1152)
    assert text["token_embedding.weight"].shape == (32000, 1152)
    assert text["transformer.resblocks.26.mlp.c_fc.weight"].shape == (4304, 1152)


@pytest.mark.parametrize("name", ["model.vision.open_clip.timm_modelname", "model.language.transformers.hiden_size"])
def test_a_tower_setting_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no setting"):
        with_settings(find_recipe("base", smoke=True), {name: "3"})
