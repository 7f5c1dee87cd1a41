"""What a recipe states: every number of a training run, as frozen values."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, get_args

from lofi.network.config import ModelConfig
from train.feeding.augment import Augmentation


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of the parts; 0 freezes a part. ``language`` None: the language model learns as ``new``."""

    image: float = 4e-4
    text: float = 5e-5
    new: float = 1e-3
    language: float | None = None


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (arXiv 2106.09685) on the layers whose whole name matches ``layers``; the rest is frozen."""

    rank: int
    alpha: float
    layers: str


@dataclass(frozen=True)
class Starts:
    """Where the parts start.

    ``image``: "fresh", "imagenet" (timm's file beside the project), "open_clip:MODEL:TAG", "open_clip:hf-hub:ID" or
    "siglip:FOLDER_OR_ID" (transformers' SiglipModel). ``text``: the same, with "minilm" for "imagenet"; where both
    towers are of one place, the temperature and the bias of its sigmoid loss come with them.
    ``language``: "fresh", "hub:ID", "hub:ID@REVISION" or "gguf:FILE".
    ``checkpoint``: a LoFi checkpoint whose weights are taken last, wherever name and shape agree.
    """

    image: str = "imagenet"
    text: str = "minilm"
    language: str = "fresh"
    checkpoint: str = ""


@dataclass(frozen=True)
class Recipe:
    """One training run. ``shares`` gives each stratum's share of a batch (train.feeding.sampling names the strata).

    The first ``early_share`` of the steps sees canvases shrunk to ``early_side``: half the cost, and what is learnt
    carries over, since the tower is convolutional and positions are relative to the canvas.

    Boxes that have a sentence of their own are asked for and described by it; among them ``templates`` of the phrases
    are made from labels, on average (1: all of them; records without sentences know nothing else).

    ``epochs`` above 0 decides the number of steps. ``shares`` empty: every film once an epoch, a film without a
    positive label swapped for a random one with chance ``swap_normal``. ``report_sentences`` 0: sentences are made
    from labels; else each report gives so many, ``sentences`` "sampled" or "pooled" into one embedding; two sentences
    whose words overlap by ``near_identical`` (Jaccard) are positives of each other's films. ``bias`` None: the
    sigmoid loss starts at that of its towers, else at log(p / (1 − p)) of the first batches. ``bits``: 16 holds what is
    frozen in bfloat16, 8 or 4 quantises the language model beside; in 8 bits, inputs beyond ``int8_threshold`` are
    multiplied in 16 (0: none; at 6 half of Gemma's are, and each layer asks the GPU which). ``chunk`` sentences and
    ``head_chunk`` answer places at a time go through the loss. ``split_attention``: q, k and v of both towers are
    layers of their own.
    ``location`` adds the two directions of location-aware captioning as their "mean" or "sum", or leaves them
    "off"; ``location_weight`` 0 leaves the sigmoid loss alone. ``precision``: "mixed" keeps the image tower in
    float32, "bf16" and "float32" rule everywhere. ``own_streams`` gives each film of a step its own random
    stream, so that several processes share a batch without building it all.
    ``skips``: so many steps running whose loss or gradient is not finite are left out (weights and moments stay as they
    are) before the run stops. A process that does not answer the others for ``patience_minutes`` ends the run.
    ``checkpointing`` None: where a GPU's memory asks for it, by train.plan's count.
    ``compile``: a backend of torch.compile, such as "inductor", for the blocks of towers and language model; each
    film then has a row of its own, padded to a multiple of 128 places, so that few graphs are compiled.
    ``films``: how many films are generated where a smoke run is given no record file. ``heat_weight`` above 0 adds the
    heat-map loss of ``heat_phrases`` phrases a film on patches ``heat_cell`` pixels wide (``model.local`` must be on).
    """

    name: str
    model: ModelConfig
    shares: dict[str, float]
    batch: int = 32
    steps: int = 2000
    warmup: int = 100
    rates: Rates = field(default_factory=Rates)
    weight_decay: float = 0.02
    clip: float = 1.0
    location_weight: float = 5.0
    box_weight: float = 1.0
    bin_sigma: float = 2.0
    questions: int = 8
    early_side: int = 224
    early_share: float = 0.65
    templates: float = 0.2
    sided_sentences: int = 8
    frozen_stages: int = 2
    trained_text_layers: int | None = 2
    ema: float = 0.998
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    minutes_between_checkpoints: float = 5.0
    minutes_between_evaluations: float = 12.0
    patience_minutes: float = 10.0
    skips: int = 0
    epochs: float = 0.0
    swap_normal: float = 0.0
    starts: Starts = field(default_factory=Starts)
    image_lora: Lora | None = None
    text_lora: Lora | None = None
    language_lora: Lora | None = None
    split_attention: bool = False
    bits: int = 32
    int8_threshold: float = 0.0
    precision: str = "mixed"
    contrast: str = "sigmoid"
    chunk: int = 4096
    head_chunk: int = 1024
    bias: float | None = -2.0
    location: str = "mean"
    report_sentences: int = 0
    sentences: str = "sampled"
    near_identical: float = 0.8
    own_streams: bool = False
    accumulate: int = 1
    checkpointing: bool | None = False
    compile: str = ""
    betas: tuple[float, float] = (0.9, 0.98)
    last_rate: float = 0.02
    workers: int = 1
    evaluated_films: int | None = None
    films: int = 0
    heat_weight: float = 0.0
    heat_phrases: int = 4
    heat_cell: int = 16


CHOICES = {
    "bits": (32, 16, 8, 4),
    "precision": ("mixed", "bf16", "float32"),
    "contrast": ("sigmoid", "softmax"),
    "location": ("mean", "sum", "off"),
    "sentences": ("sampled", "pooled"),
}
DIGIT_BOX = 21
"""Tokens of the longest box in digits, ``[999,999,1000,1000],``, one a character, the comma after it counted."""


def checked(recipe: Recipe) -> Recipe:
    """The recipe itself. Raises ValueError when two of its numbers cannot both be meant."""
    for name, allowed in CHOICES.items():
        if getattr(recipe, name) not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, not {getattr(recipe, name)!r}")
    if recipe.batch % recipe.accumulate:
        raise ValueError(f"a batch of {recipe.batch} does not divide into {recipe.accumulate} equal parts")
    if not 0 <= recipe.templates <= 1:
        raise ValueError(f"templates is a share between 0 and 1, not {recipe.templates}")
    if recipe.bits == 16 and recipe.precision != "bf16":
        raise ValueError("bits=16 holds frozen weights in bfloat16: set precision=bf16, or bits=32")
    if recipe.shares and recipe.swap_normal:
        raise ValueError("strata with shares leave no film to swap: empty shares, or set swap_normal to 0")
    language = recipe.model.language
    if language.chat and language.locations == "tokens":
        raise ValueError("a chat's turns are written with marks of their own: chat goes with locations=digits")
    needed = 2 + language.max_boxes * (DIGIT_BOX if language.locations == "digits" else 5)
    if needed > language.max_answer:
        raise ValueError(f"{language.max_boxes} boxes need {needed} tokens, max_answer is {language.max_answer}")
    return recipe


def with_settings(recipe: Recipe, settings: dict[str, str]) -> Recipe:
    """The recipe with numbers replaced by ``--set name=value``; dots lead inside: ``model.connector.queries=128``.

    Raises ValueError on an unknown name or a value of another kind.
    """
    for name, text in settings.items():
        recipe = _set(recipe, name.split("."), text, name)
    return recipe


def _set(value: Any, path: Sequence[str], text: str, name: str) -> Any:
    if isinstance(value, dict):  # a tower as open_clip or transformers describes it
        if len(path) > 1 and isinstance(value.get(path[0]), dict):
            return {**value, path[0]: _set(value[path[0]], path[1:], text, name)}
        if len(path) > 1 or path[0] not in {*value, *_TOWER_SETTINGS}:
            raise ValueError(f"the recipe has no setting {name!r}")
        return {**value, path[0]: _in_json(text)}
    if not is_dataclass(value) or path[0] not in value.__dataclass_fields__:
        raise ValueError(f"the recipe has no setting {name!r}")
    old = getattr(value, path[0])
    if len(path) > 1:
        return replace(value, **{path[0]: _set(old, path[1:], text, name)})  # type: ignore[type-var]
    kind = value.__dataclass_fields__[path[0]].type
    kinds = get_args(kind) or (kind,)
    if bool in kinds and text.lower() in ("true", "false"):
        return replace(value, **{path[0]: text.lower() == "true"})  # type: ignore[type-var]
    if bool in kinds and type(None) in kinds and text.lower() == "auto":
        return replace(value, **{path[0]: None})  # type: ignore[type-var]
    if isinstance(old, bool) or not isinstance(old, int | float | str):
        raise ValueError(f"{name} is not a plain number or word: change it in the recipe file")
    return replace(value, **{path[0]: type(old)(text)})  # type: ignore[type-var]


_TOWER_SETTINGS = ("pad_id", "image_size", "mlp_ratio", "timm_pool", "timm_proj", "tokenizer_kwargs", "proj_bias")
"""Settings of open_clip's towers that a recipe may leave at their defaults."""


def _in_json(text: str) -> Any:
    """A number, true or false, a list or an object as JSON has it; else the word itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
