"""Where parts come from, as a recipe names it: the hub with its revisions, folders and files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from lofi.network.checkpoint import pinned
from train.pretraining.recipe import Starts


def folder_of(place: str) -> tuple[str | Path, dict[str, str]]:
    """What transformers takes for ``hub:ID``, ``hub:ID@REVISION`` or ``gguf:FILE``."""
    kind, _, name = place.partition(":")
    return (Path(name).parent, {"gguf_file": Path(name).name}) if kind == "gguf" else of_hub(name)


def of_hub(place: str) -> tuple[str, dict[str, str]]:
    """A hub id without its revision, and the revision as transformers takes it. A folder may have an @ in its name."""
    name, revision = (place, None) if Path(place).is_dir() else pinned(place)
    return name, {"revision": revision} if revision else {}


def origins(starts: Starts, cache: Path | None = None) -> dict[str, str]:
    """Where each part started, to be written into checkpoints: a hub's id with the commit taken, a file by its name.

    open_clip takes no revision: its weights are pinned by a file, ``open_clip:MODEL:FILE``.
    """
    found = {name: _without_folder(str(place)) for name, place in asdict(starts).items() if place}
    for part, stated in (("image", starts.image), ("text", starts.text), ("language", starts.language)):
        kind, _, place = stated.partition(":")
        if kind in ("hub", "siglip") and not Path(place).is_dir():
            name, extra = of_hub(place)
            file = try_to_load_from_cache(name, "config.json", cache_dir=cache, revision=extra.get("revision"))
            found[part] = f"{kind}:{name}@{Path(file).parent.name}" if isinstance(file, str) else stated
    return found


def _without_folder(place: str) -> str:
    """``gguf:/somewhere/a.gguf`` as ``gguf:a.gguf``: a checkpoint is handed on, folders are nobody's business."""
    if ":hf-hub:" in place:
        return place
    kind, colon, rest = place.rpartition(":")
    return f"{kind}{colon}{Path(rest).name}"


@contextmanager
def told(place: str) -> Iterator[None]:
    """Say in words that weights or a tokenizer cannot be had. Raises ValueError."""
    try:
        yield
    except (
        OSError,
        RuntimeError,
        ImportError,
    ) as error:  # a hub out of reach, no such repository or file, or a damaged one
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{place} could not be loaded: {reason} Give a folder on this machine, or fetch it where there is a net."
        ) from None
