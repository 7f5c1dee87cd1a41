"""Small frozen dataclasses; a checkpoint's manifest holds exactly these."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lofi.errors import CheckpointError
from lofi.files import plain
from lofi.network.limits import check_part, check_tower, tower_numbers

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """The one way from a film to the tower: percentile stretch, letterbox, normalise.

    Saved with the weights, used by training, indexing and the app alike (lofi.network.preprocess).
    ``low`` and ``high`` are percentiles of the film's own pixels that become 0 and 1. ``detail``: a film whose longer
    side has more pixels is first brought down to so many, whatever it came with (0: it is not), so that how sharp it
    was tells the network nothing.
    """

    side: int = 320
    low: float = 0.5
    high: float = 99.5
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    detail: int = 0


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
    pool: int = 1
    """So many by so many patches are averaged before the queries see them (2 in the authors' later code)."""


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
    chat: bool = False
    """Whether a question stands in Gemma's chat template, the film inside the user's turn (lofi.network.text.Talk)."""


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
    """The dataclass ``kind`` from ``to_dict``'s output, which anybody may have written.

    A setting that is missing takes its default: older checkpoints have fewer. Raises CheckpointError on a key it does
    not know, a value of another type and a size that no network of ours has, before anything of that size is made.
    """
    try:
        return _built(kind, values, "the configuration")
    except plain.Unfit as error:
        raise CheckpointError(f"The checkpoint's configuration cannot be used, {error}: fetch it again.") from None


def _built(kind: type[T], values: object, place: str) -> T:
    given = plain.mapping(values, place)
    hints = get_type_hints(kind)
    if unknown := set(given) - {item.name for item in fields(kind)}:  # type: ignore[arg-type]
        raise CheckpointError(f"The configuration holds {len(unknown)} unknown settings: use a newer lofi.")
    built = {name: _typed(hints[name], value, name) for name, value in given.items()}
    check_part(kind.__name__, built)
    return kind(**built)


def _typed(hint: Any, value: Any, name: str) -> Any:
    """The value as its field has it."""
    if is_dataclass(hint):
        return _built(hint, value, name)  # type: ignore[arg-type]
    if get_origin(hint) is dict:
        return check_tower(plain.mapping(value, name), name)
    if get_origin(hint) is tuple:
        inner, *rest = get_args(hint)
        if not isinstance(value, list | tuple) or len(value) > 64 or (... not in rest and len(value) != 1 + len(rest)):
            raise plain.Unfit(f"{name} must be a list of the length it is written with")
        return tuple(_typed(inner, item, name) for item in value)
    if hint is bool and not isinstance(value, bool):
        raise plain.Unfit(f"{name} must be true or false")
    if hint is float:
        return plain.number(value, name)
    if hint is int:
        return plain.whole(value, name, -1, 2**31)
    return plain.text(value, name) if hint is str else value


def least_numbers(config: ModelConfig) -> int:
    """So many weights a network of this configuration has at least."""
    width, connector = config.vision.width, config.connector
    described = config.text.open_clip.get("hf_config", config.text.open_clip)
    blocks = connector.queries if connector.kind == "separate" else connector.layers
    towers = tower_numbers(config.language.transformers) + tower_numbers(described)
    # A block's feed-forward layer alone is twice 4·D²; each query is one of D.
    return (
        towers + blocks * 8 * width**2 + connector.queries * width + (width * config.embed_dim if config.local else 0)
    )
