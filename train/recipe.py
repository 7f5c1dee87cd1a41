"""What a recipe states: every number of a training run, as frozen values."""

from dataclasses import dataclass, field, replace
from typing import Any

from lofi.config import ModelConfig
from train.augment import Augmentation


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of the parts; 0 freezes a part."""

    image: float = 4e-4
    text: float = 5e-5
    new: float = 1e-3


@dataclass(frozen=True)
class Recipe:
    """One training run. ``shares`` gives each stratum's share of a batch (train.sampling names the strata).

    The first ``early_share`` of the steps sees canvases shrunk to ``early_side``: half the cost, and what is learnt
    carries over, since the tower is convolutional and positions are relative to the canvas.
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
    sided_sentences: int = 8
    frozen_stages: int = 2
    trained_text_layers: int = 2
    ema: float = 0.998
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    minutes_between_checkpoints: float = 5.0
    minutes_between_evaluations: float = 12.0


def with_settings(recipe: Recipe, settings: dict[str, str]) -> Recipe:
    """The recipe with top-level numbers replaced by ``--set name=value``. Raises ValueError on an unknown name."""
    changes: dict[str, Any] = {}
    for name, text in settings.items():
        if not hasattr(recipe, name):
            raise ValueError(f"the recipe has no setting {name!r}")
        kind = type(getattr(recipe, name))
        if kind not in (int, float, str):
            raise ValueError(f"{name} is not a plain number or word: change it in the recipe file")
        changes[name] = kind(text)
    return replace(recipe, **changes)
