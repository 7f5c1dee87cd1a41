"""From a stored DICOM value to the shown one: modality, then values of interest, then polarity, each once.

The whole chain depends on the stored value alone, so it is worked out once for each of the at most 65,536 values
and looked up: exact, at full depth, and quick on a film of any size. PS3.3 C.11.1, C.11.2 and C.11.6. What a header
says of it and cannot be used is left out, and told: a film that is shown by its own range is a film all the same.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.elements import Elements, damaged
from lofi.film.flags import MODALITY_TABLE_UNUSABLE, RESCALE_UNUSABLE, TABLE_UNUSABLE, WINDOW_UNUSABLE
from lofi.film.table import table_of

_LARGEST = 1e9
_EVEN = 0.01
"""Of black to white: what a window in whole numbers may differ by from an even one."""
_WIDE = 32
"""Widths of a window below 1 that a film's range may span; in optical densities it spans a few."""


@dataclass(frozen=True)
class Stored:
    """(H, W) uint16 ``index`` of each pixel into the stored values, which begin at ``lowest``.

    ``step`` lies between them where a film of 32 bits a pixel was brought to 16, None where each value is its own.
    """

    index: NDArray[np.uint16]
    bits: int
    lowest: int
    step: int | None = None


class Chain(NamedTuple):
    """What is made of each of the N stored values, by index; the film uses ``first`` to ``last``, padding aside.

    ``values`` are the modality's, in the file's units where they are ``known``, and ``rescaled`` where those are not
    the stored ones; ``shown`` is 0–1. ``ends`` are the values shown black and white where a straight line lies between.
    """

    values: NDArray[np.float64]
    known: bool
    rescaled: bool
    shown: NDArray[np.float64]
    ends: tuple[float, float] | None
    first: int
    last: int
    inverse: bool
    padding: slice | None

    def dressed(self, shown: NDArray[np.float64]) -> NDArray[np.float64]:
        """Other (N,) values of interest, 0–1, with the film's own polarity and padding."""
        dressed = 1.0 - shown if self.inverse else shown
        if self.padding is not None:
            dressed = dressed.copy()
            dressed[self.padding] = 0.0
        return dressed


class Shown(NamedTuple):
    """(H, W) float32 in 0–1, white = dense, the stored values shown black and white, and what is told with it."""

    pixels: NDArray[np.float32]
    ends: tuple[int, int]
    flags: tuple[str, ...]
    chain: Chain


class _Values(NamedTuple):
    """A value for each stored one, and flags. ``known``: in the units in which a window is given."""

    values: NDArray[np.float64]
    flags: tuple[str, ...] = ()
    known: bool = True


def render(stored: Stored, elements: Elements, inverse: bool) -> Shown:
    """The film as it is shown; ``inverse`` where low values are white. Raises UnreadableFilm on absurd numbers."""
    step = stored.step or 1
    modality = _modality(np.arange(2**stored.bits) * step + stored.lowest, elements, stored.lowest < 0)
    padding = _padding(elements, stored)
    first, last = _range(stored.index, padding)
    shown, flags = (
        _values_of_interest(modality.values, elements, first, last)
        if modality.known
        else (_full_range(modality.values, first, last), ())
    )
    # PS3.3 wants both together; they are one inversion, whichever of them is there.
    inverse = inverse or elements.text(0x2050_0020).upper() == "INVERSE"
    if inverse:
        shown = 1.0 - shown
    black, white = _ends(shown[first : last + 1], first)
    ends = stored.lowest + black * step, stored.lowest + white * step
    straight = _straight(modality.values, shown, (black, white), slice(first, last + 1))
    as_stored = [stored.lowest, stored.lowest + step * (2**stored.bits - 1)]
    rescaled = not np.array_equal(modality.values[[0, -1]], as_stored)
    if padding is not None:
        shown[padding] = 0.0
    chain = Chain(modality.values, modality.known, rescaled, shown, straight, first, last, inverse, padding)
    return Shown(_look_up(shown.astype(np.float32), stored.index), ends, modality.flags + flags, chain)


def _straight(
    values: NDArray[np.float64], shown: NDArray[np.float64], ends: tuple[int, int], used: slice
) -> tuple[float, float] | None:
    """The values shown black and white, None where what lies between them is not shown evenly."""
    black, white = float(values[ends[0]]), float(values[ends[1]])
    if black == white:
        return None
    even = np.clip((values[used] - black) / (white - black), 0, 1)
    return (black, white) if float(np.abs(even - shown[used]).max()) < _EVEN else None


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
    """table[index], a third of numpy's time, which would also widen the indices to 8 bytes each."""
    whole = np.zeros(65536, dtype=np.float32)
    whole[: len(table)] = table
    return np.asarray(cv2.LUT(index, whole), dtype=np.float32)


def _modality(stored: NDArray[np.int64], elements: Elements, signed: bool) -> _Values:
    """Output units of each stored value: a lookup table or slope · value + intercept."""
    values = stored.astype(np.float64)
    if (item := elements.items.get(0x0028_3000)) is not None and item.values:
        table = table_of(item, signed)
        if table is None or table.is_flat:
            return _Values(values, (MODALITY_TABLE_UNUSABLE,), known=False)
        return _Values(table.of(values))
    slopes, intercepts = elements.decimals(0x0028_1053), elements.decimals(0x0028_1052)
    slope = 1.0 if slopes == () else slopes[0] if slopes else 0.0
    if slope == 0 or intercepts is None:
        # All that may still be read of a slope is whether it turns black and white round.
        falls = elements.text(0x0028_1053).startswith("-")
        return _Values(-values if falls else values, (RESCALE_UNUSABLE,), known=False)
    with np.errstate(over="ignore", invalid="ignore"):
        values = values * slope + (intercepts or (0.0,))[0]
    if not np.all(np.isfinite(values)) or np.abs(values).max() > _LARGEST:
        raise damaged(f"its rescale slope and intercept give values beyond {_LARGEST:.0e}")
    return _Values(values)


def _values_of_interest(
    values: NDArray[np.float64], elements: Elements, first: int, last: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """0–1 by the VOI LUT, else the first window, else the film's own range (indices ``first`` to ``last``)."""
    flags: tuple[str, ...] = ()
    if (item := elements.items.get(0x0028_3010)) is not None and item.values:
        # The first mapped value is signed where the modality's output can be negative.
        table = table_of(item, signed=bool(values.min() < 0))
        if table is not None and not table.is_flat:
            # What the table reaches is white: descriptors often speak of the word an entry lies in.
            shown = table.of(values) / table.entries.max()
            if first == last or np.ptp(shown[first : last + 1]) > 0:
                return shown, ()
        flags = (TABLE_UNUSABLE,)
    centers, widths = elements.decimals(0x0028_1050), elements.decimals(0x0028_1051)
    # Without values of interest the range is the film's, not that of its bits: twelve-bit detectors often fill a
    # fraction of sixteen.
    if centers == () and widths == ():
        return _full_range(values, first, last), flags
    function = elements.text(0x0028_1056).upper()
    used = values[first : last + 1]
    if not centers or not widths or not _usable(widths[0], float(np.ptp(used))):
        return _full_range(values, first, last), (*flags, WINDOW_UNUSABLE)
    shown = window(values, centers[0], widths[0], function)
    if first < last and np.ptp(shown[first : last + 1]) == 0:
        # A window that misses every pixel shows nothing: a writer's mistake, as if there were none.
        return _full_range(values, first, last), flags
    # The part of a linear window that no pixel reaches is dropped: brightness of a radiograph has no absolute
    # meaning, and a film and its inverse then look the same although writers give both the same window.
    return (shown if function == "SIGMOID" else _full_range(shown, first, last)), flags


def _usable(width: float, span: float) -> bool:
    """Whether a window of this width shows more than black and white on values that span so much."""
    return 0 < width <= _LARGEST and (width >= 1 or span <= _WIDE * width)


def window(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """0–1 of ``values`` by a window: "LINEAR_EXACT", "SIGMOID", else linear (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700, 700))))
    if function == "LINEAR_EXACT" or width < 1:
        return np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return np.where(values > center - 0.5, 1.0, 0.0)
    return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _padding(elements: Elements, stored: Stored) -> slice | None:
    """Slice of stored values that mark pixels outside the exposed field, shown black whatever the polarity."""
    ends = [elements.number(tag) for tag in (0x0028_0120, 0x0028_0121)]
    if ends[0] is None or stored.step is not None:
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
