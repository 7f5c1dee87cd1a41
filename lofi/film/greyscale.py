"""From a stored DICOM value to the shown one: modality, then values of interest, then polarity, each once.

The whole chain depends on the stored value alone, so it is worked out once for each of the at most 65,536 values
and looked up: exact, at full depth, and quick on a film of any size. PS3.3 C.11.1, C.11.2 and C.11.6.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lofi.errors import UnreadableFilm
from lofi.film.elements import Elements, damaged

_STRIPE = 2**20
_LARGEST = 1e9


@dataclass(frozen=True)
class Stored:
    """(H, W) uint16 ``index`` of each pixel into the stored values, which begin at ``lowest``."""

    index: NDArray[np.uint16]
    bits: int
    lowest: int


def render(stored: Stored, elements: Elements) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """(H, W) float32 in 0–1, white = dense, and the stored values that are shown black and white.

    Raises UnreadableFilm where the header's numbers make no sense.
    """
    modality = _modality(np.arange(2**stored.bits) + stored.lowest, elements, stored.lowest < 0)
    padding = _padding(elements, stored)
    first, last = _range(stored.index, padding)
    shown = _values_of_interest(modality, elements, first, last)
    if elements.text(0x0028_0004) == "MONOCHROME1" or elements.text(0x2050_0020) == "INVERSE":
        # PS3.3 wants both together; they are one inversion, whichever of them is there.
        shown = 1.0 - shown
    ends = _ends(shown[first : last + 1], stored.lowest + first)
    if padding is not None:
        shown[padding] = 0.0
    return _look_up(shown.astype(np.float32), stored.index), ends


def _ends(shown: NDArray[np.float64], lowest: int) -> tuple[int, int]:
    """The stored values between which ``shown`` goes from black to white; ``lowest`` is that of its first entry.

    Exact for the linear chain of almost every radiograph; of a table or a sigmoid, its two ends.
    """
    falls = shown[0] > shown[-1]
    rising = shown[::-1] if falls else shown
    black = int(np.flatnonzero(rising <= rising.min())[-1]) if rising[0] < rising[-1] else 0
    white = int(np.flatnonzero(rising >= rising.max())[0]) if rising[0] < rising[-1] else len(rising) - 1
    if falls:
        black, white = len(shown) - 1 - black, len(shown) - 1 - white
    return lowest + black, lowest + white


def _look_up(table: NDArray[np.float32], index: NDArray[np.uint16]) -> NDArray[np.float32]:
    """table[index] in stripes: numpy widens indices to 8 bytes each, 700 MB on the largest film."""
    result = np.empty(index.shape, dtype=np.float32)
    flat, source = result.reshape(-1), index.reshape(-1)
    for at in range(0, flat.size, _STRIPE):
        flat[at : at + _STRIPE] = table[source[at : at + _STRIPE]]
    return result


def _modality(stored: NDArray[np.int64], elements: Elements, signed: bool) -> NDArray[np.float64]:
    """Output units of each stored value: a lookup table or slope · value + intercept."""
    if (item := elements.items.get(0x0028_3000)) is not None and item.values:
        return _look_up_table(stored.astype(np.float64), item, signed)[0]
    slope = (elements.decimals(0x0028_1053) or (1.0,))[0]
    intercept = (elements.decimals(0x0028_1052) or (0.0,))[0]
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored * slope + intercept
    if slope == 0 or not np.all(np.isfinite(values)) or np.abs(values).max() > _LARGEST:
        raise damaged("its rescale slope and intercept give no usable values")
    return np.asarray(values, dtype=np.float64)


def _look_up_table(values: NDArray[np.float64], item: Elements, signed: bool) -> tuple[NDArray[np.float64], int]:
    """Each value through a LUT item, ends held, and the greatest output its bits allow."""
    descriptor, data = bytes(item.values.get(0x0028_3002, b"")), bytes(item.values.get(0x0028_3006, b""))
    order = "<" if item.little else ">"
    if len(descriptor) != 6:
        raise damaged("its lookup table has no descriptor")
    count, _, bits = struct.unpack(order + "3H", descriptor)
    (first,) = struct.unpack_from(order + ("h" if signed else "H"), descriptor, 2)
    count = count or 65536
    wide = len(data) >= 2 * count
    if bits not in range(8, 17) or len(data) < count:
        raise damaged("its lookup table is shorter than its descriptor says")
    table = np.frombuffer(data, dtype=order + "u2" if wide else "u1", count=count).astype(np.float64)
    place = np.clip(np.round(values - first), 0, count - 1).astype(np.int64)
    return table[place], int(max(2**bits - 1, table.max()))


def _values_of_interest(values: NDArray[np.float64], elements: Elements, first: int, last: int) -> NDArray[np.float64]:
    """0–1 by the VOI LUT, else the first window, else the film's own range (indices ``first`` to ``last``)."""
    if (item := elements.items.get(0x0028_3010)) is not None and item.values:
        # The first mapped value is signed where the modality's output can be negative.
        output, greatest = _look_up_table(values, item, signed=bool(values.min() < 0))
        return output / greatest
    centers, widths = elements.decimals(0x0028_1050), elements.decimals(0x0028_1051)
    # Without values of interest the range is the film's, not that of its bits: twelve-bit detectors often fill a
    # fraction of sixteen.
    if not centers or not widths:
        return _full_range(values, first, last)
    function = elements.text(0x0028_1056)
    shown = window(values, centers[0], widths[0], function)
    if first < last and np.ptp(shown[first : last + 1]) == 0:
        # A window that misses every pixel shows nothing: a writer's mistake, as if there were none.
        return _full_range(values, first, last)
    # The part of a linear window that no pixel reaches is dropped: brightness of a radiograph has no absolute
    # meaning, and a film and its inverse then look the same although writers give both the same window.
    return shown if function == "SIGMOID" else _full_range(shown, first, last)


def window(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """0–1 of ``values`` by a window: "LINEAR_EXACT", "SIGMOID", else linear (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    least = float(np.finfo(np.float32).tiny) if function in ("LINEAR_EXACT", "SIGMOID") else 1.0
    if not (np.isfinite(center) and least <= width <= _LARGEST):
        raise UnreadableFilm(
            "The DICOM file's display window has no usable width (at least 1 was expected): export it again."
        )
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return np.where(values > center - 0.5, 1.0, 0.0)
    return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _padding(elements: Elements, stored: Stored) -> slice | None:
    """Slice of stored values that mark pixels outside the exposed field, shown black whatever the polarity."""
    ends = [elements.number(tag) for tag in (0x0028_0120, 0x0028_0121)]
    if ends[0] is None:
        return None
    size = 2**stored.bits
    low, high = sorted(((end if end is not None else ends[0]) - stored.lowest) % 65536 for end in ends)
    return slice(low, high + 1) if high < size else None


def _range(index: NDArray[np.uint16], padding: slice | None) -> tuple[int, int]:
    """Least and greatest index in the film, padding aside."""
    used = index
    if padding is not None:
        outside = (index < padding.start) | (index >= padding.stop)
        used = index[outside] if outside.any() else index
    return int(used.min()), int(used.max())


def _full_range(values: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """0–1 over the values that the film uses; of a constant film, over all that its bits allow."""
    used = values[first : last + 1] if first < last else values
    low, high = used.min(), used.max()
    return np.clip((values - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(values)
