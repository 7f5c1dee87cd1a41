"""How large a network's parts may be told to be, and what a description may not ask for.

A checkpoint's configuration is data from elsewhere. It must neither take memory that its weights never fill nor send
a library to a hub or to code that lies there.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lofi.files import plain

_SIZES: dict[str, tuple[int, int]] = {
    "embed_dim": (1, 16_384),
    "side": (16, 4_096),
    "detail": (0, 65_536),
    "width": (1, 16_384),
    "context": (2, 8_192),
    "queries": (1, 4_096),
    "pool": (1, 16),
    "heads": (1, 256),
    "layers": (0, 256),
    "bins": (2, 10_000),
    "max_boxes": (1, 1_000),
    "max_answer": (1, 8_192),
    "shots": (0, 64),
    "levels": (0, 16),
}
"""Lowest and highest value of each whole number; several times what the paper's own sizes are."""
_WORDS = {"kind": ("resampler", "grid", "separate"), "locations": ("tokens", "digits")}
_LARGEST, _MOST_LAYERS, _LONGEST = 2**24, 512, 4_096
_NO_WEIGHTS = re.compile("_ids?$|layer|depth|position|context|window|theta|vocab|rope|scalar|drop|image|patch")
"""Whole numbers of a description that are no width of a matrix."""
_REPEATED = re.compile("layer|depth|expert|block")
_TIMM = re.compile(r"[A-Za-z0-9_.]{1,100}")
_FETCHES = {"auto_map", "hf_model_name", "trust_remote_code", "quantization_config", "_name_or_path"}


def check_part(part: str, values: Mapping[str, Any]) -> None:
    """The settings of one of lofi.network.config's dataclasses, types already checked. Raises plain.Unfit."""
    for name, (low, high) in _SIZES.items():
        found = values.get(name, low)
        for one in found if isinstance(found, tuple) else (found,):
            plain.whole(one, name, low, high)
    for name, words in _WORDS.items():
        if name in values and values[name] not in words:
            raise plain.Unfit(f"{name} must be one of {', '.join(words)}")
    if part == "Preprocessing":
        low, high = values.get("low", 0.0), values.get("high", 100.0)
        if not 0 <= low < high <= 100:
            raise plain.Unfit("low and high must be two percentiles in their order")
        if not all(1e-3 <= one <= 1e3 for one in values.get("std", ())):
            raise plain.Unfit("std must be positive")


def check_tower(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A description for open_clip or transformers, which take any key. Raises plain.Unfit."""
    for key, value in _leaves(values, ""):
        if key in _FETCHES:
            raise plain.Unfit(f"{name} may not name anything to be fetched")
        if key == "timm_model_name" and not (isinstance(value, str) and _TIMM.fullmatch(value)):
            raise plain.Unfit(f"{name} must name a model of timm's own")
        if isinstance(value, str):
            plain.text(value, name)
        elif isinstance(value, int) and not isinstance(value, bool):
            plain.whole(value, name, -_LARGEST, _MOST_LAYERS if _REPEATED.search(key) else _LARGEST)
        elif value is not None and not isinstance(value, bool):
            plain.number(value, name)
    return dict(values)


def _leaves(value: Any, key: str) -> Iterable[tuple[str, Any]]:
    """Every value that holds no others, with the key it stands under; keys of objects beside themselves."""
    if isinstance(value, Mapping):
        if len(value) > _LONGEST or not all(isinstance(inner, str) for inner in value):
            raise plain.Unfit("an object holds too much")
        for inner, held in value.items():
            if isinstance(held, Mapping | list | tuple):
                yield inner, None
            yield from _leaves(held, inner)
    elif isinstance(value, list | tuple):
        if len(value) > _LONGEST:
            raise plain.Unfit("a list is too long")
        for held in value:
            yield from _leaves(held, key)
    else:
        yield key, value


def tower_numbers(values: Any) -> int:
    """So many weights a tower has at least that open_clip or transformers builds of this description.

    Its words take one row each of an embedding; each layer has a matrix between its width and every other width.
    """
    if not isinstance(values, Mapping):
        return 0
    whole = {key: one for key, one in values.items() if isinstance(one, int) and not isinstance(one, bool) and one > 0}
    width = max((whole.get(key, 1) for key in ("hidden_size", "width", "n_embd", "d_model")), default=1)
    layers = whole.get("num_hidden_layers", whole.get("layers", 1))
    widths = [one for key, one in whole.items() if not _NO_WEIGHTS.search(key)]
    ratio = values.get("mlp_ratio", 0)
    widths.append(int(width * ratio) if isinstance(ratio, int | float) else 0)
    return width * whole.get("vocab_size", 1) + layers * width * max(widths)
