"""A bounded walk over the data elements of a DICOM file that reads only the tags it is asked for.

pydicom decodes the pixels (lofi.film.codestream), but not the header: it parses whole nested sequences by recursion,
inflates without a limit, and reports oddities through process-wide warnings that can quote a value. Here nothing
outside ``WANTED`` is ever looked at, so no name or identifier can leak; lofi.film.origin alone asks for more, by tag.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import takewhile
from math import isfinite

from lofi.errors import UnreadableFilm
from lofi.film.walk import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    ZEROS,
    Head,
    Walk,
    damaged,
    has_no_vr,
    is_vr,
)

__all__ = ["PIXEL_DATA", "Elements", "damaged", "inflating_once", "looks_like_dicom", "read_elements"]

SEQUENCES = frozenset({0x0008_2218, 0x0028_3000, 0x0028_3010, 0x0054_0220})
"""Anatomic region, modality LUT, VOI LUT, view: of each, the first item is read, of ``LISTED`` some more."""
LISTED, MOST_ITEMS = 0x0028_3010, 4
PIXEL_DATA = 0x7FE0_0010
WANTED = SEQUENCES | frozenset(
    {
        0x0008_0005, 0x0008_0016, 0x0008_0060, 0x0008_0100, 0x0008_0104,  # characters, SOP class, modality, a code
        0x0010_0040, 0x0010_1010,  # sex, age
        0x0018_0015, 0x0018_5101, 0x0018_7034, 0x0020_0020,  # body part, view position, mirrored, patient's orientation
        0x0018_1114, 0x0018_1164, 0x0018_2010, 0x0028_0034, 0x0028_0A02,  # magnification, spacings, ratio, calibration
        0x0028_0002, 0x0028_0004, 0x0028_0006, 0x0028_0008,  # samples, photometric, planar, frames
        0x0028_0010, 0x0028_0011, 0x0028_0030,  # rows, columns, spacing
        0x0028_0100, 0x0028_0101, 0x0028_0102, 0x0028_0103,  # bits allocated, stored, high bit, signedness
        0x0028_0120, 0x0028_0121,  # padding value and range limit
        0x0028_1050, 0x0028_1051, 0x0028_1055, 0x0028_1056,  # windows, their names and function
        0x0028_1052, 0x0028_1053, 0x0028_1054,  # rescale and its unit
        0x0028_1101, 0x0028_1102, 0x0028_1103, 0x0028_1201, 0x0028_1202, 0x0028_1203,  # palette
        0x0028_3002, 0x0028_3003, 0x0028_3004, 0x0028_3006,  # LUT descriptor, name, unit and data
        0x2050_0020,  # presentation LUT shape
        PIXEL_DATA,
    }
)  # fmt: skip
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
EXPLICIT = "1.2.840.10008.1.2.1"

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MAX_INFLATED = 128 * 2**20
_inflated: ContextVar[dict[int, bytes] | None] = ContextVar("_inflated", default=None)
"""By the identity of a file's bytes, while ``inflating_once`` holds them."""


@dataclass(frozen=True)
class Elements:
    """The wanted elements of one data set: raw values, first sequence items, and the pixel data's fragments.

    ``lists`` has the first few items of the sequence ``LISTED``, the first among them.
    """

    values: Mapping[int, memoryview]
    items: Mapping[int, "Elements"]
    fragments: tuple[memoryview, ...]
    syntax: str
    little: bool
    pixel_vr: bytes = b""
    media_class: str = ""
    lists: Mapping[int, tuple["Elements", ...]] = field(default_factory=dict)

    def text(self, tag: int) -> str:
        """Value as text without padding; empty where absent. Never shown as it is: see lofi.film.dicom."""
        return bytes(self.values.get(tag, b"")[:1024]).decode("latin-1").strip(" \0")

    def number(self, tag: int) -> int | None:
        """First unsigned short of a value; None where absent."""
        value = self.values.get(tag, b"")
        return int(struct.unpack_from("<H" if self.little else ">H", value)[0]) if len(value) >= 2 else None

    def decimals(self, tag: int) -> tuple[float, ...] | None:
        """Decimal or integer strings up to the first that is none; () where absent, None where the first is none."""
        parts = [part.strip(" \0") for part in self.text(tag).split("\\")]
        if not any(parts):
            return ()
        found = tuple(float(part) for part in takewhile(_DECIMAL.fullmatch, parts))
        return found if found and isfinite(found[0]) else None


def _elements(walk: Walk, at: int, stop: int, syntax: str, wanted: frozenset[int], depth: int = 0) -> Elements:
    """Wanted elements from byte ``at`` up to ``stop``, an item's end, or the pixel data."""
    values: dict[int, memoryview] = {}
    items: dict[int, Elements] = {}
    lists: dict[int, tuple[Elements, ...]] = {}
    fragments: tuple[memoryview, ...] = ()
    pixel_vr = b""
    while at + 8 <= stop:
        head = walk.head(at)
        if head.tag in (ITEM_END, SEQUENCE_END) or (head.tag == ZEROS and depth):
            break
        if head.tag == PIXEL_DATA and depth == 0:
            pixel_vr = head.vr
            if head.length == UNDEFINED:
                fragments = walk.fragments(head.start)
            else:
                # The file may end a little too soon, as lofi.film.frame allows.
                short = head.start + head.length - len(walk.data)
                end = len(walk.data) if 0 < short <= head.length // 100 else walk.end(head)
                values[head.tag] = walk.data[head.start : end]
            break
        at = walk.end(head)
        if head.tag in SEQUENCES:
            if depth == 0 and (found := _items(walk, head, at, syntax, wanted)):
                items[head.tag] = found[0]
                if head.tag == LISTED:
                    lists[head.tag] = found
        elif head.tag in wanted and head.length != UNDEFINED:
            values[head.tag] = walk.data[head.start : at]
    return Elements(values, items, fragments, syntax, walk.little, pixel_vr, lists=lists)


def _items(walk: Walk, sequence: Head, stop: int, syntax: str, wanted: frozenset[int]) -> tuple[Elements, ...]:
    """The first item of a sequence, of ``LISTED`` some more."""
    if sequence.vr == b"UN":
        walk = walk.within_un
    found: list[Elements] = []
    at, most = sequence.start, MOST_ITEMS if sequence.tag == LISTED else 1
    while at + 8 <= stop and len(found) < most:
        item = walk.head(at)
        if item.tag != ITEM:
            break
        end = stop if item.length == UNDEFINED else min(stop, item.start + item.length)
        found.append(_elements(walk, item.start, end, syntax, wanted, depth=1))
        at = _behind(walk, item, end) if len(found) < most else stop
    return tuple(found)


def _behind(walk: Walk, item: Head, end: int) -> int:
    """Where the next item may begin; the sequence's end where an item's own cannot be found."""
    if item.length != UNDEFINED:
        return end
    try:
        return min(walk.end(item), end)
    except UnreadableFilm:
        return end


def looks_like_dicom(data: bytes) -> bool:
    """Whether ``data`` begins as a DICOM file, with its 128-byte preamble or (as old writers do) without."""
    if data[128:132] == b"DICM":
        return True
    # Without a preamble the first element is of group 2 or 8 with a small number and a sane length.
    if len(data) < 16 or data[:2] not in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08"):
        return False
    little = data[0] != 0
    number, length = struct.unpack_from("<HL" if little else ">HL", data, 2)
    return bool(number < 0x0100 and (is_vr(data[4:6]) or length < 256))


def read_elements(data: bytes, wanted: frozenset[int] = WANTED) -> Elements:
    """The wanted elements of a DICOM file, deflated ones inflated up to a limit. Raises UnreadableFilm."""
    view = memoryview(data)
    at = 132 if data[128:132] == b"DICM" else 0
    meta = Walk(view, explicit=True, little=True)
    uids = {0x0002_0002: "", 0x0002_0010: ""}
    while at + 8 <= len(view) and bytes(view[at : at + 2]) == b"\x02\0":
        head = meta.head(at)
        at = meta.end(head)
        if head.tag in uids:
            uids[head.tag] = bytes(view[head.start : min(at, head.start + 64)]).decode("latin-1").strip(" \0")
    syntax = uids[0x0002_0010]
    if syntax == DEFLATED:
        view, at = memoryview(_kept(data, view[at:])), 0
    if at + 8 > len(view):
        raise damaged("it holds a file header and nothing after it")
    # The first group is 8 or lower: its bytes tell their order better than a label does.
    little = view[at] != 0
    vr = bytes(view[at + 4 : at + 6])
    explicit = is_vr(vr) or (syntax not in ("", IMPLICIT) and has_no_vr(vr))
    if not syntax:
        syntax = (EXPLICIT if explicit else IMPLICIT) if little else BIG_ENDIAN
    found = _elements(Walk(view, explicit, little), at, len(view), syntax, wanted)
    return replace(found, media_class=uids[0x0002_0002])


@contextmanager
def inflating_once() -> Iterator[None]:
    """Whatever is read of a file within, its deflated part is inflated once: it takes longer than all else."""
    token = _inflated.set({})
    try:
        yield
    finally:
        _inflated.reset(token)


def _kept(data: bytes, packed: memoryview) -> bytes:
    kept = _inflated.get()
    if kept is None:
        return _inflate(packed)
    if id(data) not in kept:
        kept.clear()  # of another file, which may be gone
        kept[id(data)] = _inflate(packed)
    return kept[id(data)]


def _inflate(packed: memoryview) -> bytes:
    # Without zlib's own head and checksum (PS3.5 annex A.5), which some writers leave on.
    for bits in (-zlib.MAX_WBITS, zlib.MAX_WBITS):
        try:
            # One byte beyond the limit tells a bomb from a film that just fits.
            inflated = zlib.decompressobj(bits).decompress(packed, _MAX_INFLATED + 1)
            break
        except zlib.error:
            continue
    else:
        raise damaged("its deflated part cannot be inflated")
    if len(inflated) > _MAX_INFLATED:
        raise UnreadableFilm(
            f"The deflated DICOM file inflates to more than {_MAX_INFLATED // 2**20} MB: save it uncompressed."
        )
    return inflated
