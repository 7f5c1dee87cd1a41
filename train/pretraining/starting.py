"""Where the parts start from: random weights, files beside the project, or the hub; and their tokenizers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER, WEIGHTS, read_manifest
from lofi.network.config import LanguageConfig, ModelConfig
from lofi.network.losses import sigmoid_bias
from lofi.network.network import LofiNetwork
from lofi.network.text import TURN, TURN_END, canonical
from train.pretraining.places import folder_of, of_hub, told
from train.pretraining.recipe import Recipe
from train.pretraining.siglip import read_siglip, tower_state
from train.pretraining.vocabulary import cut_to_rows, minilm_folder, named_as_ours, small_tokenizers


def sized(config: ModelConfig, text_vocabulary: int, language_vocabulary: int) -> ModelConfig:
    """The configuration with both vocabulary sizes filled in."""
    tower = dict(config.text.open_clip)
    if "hf_config" in tower:
        tower["hf_config"] = {**tower["hf_config"], "vocab_size": text_vocabulary}
    else:
        tower["vocab_size"] = text_vocabulary
    language = {**config.language.transformers, "vocab_size": language_vocabulary}
    return replace(
        config,
        text=replace(config.text, open_clip=tower),
        language=replace(config.language, transformers=language),
    )


def language_words(recipe: Recipe, tokens: int) -> int:
    """Rows of the language model's embedding: its own number where it comes from elsewhere, else that of ``tokens``.

    Gemma 3's tokenizers hold a token more than the embedding of its text models has rows, larger models the reverse.
    """
    starts = recipe.starts
    if starts.checkpoint:
        return int(read_manifest(Path(starts.checkpoint))["config"]["language"]["transformers"]["vocab_size"])
    return tokens if starts.language == "fresh" else their_words(starts.language)


def text_words(recipe: Recipe, tokens: int) -> int:
    """The same of the text tower: its own number where it is a SigLIP of others."""
    kind, _, place = recipe.starts.text.partition(":")
    if recipe.starts.checkpoint or kind not in ("open_clip", "siglip"):
        return tokens
    return their_words(f"hub:{place}") if kind == "siglip" else int(recipe.model.text.open_clip["vocab_size"])


def their_words(place: str) -> int:
    """Rows of the embedding of ``hub:ID``, ``hub:ID@REVISION`` or ``gguf:FILE``, as its configuration says."""
    from transformers import AutoConfig

    folder, extra = folder_of(place)
    with told(place):
        return int(AutoConfig.from_pretrained(folder, **extra).get_text_config().vocab_size)


def load_image_tower(network: LofiNetwork, weights: Path) -> None:
    """The weights of timm into the trunk; the classifier, which LoFi has not, is left out."""
    state = {name: value for name, value in load_file(weights).items() if not name.startswith("classifier.")}
    network.image.visual.trunk.load_state_dict(state)


def load_text_tower(network: LofiNetwork, kept: Sequence[int]) -> None:
    """MiniLM's weights, its embedding cut to the ``kept`` ids and its positions to the tower's."""
    tower = network.text.transformer
    state = {
        name.removeprefix("bert."): value for name, value in load_file(minilm_folder() / "model.safetensors").items()
    }
    state = {name: value for name, value in state.items() if not name.startswith(("pooler.", "cls."))}
    state.pop("embeddings.position_ids", None)
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][torch.tensor(kept)]
    places = tower.config.max_position_embeddings
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:places]
    tower.load_state_dict(state)


@torch.no_grad()
def adapt_batch_norm(network: LofiNetwork, batches: Sequence[torch.Tensor], low: bool = False) -> None:
    """Replace ImageNet's batch statistics by those of chest films (B, S, S), averaged over the batches.

    They stay fixed afterwards: a batch of 32 with six strata is too uneven to re-estimate them at every step. ``low``:
    in bfloat16, as weights that are held in it need.
    """
    layers = [module for module in network.image.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if not layers:
        return
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
        layer.train()
    for canvases in batches:
        with torch.autocast(canvases.device.type, torch.bfloat16, enabled=low):
            network.image(network.normalise(canvases))
    for layer in layers:
        layer.eval()


def tokenizers_of(recipe: Recipe, texts: Sequence[str]) -> tuple[str, str, list[int]]:
    """JSON of the text tower's tokenizer and of the language model's, and the ids kept of MiniLM's embedding.

    Parts that start fresh get MiniLM's WordPiece, pruned to ``texts``; parts from the hub bring their own. So does a
    checkpoint, whose embeddings would mean other words under any other vocabulary (nothing is kept of MiniLM's then).
    Raises ValueError where the checkpoint writes boxes in another way.
    """
    settings = recipe.model.language
    if recipe.starts.checkpoint:
        folder = Path(recipe.starts.checkpoint)
        theirs = read_manifest(folder)["config"]["language"]
        if (theirs["locations"], theirs["bins"]) != (settings.locations, settings.bins):
            raise ValueError(
                "the checkpoint to start from writes boxes in another way: set locations and bins as there"
            )
        return (folder / TEXT_TOKENIZER).read_text("utf-8"), (folder / LANGUAGE_TOKENIZER).read_text("utf-8"), []
    bins = settings.bins if settings.locations == "tokens" else None
    text, language, kept = small_tokenizers(texts, bins, least=1, chat=settings.chat)
    tower = recipe.model.text.open_clip
    kind, _, place = recipe.starts.text.partition(":")
    if kind in ("open_clip", "siglip"):
        text = pretrained_tokenizer(place if kind == "siglip" else tower["hf_tokenizer_name"]).to_str()
        text = cut_to_rows(text, text_words(recipe, Tokenizer.from_str(text).get_vocab_size()))
    if (tower.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize":
        text = canonical(Tokenizer.from_str(text)).to_str()
    if recipe.starts.language.startswith(("hub:", "gguf:")):
        if settings.locations == "tokens":
            raise ValueError("a language model with its own tokenizer writes boxes in digits: set locations to digits")
        kind, _, place = recipe.starts.language.partition(":")
        found = pretrained_tokenizer(place, gguf=kind == "gguf").to_str()
        language = named_as_ours(found, their_words(recipe.starts.language))
    if settings.chat and any(Tokenizer.from_str(language).token_to_id(mark) is None for mark in (TURN, TURN_END)):
        raise ValueError(
            f"chat=true needs a language model whose tokenizer knows {TURN} and {TURN_END}, as Gemma's does"
        )
    return text, language, kept


def pretrained_tokenizer(place: str, gguf: bool = False):  # type: ignore[no-untyped-def]
    """The ``tokenizers`` object of a hub id (``owner/name`` or ``owner/name@REVISION``) or a GGUF file."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    path, extra = (Path(place).parent, {"gguf_file": Path(place).name}) if gguf else of_hub(place)
    with told(place):
        try:
            found = AutoTokenizer.from_pretrained(path, **extra)
        except ImportError:
            found = None
        if not hasattr(
            found, "backend_tokenizer"
        ):  # SigLIP's own class wants sentencepiece; tokenizer.json is the same
            found = PreTrainedTokenizerFast.from_pretrained(path, **extra)
        return found.backend_tokenizer


def start(network: LofiNetwork, recipe: Recipe, weights: Path, kept: Sequence[int]) -> bool:
    """Fill the parts from where the recipe says; whether the sigmoid loss's temperature and bias came with them."""
    starts = recipe.starts
    if starts.image == "imagenet":
        load_image_tower(network, weights / "tf_efficientnet_lite0.imagenet.safetensors")
    if starts.text == "minilm" and not starts.checkpoint:
        load_text_tower(network, kept)
    scaled = False
    for place in dict.fromkeys((starts.image, starts.text)):
        load = {"open_clip": load_open_clip, "siglip": load_siglip}.get(place.partition(":")[0])
        if load is not None:
            scaled |= load(network, place, starts.image == place, starts.text == place)
    if starts.language != "fresh":
        network.language.model.load_state_dict(pretrained_language(starts.language, recipe.model.language))
    if starts.checkpoint:
        load_checkpoint(network, Path(starts.checkpoint))
    return scaled or bool(starts.checkpoint)


def load_open_clip(network: LofiNetwork, place: str, image: bool, text: bool) -> bool:
    """The towers of ``open_clip:MODEL:TAG_OR_FILE`` or ``open_clip:hf-hub:ID``, from the hub's cache or the hub.

    Strict: every weight must fit. Where both come, so do temperature and bias.
    """
    import open_clip

    rest = place.removeprefix("open_clip:")
    whole = rest.startswith(("hf-hub:", "local-dir:"))  # a repository or folder with its own weights
    model, tag = (rest, None) if whole else rest.split(":", 1)
    with told(place):
        found = open_clip.create_model(model, pretrained=tag)
    if image:
        fill(network.image.visual, found.visual.state_dict(), place)
    if text:
        fill(network.text, found.text.state_dict(), place)
    return image and text and take_scale(network, found.logit_scale, found.logit_bias)


def load_siglip(network: LofiNetwork, place: str, image: bool, text: bool) -> bool:
    """The towers of ``siglip:FOLDER_OR_ID`` (``@REVISION``), a SiglipModel of transformers; as ``load_open_clip``."""
    folder, extra = of_hub(place.removeprefix("siglip:"))
    with told(place):
        state = read_siglip(folder, **extra)
    if image:
        fill(network.image.visual, tower_state(state, "vision_model"), place)
    if text:
        fill(network.text, tower_state(state, "text_model"), place)
    return image and text and take_scale(network, state["logit_scale"], state["logit_bias"])


def fill(tower: torch.nn.Module, state: Mapping[str, torch.Tensor], place: str) -> None:
    """Load a tower; raises ValueError where its sizes are not the recipe's."""
    own = {name: tuple(value.shape) for name, value in tower.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in state.items()}
    if own != theirs:
        name = next(name for name in {**own, **theirs} if own.get(name) != theirs.get(name))
        raise ValueError(
            f"{place} is of another size than the recipe's tower: {name} is {theirs.get(name)} there, {own.get(name)} "
            "here. Set model.vision.open_clip, model.text.open_clip and preprocessing.side to its sizes."
        )
    tower.load_state_dict(state)


@torch.no_grad()
def take_scale(network: LofiNetwork, log_temperature: torch.Tensor, bias: torch.Tensor | None) -> bool:
    """Take the temperature (its logarithm) and the bias that two towers were trained with; False where one has none."""
    if bias is None:
        return False
    network.log_temperature.fill_(float(log_temperature))
    network.bias.fill_(float(bias))
    return True


def pretrained_language(place: str, settings: LanguageConfig) -> dict[str, torch.Tensor]:
    """The state of a transformers causal model from ``hub:ID``, ``hub:ID@REVISION`` or ``gguf:FILE``, in float32.

    Raises ValueError when it is of another size than the recipe's.
    """
    from transformers import AutoModelForCausalLM

    folder, extra = folder_of(place)
    with told(place):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **extra)
    for key in ("hidden_size", "num_hidden_layers", "intermediate_size"):
        if getattr(model.config, key) != settings.transformers[key]:
            raise ValueError(f"the recipe's {key} is {settings.transformers[key]}, there {getattr(model.config, key)}")
    return dict(model.state_dict())


def load_checkpoint(network: LofiNetwork, folder: Path) -> int:
    """Weights of a LoFi checkpoint wherever name and shape agree (other query counts differ); how many were taken.

    Raises ValueError when none agrees.
    """
    read_manifest(folder)
    own = network.state_dict()
    fits = {
        name: value.float()
        for name, value in load_file(folder / WEIGHTS).items()
        if name in own and own[name].shape == value.shape
    }
    if not fits:
        raise ValueError("no weight of that checkpoint fits this recipe's model")
    network.load_state_dict(fits, strict=False)
    return len(fits)


@torch.no_grad()
def start_bias(network: LofiNetwork, bias: float | None, targets: Sequence[torch.Tensor]) -> None:
    """Set the sigmoid loss's bias: the recipe's, else from the share of positives among known pairs."""
    if bias is None:
        known = torch.cat([found.flatten() for found in targets])
        known = known[known != 0]
        bias = sigmoid_bias(float((known > 0).float().mean()))
    network.bias.fill_(bias)
