"""What a step of a recipe works through: weights, operations, bytes kept, counted on torch's meta device."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lofi.network.connector import pooled_patches
from lofi.network.network import LofiNetwork
from train.feeding.batches import Batch
from train.pretraining.optimiser import freeze
from train.pretraining.recipe import Lora, Recipe
from train.pretraining.separate import split_attention

PEAK = 989e12
"""Dense bfloat16 operations a second of an H100 SXM (NVIDIA's data sheet: 1,979 with sparsity, half without)."""
PEAKS = {"H100": PEAK, "H200": PEAK, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bfloat16 operations a second of cards, by a part of the name they give themselves (NVIDIA's data sheets)."""


@dataclass(frozen=True)
class Assumptions:
    """``mfu``: share of the peak that the model's own operations reach (PaLM, arXiv 2204.02311, appendix B), between
    what tests.benchmarks.bench_gpu measured of ``paper`` and ``base`` on an H200, 0.11 and 0.18.

    ``prompt`` and ``answer``: tokens of one question; ``price`` in dollars an hour of one GPU.
    """

    mfu: float = 0.15
    prompt: int = 24
    answer: int = 40
    price: float = 3.0


@dataclass(frozen=True)
class Part:
    """``forward`` operations a film; bytes of activations a film ``kept`` for the backward pass, and ``checkpointed``;
    ``trained`` weights, adapters included.
    """

    name: str
    weights: int
    trained: int
    forward: float
    kept: float
    low_bits: int = 0
    checkpointed: float = 0.0


def adapter_weights(model: nn.Module, lora: Lora) -> int:
    """Weights that LoRA adds: rank · (in + out) for each adapted layer (arXiv 2106.09685, section 4.1)."""
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
        length = assumed_places(recipe, assumed)
        words = torch.zeros(1, length, network.language.embed(ids[:1]).shape[-1])
        image = operations(network.image, films)
        text = operations(network.text, ids)
        connector = operations(network.connector, pooled_patches(patches, recipe.model.connector.pool))
        body = network.language.model.model
        language = operations(body, inputs_embeds=words, attention_mask=torch.zeros(1, 1, length, length))
    answers = recipe.questions * assumed.answer
    head = network.language.model.lm_head
    language += 2 * answers * head.in_features * head.out_features
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
        kept, checkpointed = (activations(*shapes[name], checkpointing) for checkpointing in (False, True))
        low = sum(m.weight.numel() for m in body.modules() if type(m) is nn.Linear) if name == "language" else 0
        low = low if recipe.bits in (8, 4) else 0
        found.append(Part(name, weights, trained, float(flops[name]), kept, low, checkpointed))
    return found


def words_width(network: LofiNetwork) -> int:
    """Width of the text tower."""
    tower = network.text.transformer
    return int(tower.config.hidden_size if hasattr(tower, "config") else tower.width)


def text_layers(network: LofiNetwork) -> int:
    """Layers of the text tower."""
    tower = network.text.transformer
    return int(tower.config.num_hidden_layers if hasattr(tower, "config") else len(tower.resblocks))


def peak_of(device: torch.device) -> float | None:
    """What a device could do a second; None of one that PEAKS does not name."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def useful(parts: Sequence[Part], films: int, tokens: int, assumed: int) -> float:
    """Operations that a step of ``films`` needs, with ``tokens`` real places of the language model, of which the parts
    were counted with ``assumed`` a film. Padding and what checkpointing does again are none.
    """
    share = tokens / max(1, films * assumed)
    return films * sum(step_operations(p, False) * (share if p.name == "language" else 1.0) for p in parts)


def assumed_places(recipe: Recipe, assumed: Assumptions) -> int:
    """Places of the language model that the parts count a film."""
    return 1 + recipe.model.connector.queries + recipe.questions * (assumed.prompt + assumed.answer)


@dataclass(frozen=True)
class Effort:
    """What a process's device could do a second, and what its films need of it; no ``peak``: nobody knows."""

    peak: float | None
    parts: tuple[Part, ...] = ()
    assumed: int = 0

    @classmethod
    def of(cls, recipe: Recipe, device: torch.device) -> "Effort":
        peak, assumed = peak_of(device), Assumptions()
        if peak is None:
            return cls(None)
        return cls(peak, tuple(parts_of(recipe, assumed)), assumed_places(recipe, assumed))

    def share(self, batches: Sequence[Batch], seconds: float) -> float | None:
        """Model FLOPs utilisation of a step: what its ``batches`` needed of what could be done in its ``seconds``
        (PaLM, arXiv 2204.02311, appendix B).
        """
        if self.peak is None:
            return None
        films = sum(len(batch.canvases) for batch in batches)
        tokens = sum(int((batch.packed.film >= 0).sum()) for batch in batches)
        return useful(self.parts, films, tokens, self.assumed) / (seconds * self.peak)
