"""What a film's values are in its file's own units, and the looks that the file offers: its windows and its tables.

A model sees ``Radiograph.pixels`` and nothing of this; a person reads values off it and changes looks. PS3.3 C.11.1 and
C.11.2. Names come from the file: they are cut, cleaned and shown to whoever sent it, and go into no export.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lofi.film.charset import decoded
from lofi.film.elements import Elements
from lofi.film.greyscale import Chain, Stored, window
from lofi.film.table import table_of
from lofi.film.turn import Turn

MOST_TABLES, MOST_WINDOWS = 4, 8
"""Of a file's, in their order: more are no choice."""
MOST_CURVES = 2 + MOST_TABLES + MOST_WINDOWS + 1
"""As opened, all values, tables and windows; and the values themselves where they are no straight line."""
LONGEST_NAME = 40
AS_OPENED, ALL = "As opened", "All values"
GREY, STORED, RESCALED = "grey level", "stored value", "rescaled value"
UNITS = {"OD": "OD", "HU": "HU", "US": "US", "MGML": "mg/ml", "PCT": "%", "ED": "ED", "EDW": "EDW"}
"""Rescale types of PS3.3 C.11.1.1.2 that a film's values may have; others are called ``RESCALED``."""
_RESCALE_TYPE, _TABLE_TYPE, _TABLE_NAME = 0x0028_1054, 0x0028_3004, 0x0028_3003
_WINDOW_NAMES, _CHARACTER_SET, _MODALITY_TABLE, _TABLES = 0x0028_1055, 0x0008_0005, 0x0028_3000, 0x0028_3010
_LARGEST = 1e9
_SAME = 257
"""Of 65,535, one of a screen's 256 greys: looks that differ by less on every value of the film are one."""


class Look(NamedTuple):
    """A way to show a film by its name; ``ends`` are the values shown black and white, None where it is no window."""

    name: str
    ends: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Greys:
    """A film's values and looks.

    ``stored`` is (H, W) uint16, an index into each of the (L, N) uint16 ``curves``: what each look shows, 0–65535. The
    first look is that of ``Radiograph.pixels``. A value in ``unit`` is ``line[0] + line[1] · index``, or the last
    curve's where ``line`` is None. Without ``stored`` the line is that of the pixels, 0–1.
    """

    unit: str
    line: tuple[float, float] | None
    looks: tuple[Look, ...] = ()
    stored: NDArray[np.uint16] | None = None
    curves: NDArray[np.uint16] | None = None

    def turned(self, turn: Turn) -> "Greys":
        """Of the film as it is shown."""
        return self if self.stored is None else replace(self, stored=np.ascontiguousarray(turn.apply(self.stored)))


def greys_of(stored: Stored, chain: Chain, elements: Elements) -> Greys:
    """Values and looks of a grey DICOM image that was shown by ``chain``."""
    least, most = int(stored.index.min()), int(stored.index.max())
    used = slice(least, most + 1)
    looks, curves = _distinct(_looks(chain, elements), slice(chain.first, chain.last + 1))
    if chain.known:
        line, table = _line(chain.values[used])
    else:
        step = float(stored.step or 1)
        line, table = (stored.lowest + step * least, step), None
    shipped = [curve[used] for curve in curves] + ([] if table is None else [table])
    index = stored.index if least == 0 else stored.index - np.uint16(least)
    return Greys(_unit(chain, elements), line, tuple(looks), index, np.stack(shipped))


def _line(values: NDArray[np.float64]) -> tuple[tuple[float, float] | None, NDArray[np.uint16] | None]:
    """Intercept and slope of (N,) values, else the values as a curve: a modality table has at most 16 bits."""
    step = (values[-1] - values[0]) / max(1, len(values) - 1)
    straight = values[0] + step * np.arange(len(values))
    if np.allclose(values, straight, rtol=0, atol=1e-6 * max(1.0, float(np.abs(values).max()))):
        return (float(values[0]), float(step)), None
    return None, np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def _unit(chain: Chain, elements: Elements) -> str:
    if not chain.known:
        return STORED
    item = elements.items.get(_MODALITY_TABLE)
    said = elements.text(_RESCALE_TYPE) if item is None else item.text(_TABLE_TYPE)
    plain = item is None and not chain.rescaled
    return UNITS.get(said.upper(), STORED if plain else RESCALED)


def _looks(chain: Chain, elements: Elements) -> Iterator[tuple[Look, NDArray[np.float64]]]:
    """Every look with its (N,) curve in 0–1, the one that the film is opened with first."""
    yield Look(AS_OPENED, chain.ends if chain.known else None), chain.shown
    if chain.known:
        yield from _tables(chain, elements)
        yield from _windows(chain, elements)
    used = chain.values[chain.first : chain.last + 1]
    low, high = float(used.min()), float(used.max())
    if high > low:
        ends = _turned((low, high), chain) if chain.known else None
        yield Look(ALL, ends), chain.dressed(np.clip((chain.values - low) / (high - low), 0, 1))


def _tables(chain: Chain, elements: Elements) -> Iterator[tuple[Look, NDArray[np.float64]]]:
    for number, item in enumerate(elements.lists.get(_TABLES, ())[:MOST_TABLES], 1):
        table = table_of(item, signed=bool(chain.values.min() < 0))
        if table is not None and not table.is_flat:
            name = _name(item.values.get(_TABLE_NAME), elements) or f"Table {number}"
            yield Look(name, None), chain.dressed(table.of(chain.values) / table.entries.max())


def _windows(chain: Chain, elements: Elements) -> Iterator[tuple[Look, NDArray[np.float64]]]:
    centers, widths = elements.decimals(0x0028_1050) or (), elements.decimals(0x0028_1051) or ()
    function = elements.text(0x0028_1056).upper()
    names = bytes(elements.values.get(_WINDOW_NAMES, b"")[:1024]).split(b"\\")
    for number, (center, width) in enumerate([*zip(centers, widths, strict=False)][:MOST_WINDOWS]):
        if not (0 < width <= _LARGEST and abs(center) <= _LARGEST):
            continue
        name = _name(names[number] if number < len(names) else None, elements) or f"Window {number + 1}"
        ends = None if function == "SIGMOID" else _turned((center - width / 2, center + width / 2), chain)
        yield Look(name, ends), chain.dressed(window(chain.values, center, width, function))


def _turned(ends: tuple[float, float], chain: Chain) -> tuple[float, float]:
    return (ends[1], ends[0]) if chain.inverse else ends


def _distinct(
    looks: Iterator[tuple[Look, NDArray[np.float64]]], used: slice
) -> tuple[list[Look], list[NDArray[np.uint16]]]:
    """Each look once. The first takes name and ends of one that shows the same."""
    kept: list[Look] = []
    curves: list[NDArray[np.uint16]] = []
    for look, shown in looks:
        curve = np.rint(np.clip(shown, 0, 1) * 65535).astype(np.uint16)
        if np.ptp(curve[used]) == 0 and kept:
            continue  # it shows nothing of this film
        same = next((n for n, c in enumerate(curves) if _alike(c[used], curve[used])), None)
        if same is None:
            kept.append(look)
            curves.append(curve)
        elif kept[same].name == AS_OPENED:
            kept[same] = look
    return kept, curves


def _alike(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> bool:
    return bool(np.abs(one.astype(np.int32) - other).max() < _SAME)


def _name(value: bytes | memoryview | None, elements: Elements) -> str:
    """A short name in one line; "" where there is none that can be read."""
    try:
        text = decoded(bytes(value or b"")[:256].strip(b" \0"), elements.text(_CHARACTER_SET))
    except (UnicodeError, LookupError):
        return ""
    shown = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join(shown.split())[:LONGEST_NAME].strip()
