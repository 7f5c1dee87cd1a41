"""What a recipe needs, on paper: ``python -m train.plan RECIPE [--films 220000]``.

Nothing is run: the network is built on torch's meta device and its products are counted. The assumptions are
arguments or constants here, each printed with the result; only a measurement says what really comes of them.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lofi.network.connector import pooled_patches
from lofi.network.network import LofiNetwork
from train.pretraining.optimiser import freeze
from train.pretraining.recipe import Lora, Recipe
from train.pretraining.separate import split_attention
from train.recipes import find_recipe

PEAK = 989e12
"""Dense bfloat16 operations a second of an H100 SXM (NVIDIA's data sheet: 1,979 with sparsity, half without)."""
GIB = 2**30


@dataclass(frozen=True)
class Assumptions:
    """``mfu``: share of the peak that the model's own operations reach (PaLM, arXiv 2204.02311, appendix B).

    ``prompt`` and ``answer``: tokens of one question; ``price`` in dollars an hour of one GPU.
    """

    mfu: float = 0.4
    prompt: int = 24
    answer: int = 40
    price: float = 3.0


@dataclass(frozen=True)
class Part:
    """``forward`` operations a film; ``kept`` bytes of activations a film; ``trained`` weights, adapters included."""

    name: str
    weights: int
    trained: int
    forward: float
    kept: float
    low_bits: int = 0


def adapter_weights(model: nn.Module, lora: Lora) -> int:
    """Weights that LoRA adds: rank · (in + out) for each adapted layer (arXiv 2106.09685, section 4.1)."""
    import re

    found = [m for name, m in model.named_modules() if isinstance(m, nn.Linear) and re.fullmatch(lora.layers, name)]
    return sum(lora.rank * (layer.in_features + layer.out_features) for layer in found)


def operations(model: nn.Module, *inputs: torch.Tensor, **named: torch.Tensor) -> int:
    """Operations of one forward pass on meta tensors: 2 · m · k · n a product, 4 · T² · D an attention of width D."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)  # the counter asks for a graph of whatever could have one
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs, **named)
    for parameter in learning:
        parameter.requires_grad_(True)
    return int(counter.get_total_flops())


def step_operations(part: Part, checkpointing: bool) -> float:
    """Operations a film of a training step that the model needs: forward, and as much again for the gradient of the
    activations, and once more for that of the weights in proportion to what of them is trained (Kaplan et al., arXiv
    2001.08361, section 2.1: 2 forward, 4 backward a weight and token). Nothing trained and nothing before it that is:
    no backward pass. Checkpointing runs the forward pass twice; that is work, but not counted in an MFU, so it is
    added here as what the hardware does.
    """
    if not part.trained and part.name == "image":
        return part.forward
    return part.forward * (2 + min(1.0, part.trained / max(1, part.weights)) + checkpointing)


def activations(tokens: int, width: int, layers: int, checkpointing: bool) -> float:
    """Bytes a film that the backward pass needs: 34 · T · D a layer with attention that stores no T × T matrix
    (Korthikanti et al., arXiv 2205.05198, eq. 2 without its 5·a·s/h term); with checkpointing the 4-byte input of each
    layer, and one layer's 34 · T · D.
    """
    whole = 34.0 * tokens * width
    return layers * 4.0 * tokens * width + whole if checkpointing else layers * whole


def parts_of(recipe: Recipe, assumed: Assumptions) -> list[Part]:
    """The four parts with all figures a film."""
    side, n = recipe.model.preprocessing.side, recipe.model.connector.queries
    with torch.device("meta"), torch.no_grad():
        network = LofiNetwork(recipe.model)
        freeze(network, recipe)
        if recipe.split_attention:
            for tower in (network.image.visual.trunk, network.text):
                split_attention(tower)
        films = torch.zeros(1, 3, side, side)
        patches, _ = network.image(films)
        sentences = max(1, recipe.report_sentences)
        ids = torch.zeros(sentences, recipe.model.text.context, dtype=torch.long)
        length = 1 + n + recipe.questions * (assumed.prompt + assumed.answer)
        words = torch.zeros(1, length, network.language.embed(ids[:1]).shape[-1])
        image = operations(network.image, films)
        text = operations(network.text, ids)
        connector = operations(network.connector, pooled_patches(patches, recipe.model.connector.pool))
        body = network.language.model.model
        language = operations(body, inputs_embeds=words, attention_mask=torch.zeros(1, 1, length, length))
    answers = recipe.questions * assumed.answer
    head = network.language.model.lm_head
    language += 2 * answers * head.in_features * head.out_features
    logits = 3 * 4.0 * answers * head.out_features  # float32 logits, their log softmax, its gradient
    tokens, width = patches.shape[1], patches.shape[2]
    blocks = getattr(network.image.visual.trunk, "blocks", [None] * 16)
    shapes = {
        "image": (tokens, width, len(blocks)),
        "text": (sentences * recipe.model.text.context, words_width(network), text_layers(network)),
        "connector": (n, width, recipe.model.connector.layers),
        "language": (length, words.shape[2], int(recipe.model.language.transformers["num_hidden_layers"])),
    }
    flops = {"image": image, "text": text, "connector": connector, "language": language}
    found = []
    for name, module in (
        ("image", network.image),
        ("text", network.text),
        ("connector", network.connector),
        ("language", network.language),
    ):
        lora = {"image": recipe.image_lora, "text": recipe.text_lora, "language": recipe.language_lora}.get(name)
        target = {"image": network.image.visual.trunk, "language": network.language.model}.get(name, module)
        weights = sum(p.numel() for p in module.parameters())
        trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
        if lora is not None:
            trained -= sum(p.numel() for p in target.parameters() if p.requires_grad)
            trained += adapter_weights(target, lora)
        kept = activations(*shapes[name], recipe.checkpointing) + (logits if name == "language" else 0.0)
        low = sum(m.weight.numel() for m in body.modules() if type(m) is nn.Linear) if name == "language" else 0
        found.append(Part(name, weights, trained, float(flops[name]), kept, low if recipe.bits < 32 else 0))
    return found


def words_width(network: LofiNetwork) -> int:
    """Width of the text tower."""
    tower = network.text.transformer
    return int(tower.config.hidden_size if hasattr(tower, "config") else tower.width)


def text_layers(network: LofiNetwork) -> int:
    """Layers of the text tower."""
    tower = network.text.transformer
    return int(tower.config.num_hidden_layers if hasattr(tower, "config") else len(tower.resblocks))


def memory(parts: Sequence[Part], recipe: Recipe, films: int) -> dict[str, float]:
    """Bytes on one GPU under DDP: float32 weights (1 or ½ byte where quantised), 4 a trained weight for its gradient,
    8 for Adam's two moments, 4 for the average, and the activations of ``films``.
    """
    low, trained = sum(part.low_bits for part in parts), sum(part.trained for part in parts)
    return {
        "weights": 4.0 * (sum(part.weights for part in parts) - low) + low * recipe.bits / 8,
        "gradients": 4.0 * trained,
        "optimiser": 8.0 * trained + (4.0 * trained if recipe.ema else 0.0),
        "activations": films * sum(part.kept for part in parts),
    }


def table(recipe: Recipe, films: int, assumed: Assumptions) -> str:
    """The plan in words and figures."""
    parts = parts_of(recipe, assumed)
    lines = [f"{'part':<10}{'weights M':>11}{'trained M':>11}{'forward GFLOP':>15}{'step GFLOP':>12}   (a film)"]
    for part in parts:
        step = step_operations(part, recipe.checkpointing) / 1e9
        row = f"{part.weights / 1e6:>11.1f}{part.trained / 1e6:>11.2f}{part.forward / 1e9:>15.1f}{step:>12.1f}"
        lines.append(f"{part.name:<10}{row}")
    work = sum(step_operations(part, recipe.checkpointing) for part in parts)
    lines.append(
        f"all parts: {sum(p.weights for p in parts) / 1e6:.0f} M weights, {work / 1e9:.0f} GFLOP a film and step"
    )
    for gpus in (1, 8):
        share = max(1, recipe.batch // recipe.accumulate // gpus)
        need = memory(parts, recipe, share)
        rate = gpus * PEAK * assumed.mfu / work
        hours = films * max(1.0, recipe.epochs) / rate / 3600
        split = ", ".join(f"{name} {value / GIB:.1f}" for name, value in need.items())
        lines.append(f"{gpus} × H100: {sum(need.values()) / GIB:.1f} GiB a GPU ({split}; {share} films at once)")
        lines.append(f"  {rate:.0f} films/s, {hours:.1f} h, ${gpus * hours * assumed.price:,.0f}")
    lines.append(
        f"Assumed, not measured: {assumed.mfu:.0%} of {PEAK / 1e12:.0f} TFLOP/s, ${assumed.price:.2f} a GPU hour, "
        f"{recipe.questions} questions of {assumed.prompt} + {assumed.answer} tokens, {films:,} films, "
        f"{max(1.0, recipe.epochs):g} epochs; recomputation counted as work."
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.plan", description=__doc__)
    parser.add_argument("recipe", help="such as paper, base or ablate:separate_heads")
    parser.add_argument("--films", type=int, default=220_000, help="films of an epoch (default 220,000)")
    parser.add_argument("--mfu", type=float, default=0.4, help="assumed share of the peak (default 0.4)")
    parser.add_argument("--price", type=float, default=3.0, help="assumed dollars a GPU hour (default 3)")
    options = parser.parse_args(arguments)
    assumed = Assumptions(mfu=options.mfu, price=options.price)
    print(table(find_recipe(options.recipe), options.films, assumed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
