"""JSON files of a set, one a study or film: from a folder where they were unpacked, else straight from the zip."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery
from train.data.request import Tally
from train.data.tables import document


def members(folder: Path, archive: Path, suffix: str, tally: Tally) -> Iterator[tuple[str, Any]]:
    """(file name without ``suffix``, its JSON) in order of path; None in place of JSON that cannot be read."""
    paths = sorted(folder.rglob(f"*{suffix}")) if folder.is_dir() else []
    if paths:
        tally.expected = len(paths)
        for tally.at, path in enumerate(paths, start=1):
            yield path.name.removesuffix(suffix), _json(path.read_bytes())
        return
    if not archive.is_file():
        raise BadQuery(f"The folder of the set lacks {folder.name} (with files *{suffix}) or {archive.name}.")
    try:
        with zipfile.ZipFile(archive) as packed:
            names = sorted(name for name in packed.namelist() if name.endswith(suffix))
            tally.expected = len(names)
            for tally.at, name in enumerate(names, start=1):
                yield name.rsplit("/", 1)[-1].removesuffix(suffix), _json(packed.read(name))
    except zipfile.BadZipFile:
        raise BadQuery(f"{archive.name} is damaged.") from None


def _json(data: bytes) -> Any:
    try:
        return document(data, "a scene graph")
    except BadQuery:
        return None


def listed(value: object) -> list[Any]:
    """A JSON list as it is; [] for anything else."""
    return value if isinstance(value, list) else []


def objects(values: object) -> list[dict[str, Any]]:
    """The JSON objects in a list, or in an object in the order of its keys; [] for anything else."""
    if isinstance(values, dict):
        values = [values[key] for key in sorted(values)]
    return [value for value in listed(values) if isinstance(value, dict)]
