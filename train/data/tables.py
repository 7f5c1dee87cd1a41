"""Tables and JSON of published sets: plain or gzipped, in whatever encoding the last spreadsheet left them."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery

_CELL_LIMIT = 10_000_000


def find(root: Path, *patterns: str) -> Path | None:
    """The first existing path among glob patterns below ``root``, the first of a pattern in order of name."""
    return next((path for pattern in patterns for path in sorted(root.glob(pattern))), None)


def need(root: Path, *patterns: str) -> Path:
    """As ``find``; raises BadQuery that names what was looked for."""
    path = find(root, *patterns)
    if path is None:
        raise BadQuery(f"The folder of the set lacks {' or '.join(patterns)}.")
    return path


def decoded(data: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with its mark, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error):
        raise BadQuery(f"{path.name} cannot be read.") from None


def table(path: Path, needed: Sequence[str], delimiter: str = ",") -> Iterator[dict[str, str]]:
    """The rows of a CSV; column names in lower case, values stripped, missing cells "".

    Raises BadQuery when a needed column is missing.
    """
    csv.field_size_limit(_CELL_LIMIT)
    text = decoded(_bytes(path)).replace("\x00", "")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [" ".join(name.casefold().split()) for name in next(rows, [])]
    if missing := [name for name in needed if name not in names]:
        raise BadQuery(f"{path.name} lacks the columns {', '.join(missing)}.")
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                cells = [cell.strip() for cell in row] + [""] * (len(names) - len(row))
                yield {name: cell for name, cell in zip(names, cells, strict=False) if name}
    except csv.Error:
        raise BadQuery(f"{path.name} is damaged: a cell does not end.") from None


def document(data: bytes, name: str) -> Any:
    """The JSON in ``data``; NaN is read as Python reads it. Raises BadQuery with the file's name."""
    try:
        return json.loads(decoded(data))
    except (ValueError, RecursionError):
        raise BadQuery(f"{name} is not JSON.") from None


def read_json(path: Path) -> Any:
    """The JSON of a file, plain or gzipped. Raises BadQuery."""
    return document(_bytes(path), path.name)


def number(text: object) -> float | None:
    """A float, or None for what is none ("", "nan")."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return value if value == value else None
