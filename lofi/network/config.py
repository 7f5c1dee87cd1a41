"""Small frozen dataclasses; a checkpoint's manifest holds exactly these."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from lofi.errors import CheckpointError

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """The one way from a film to the tower: percentile stretch, letterbox, normalise.

    Saved with the weights, used by training, indexing and the app alike (lofi.network.preprocess).
    ``low`` and ``high`` are percentiles of the film's own pixels that become 0 and 1.
    """

    side: int = 320
    low: float = 0.5
    high: float = 99.5
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class VisionConfig:
    """Image tower: an open_clip ``vision_cfg`` and what of its feature maps becomes patches.

    ``levels`` names the timm feature levels fused into the patch grid (strides 16 and 32 are 3 and 4);
    empty for a vision transformer, whose own patch tokens are taken. ``width`` is the patch width D.
    """

    open_clip: dict[str, Any] = field(default_factory=dict)
    levels: tuple[int, ...] = (3, 4)
    width: int = 256


@dataclass(frozen=True)
class TextConfig:
    """Text tower: an open_clip ``text_cfg``; tokens a sentence is cut to."""

    open_clip: dict[str, Any] = field(default_factory=dict)
    context: int = 48


@dataclass(frozen=True)
class ConnectorConfig:
    """Resampler from patches to ``queries`` prefix embeddings."""

    queries: int = 64
    heads: int = 8
    layers: int = 2
    kind: str = "resampler"
    """"resampler", "grid" (its queries start as the means of an n × n grid of patches) or "separate" (the paper's)."""


@dataclass(frozen=True)
class LanguageConfig:
    """Causal language model: a transformers config as a dict (with ``model_type``).

    ``locations`` is "tokens" (one new token a coordinate bin) or "digits" (plain numbers, the paper's).
    """

    transformers: dict[str, Any] = field(default_factory=dict)
    locations: str = "tokens"
    bins: int = 128
    max_boxes: int = 8
    max_answer: int = 96


@dataclass(frozen=True)
class ModelConfig:
    """Everything that is needed to build a LofiModel of any size."""

    name: str = "lofi-mini"
    embed_dim: int = 256
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    vision: VisionConfig = field(default_factory=VisionConfig)
    text: TextConfig = field(default_factory=TextConfig)
    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)
    shots: int = 0
    """Examples in context that the language model was trained to use (lofi.grounding); 0: it was not."""
    local: bool = False
    """Whether the patches too have a place in the space of images and texts: phrase → heat map."""


def to_dict(config: Any) -> dict[str, Any]:
    """A nested dataclass as plain JSON values."""
    return asdict(config)


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """The dataclass ``kind`` from ``to_dict``'s output. Raises CheckpointError on a key it does not know."""
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(values) - known:
        raise CheckpointError(f"The configuration holds unknown settings {sorted(unknown)}: use a newer lofi.")
    built: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if is_dataclass(hint) and isinstance(value, dict):
            value = from_dict(hint, value)  # type: ignore[arg-type]
        elif isinstance(value, list):
            value = tuple(value)
        built[name] = value
    return kind(**built)
