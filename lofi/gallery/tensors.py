"""safetensors files mapped into memory: nothing is read before it is used.

The format is a length of 8 bytes, a JSON header that names each tensor's type, shape and bytes, and these. The header
is checked value by value, so that no array can reach beyond the file.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lofi.files import plain

HEADER_LIMIT = 1_000_000
_TYPES = {"F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}


def mapped(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in a file, read-only. Raises Unfit where it is no such file, and OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(HEADER_LIMIT, size - 8):
            raise plain.Unfit("its header is no header")
        header = plain.parse_object(file.read(length))
    header.pop("__metadata__", None)
    start = 8 + length
    whole = np.memmap(path, np.uint8, "r", start, (size - start,)).view(np.ndarray) if size > start else _NOTHING
    return {name: _array(whole, plain.mapping(about, "a tensor")) for name, about in header.items()}


_NOTHING = np.zeros(0, np.uint8)


def _array(whole: NDArray[np.uint8], about: Any) -> NDArray[Any]:
    kind = _TYPES.get(str(about.get("dtype")))
    shape, ends = about.get("shape"), about.get("data_offsets")
    if kind is None or not isinstance(shape, list) or not isinstance(ends, list) or len(shape) > 4 or len(ends) != 2:
        raise plain.Unfit("a tensor is not of a known form")
    sizes = [plain.whole(side, "shape", 0, 2**40) for side in shape]
    first, last = (plain.whole(end, "data_offsets", 0, len(whole)) for end in ends)
    if last - first != math.prod(sizes) * np.dtype(kind).itemsize:
        raise plain.Unfit("a tensor's bytes do not fit its shape")
    array = whole[first:last].view(kind).reshape(sizes)
    array.setflags(write=False)
    return array
