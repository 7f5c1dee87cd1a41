"""Lookup tables of a DICOM header: modality, values of interest, palette. PS3.3 C.11.1, C.11.2 and C.7.6.3."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lofi.film.elements import Elements

_DESCRIPTOR, _DATA = 0x0028_3002, 0x0028_3006
_SHORTEST = 0.9
"""Share of its entries that a table must have: the last one is held for those that are missing."""


@dataclass(frozen=True)
class Table:
    """``entries`` (N,) float64 for the input values from ``first`` on; the ends hold beyond. ``bits`` as described."""

    entries: NDArray[np.float64]
    first: int
    bits: int

    @property
    def is_flat(self) -> bool:
        """Whether it gives the same for every value."""
        return bool(np.ptp(self.entries) == 0)

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each value through the table."""
        place = np.clip(np.round(values - self.first), 0, len(self.entries) - 1).astype(np.int64)
        return self.entries[place]


def table_of(item: Elements, signed: bool, descriptor: int = _DESCRIPTOR, data: int = _DATA) -> Table | None:
    """The table that an item holds; None where it can be none. ``signed`` where its input may be negative."""
    order = "<" if item.little else ">"
    described, packed = bytes(item.values.get(descriptor, b""))[:6], item.values.get(data, memoryview(b""))
    if len(described) < 6:
        return None
    count, first, bits = struct.unpack(order + ("HhH" if signed else "3H"), described)
    # Sixteen bits cannot say 65,536: it is written as 0.
    count = count or 65536
    if not 8 <= bits <= 16:
        return None
    # Tables of 8 bits come as bytes or as words; those of more are words, but some writers halve them nevertheless.
    as_bytes = len(packed) in (count, count + 1) and (bits == 8 or count >= 256)
    whole = packed if as_bytes else packed[: len(packed) // 2 * 2]
    entries = np.frombuffer(whole, "u1" if as_bytes else order + "u2")[:count]
    if len(entries) < _SHORTEST * count and len(entries) < count - 1:
        return None
    entries = entries.astype(np.float64)
    if len(entries) == 0:
        return None
    return Table(np.append(entries, np.full(count - len(entries), entries[-1])), first, bits)
