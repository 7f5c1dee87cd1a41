"""Gemma-3-shaped language models in 8 and 4 bits with LoRA, against full precision."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from lofi.network.config import LanguageConfig
from lofi.network.language import build_language
from lofi.network.network import LofiNetwork
from tests import tiny
from train.pretraining.adapters import adapt, add_lora, plain_state, quantise
from train.pretraining.optimiser import freeze
from train.pretraining.recipe import Lora
from train.pretraining.starting import adapt_batch_norm, sized
from train.recipes import find_recipe

VOCABULARY = 96
ON_QV = Lora(4, 8, r"model\.layers\.\d+\.self_attn\.(q|v)_proj")


def gemma() -> nn.Module:
    """Two Gemma 3 layers, one sliding and one full, with weights of a trained model's size."""
    torch.manual_seed(0)
    settings = {
        "model_type": "gemma3_text",
        "vocab_size": VOCABULARY,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "layer_types": ["sliding_attention", "full_attention"],
        "tie_word_embeddings": True,
    }
    return build_language(LanguageConfig(transformers=settings)).eval()


def tokens() -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (4, 24), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("bits", "most"), [(8, 0.03), (4, 0.3)], ids=["8 bits", "4 bits"])
def test_logits_against_full_precision(bits: int, most: float) -> None:
    model = gemma()
    low = copy.deepcopy(model)
    quantise(low, bits)
    with torch.no_grad():
        full, found = model(tokens()).logits, low(tokens()).logits
    error = float((found - full).norm() / full.norm())
    print(f"relative error of the logits in {bits} bits: {error:.4f}")
    assert 0 < error < most  # 0 would mean that nothing was quantised


def test_weights_are_small_and_the_head_is_not_touched() -> None:
    model = gemma()
    head = model.lm_head.weight.detach().clone()
    quantise(model, 8)
    kinds = {type(module).__name__ for name, module in model.named_modules() if name.endswith("_proj")}
    assert kinds == {"Int8Linear"}
    assert model.model.layers[0].mlp.up_proj.weight.dtype == torch.int8
    assert model.lm_head.weight is model.model.embed_tokens.weight
    torch.testing.assert_close(model.lm_head.weight, head)


@pytest.mark.parametrize("used", [False, True], ids=["before the first pass", "after it"])
@pytest.mark.parametrize("planted", [False, True], ids=["as it is", "the scales stay behind"])
def test_weights_in_8_bits_move_with_the_model(used: bool, planted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a move to a GPU does, with a copy in its place: nothing that a forward pass reads may be the old storage."""
    model = gemma()
    quantise(model, 8)
    layer = model.model.layers[0].mlp.up_proj
    if planted:
        monkeypatch.setattr(type(layer), "_apply", nn.Module._apply)
    x = torch.randn(2, 128, generator=torch.Generator().manual_seed(2))
    before = layer(x) if used else None
    holder = layer.state if used else layer.weight
    old = {layer.weight.data_ptr(), holder.CB.data_ptr(), holder.SCB.data_ptr()}
    model._apply(lambda tensor: tensor.detach().clone())
    holder = layer.state if used else layer.weight
    moved = old.isdisjoint({layer.weight.data_ptr(), holder.CB.data_ptr(), holder.SCB.data_ptr()})
    assert moved == (not planted)
    if moved:
        assert holder.CB.data_ptr() == layer.weight.data_ptr()
        assert before is None or torch.equal(layer(x), before)


def test_the_threshold_of_outliers_is_the_recipe_s() -> None:
    recipe = replace(find_recipe("paper", smoke=True), bits=8, int8_threshold=3.5)
    network = LofiNetwork(sized(recipe.model, 50, 60)).eval()
    adapt(network, recipe)
    found = {m.state.threshold for m in network.modules() if type(m).__name__ == "Int8Linear"}
    assert found == {3.5}


def test_in_16_bits_what_is_frozen_is_half_as_large_and_what_trains_is_whole() -> None:
    recipe = replace(find_recipe("paper", smoke=True), bits=16, precision="bf16")
    network = LofiNetwork(sized(recipe.model, 50, 60)).eval()
    freeze(network, recipe)
    adapt(network, recipe)
    kinds: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for name, parameter in network.named_parameters():
        if "norm" not in name and "pos" not in name and parameter.ndim > 1:
            kinds[parameter.requires_grad].add(parameter.dtype)
    assert kinds[True] == {torch.float32}
    assert network.language.model.lm_head.weight.dtype == torch.bfloat16
    assert network.image.visual.trunk.blocks[0].attn.qkv.q.base_layer.weight.dtype == torch.bfloat16
    assert find_recipe("paper").bits == 16


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_in_few_bits_stay_so_beside_bfloat16(bits: int) -> None:
    """``paper --set bits=8``: codes that were cast as weights are would be no codes any more."""
    recipe = replace(find_recipe("paper", smoke=True), bits=bits, precision="bf16")
    network = LofiNetwork(sized(recipe.model, 50, 60)).eval()
    adapt(network, recipe)
    adapted = network.language.model.model.layers[0].self_attn.q_proj
    assert adapted.base_layer.weight.dtype == {8: torch.int8, 4: torch.uint8}[bits]
    assert network.language.model.lm_head.weight.dtype == torch.bfloat16
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = adapted(torch.rand(2, recipe.model.language.transformers["hidden_size"], dtype=torch.bfloat16))
    assert found.isfinite().all()


def test_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="8 or 4 bits"):
        quantise(gemma(), 3)


@pytest.mark.parametrize("bits", [8, 4])
def test_adapters_learn_on_quantised_weights(bits: int) -> None:
    model = gemma()
    quantise(model, bits)
    assert add_lora(model, ON_QV) == 4
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    adam = torch.optim.AdamW(trained.values(), lr=2e-2)
    losses = []
    for _ in range(25):
        loss = model(tokens(), labels=tokens()).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0], losses


def test_a_name_that_no_layer_has_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing_proj"):
        add_lora(gemma(), Lora(4, 8, "nothing_proj"))


def test_fused_attention_is_refused() -> None:
    layers = nn.ModuleDict({"attn": nn.MultiheadAttention(8, 2), "fc": nn.Linear(8, 8)})
    with pytest.raises(ValueError, match="fused attention"):
        add_lora(layers, Lora(2, 4, "attn|fc"))


def test_plain_weights_of_adapted_and_quantised_parts_compute_the_same() -> None:
    """A checkpoint of the paper's kind holds neither adapters nor 8-bit weights, and answers as the trained one."""
    recipe = replace(find_recipe("paper", smoke=True), bits=8)
    torch.manual_seed(0)
    network = LofiNetwork(sized(recipe.model, 50, 60)).eval()
    adapt(network, recipe)
    with torch.no_grad():  # adapters start at zero: move them, or forgetting them would not be seen
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05)
    plain = LofiNetwork(network.config).eval()
    missing, unexpected = plain.load_state_dict(plain_state(network), strict=False)
    assert not unexpected
    assert set(missing) <= {"language.model.lm_head.weight"}
    films, ids = torch.rand(2, 96, 96), torch.randint(0, 50, (3, 9))
    with torch.no_grad():
        for first, second in zip(network.encode_images(films), plain.encode_images(films), strict=True):
            torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network.encode_texts(ids), plain.encode_texts(ids), rtol=1e-4, atol=1e-4)
        own, other = (net.language.model(ids).logits for net in (network, plain))
    assert float((own - other).norm() / other.norm()) < 0.04  # activations, too, pass through 8 bits in one of them


@pytest.mark.parametrize("bits", [16, 8])
def test_a_convolutional_tower_in_bfloat16_takes_the_films_statistics(bits: int) -> None:
    network = tiny.network()
    recipe = replace(find_recipe("mini"), bits=bits, precision="bf16", model=network.config)
    freeze(network, recipe)
    adapt(network, recipe)
    assert network.image.visual.trunk.conv_stem.weight.dtype == torch.bfloat16
    films = torch.rand(2, 64, 64, generator=torch.manual_seed(0))
    adapt_batch_norm(network, [films], low=True)
    trunk, images = network.image.visual.trunk, functional.pad(network.normalise(films), (0, 1, 0, 1))
    expected = functional.conv2d(images, trunk.conv_stem.weight.float(), stride=2).mean((0, 2, 3))
    torch.testing.assert_close(trunk.bn1.running_mean, expected, rtol=0.05, atol=0.02)
