"""Plain JSON values out of files that nobody vouches for: read with limits, checked by hand, never believed.

Every problem is one ``Unfit``; whoever reads the file says which file it is and what to do.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

DEEPEST = 32


class Unfit(ValueError):
    """The text or a value in it is not what was expected. Its message names a field, never a value."""


def read_object(path: Path, longest: int) -> dict[str, Any]:
    """The JSON object in a UTF-8 file of at most ``longest`` bytes. Raises Unfit, and OSError where it cannot be read.

    Refused beside what is no JSON: a name that comes twice (two readers would each believe another one), NaN and
    Infinity, which are no JSON, and values nested deeper than any of ours.
    """
    with path.open("rb") as file:
        data = file.read(longest + 1)
    if len(data) > longest:
        raise Unfit("it is too long")
    return parse_object(data)


def parse_object(data: bytes | str) -> dict[str, Any]:
    """As ``read_object``, of bytes or text."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        values = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except Unfit:
        raise
    except (ValueError, RecursionError):
        raise Unfit("it is no JSON") from None
    if not isinstance(values, dict):
        raise Unfit("it holds no object")
    if _depth(values) > DEEPEST:
        raise Unfit("it is nested too deeply")
    return values


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise Unfit("a name comes twice")
    return values


def _no_number(_: str) -> NoReturn:
    raise Unfit("a number is not finite")


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted up to one more than DEEPEST."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)
                 if isinstance(part, dict | list)]  # fmt: skip
        depth += 1
    return depth


def whole(value: object, name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Unfit(f"{name} must be a whole number from {low:,} to {high:,}")
    return value


def number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from ``low`` to ``high``."""
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not -1e300 < value < 1e300 or not low <= value <= high:  # type: ignore[operator]
        raise Unfit(f"{name} must be a finite number" + ("" if math.isinf(low) else f" from {low:g} to {high:g}"))
    return float(value)  # type: ignore[arg-type]


def text(value: object, name: str, longest: int = 200) -> str:
    """Text of at most ``longest`` characters."""
    if not isinstance(value, str) or len(value) > longest:
        raise Unfit(f"{name} must be text of at most {longest:,} characters")
    return value


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise Unfit(f"{name} must be an object")
    return value


def sha256(value: object, name: str) -> str:
    """64 hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise Unfit(f"{name} must be the sha256 of a file")
    return value
