"""From one data element of a DICOM file to the next: heads, lengths, sequences stepped over without recursion.

Layout: DICOM PS3.5 section 7 and annex A. Beyond the standard, what real writers do and other readers take: VR bytes
that are none, implicit content under UN, zeros for a delimiter, no offset table.
"""

import struct
from typing import NamedTuple

from lofi.errors import UnreadableFilm

ITEM, ITEM_END, SEQUENCE_END, ZEROS = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD, 0
"""Tags that divide sequences; some writers close them with eight zeros."""
UNDEFINED = 0xFFFF_FFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_NO_VR = frozenset({b"--", b"??", b"  ", b"\0\0"})
"""What writers put where they know no VR: a length of 16 bits follows, as after most others."""
_LAST = 0x7FE0_FFFF
_MAX_ELEMENTS = 500_000
_DAMAGED = "The DICOM file is damaged: {}. Export it again from where it came."


def damaged(what: str) -> UnreadableFilm:
    """The refusal of a DICOM file that contradicts itself or ends early; ``what`` must hold no value from it."""
    return UnreadableFilm(_DAMAGED.format(what))


def is_vr(two: bytes) -> bool:
    """Whether two bytes can be a VR: capital letters, as in pydicom."""
    return two.isalpha() and two.isupper()


def has_no_vr(two: bytes) -> bool:
    """Whether two bytes stand for a VR that a writer did not know."""
    return two in _NO_VR


class Head(NamedTuple):
    """One element's head: where its value begins, and its length (``UNDEFINED`` where delimited)."""

    tag: int
    vr: bytes
    start: int
    length: int


class Walk:
    """Reads element heads from ``data`` in one encoding."""

    def __init__(self, data: memoryview, explicit: bool, little: bool) -> None:
        """Heads in ``data`` are explicit or implicit VR, little or big endian."""
        self.data, self.explicit, self.little = data, explicit, little
        order = "<" if little else ">"
        self._seen = 0
        self._explicit = struct.Struct(order + "HH2sH")
        self._short = struct.Struct(order + "H")
        self._long = struct.Struct(order + "L")
        # One for all elements of VR UN, so that its count of elements bounds them together.
        self.within_un = Walk(data, False, little) if explicit else self

    def head(self, at: int) -> Head:
        """The element that begins at byte ``at``."""
        self._seen += 1
        if self._seen > _MAX_ELEMENTS:
            raise damaged(f"it has more than {_MAX_ELEMENTS} elements")
        if at + 8 > len(self.data):
            raise damaged("it ends in the middle of its header")
        group, number, vr, short = self._explicit.unpack_from(self.data, at)
        tag = group << 16 | number
        if not self.explicit or group == 0xFFFE or tag == ZEROS:
            return Head(tag, b"", at + 8, self._long.unpack_from(self.data, at + 4)[0])
        if vr not in _LONG:
            return Head(tag, vr, at + 8, short) if is_vr(vr) else self._without_vr(at, tag)
        if at + 12 > len(self.data):
            raise damaged("it ends in the middle of its header")
        return Head(tag, vr, at + 12, self._long.unpack_from(self.data, at + 8)[0])

    def _without_vr(self, at: int, tag: int) -> Head:
        """The head of an element in an explicit file whose VR is none: of the readings, the one that fits.

        Some writers switch to implicit VR in mid-file, others leave the VR out and keep its place.
        """
        (length,) = self._long.unpack_from(self.data, at + 4)
        (short,) = self._short.unpack_from(self.data, at + 6)
        readings = [Head(tag, b"", at + 8, length), Head(tag, b"", at + 8, short)]
        if bytes(self.data[at + 4 : at + 6]) in _NO_VR:
            readings.reverse()
        if short == 0 and at + 12 <= len(self.data):
            readings.append(Head(tag, b"", at + 12, self._long.unpack_from(self.data, at + 8)[0]))
        # After an implicit element the next may be implicit too, with no VR to be known by.
        for sure in (True, False):
            for reading in readings:
                if self._fits(reading, sure):
                    return reading
        return Head(tag, b"", at + 8, length)

    def _fits(self, head: Head, sure: bool) -> bool:
        """Whether what follows an element read like this looks like the next one, or the end."""
        end = head.start if head.length == UNDEFINED else head.start + head.length
        if end + 8 > len(self.data):
            return end == len(self.data)
        group, number, vr, _ = self._explicit.unpack_from(self.data, end)
        if group == 0xFFFE or head.length == UNDEFINED:
            return bool(group == 0xFFFE)
        # Within a sequence the next one may be of its parent, and lower.
        rises = head.tag < (group << 16 | number) <= _LAST
        return is_vr(vr) or (rises and (not sure or vr in _NO_VR))

    def end(self, head: Head) -> int:
        """First byte after the value of ``head``; nested delimited sequences are stepped over without recursion."""
        if head.length != UNDEFINED:
            end = head.start + head.length
            if end > len(self.data):
                raise damaged("an element claims more bytes than the file has")
            return end
        if (end_of_un := self._end_of_un(head)) is not None:
            return end_of_un
        at, depth = head.start, 1
        while depth:
            inner = self.head(at)
            if inner.tag in (ITEM_END, SEQUENCE_END, ZEROS):
                at, depth = inner.start, depth - 1
            elif inner.length != UNDEFINED:
                at = self.end(inner)
            elif (end_of_un := self._end_of_un(inner)) is not None:
                at = end_of_un
            else:
                at, depth = inner.start, depth + 1
        return at

    def _end_of_un(self, head: Head) -> int | None:
        """The end of an element of VR UN and undefined length: implicit within, whatever the file (PS3.5 6.2.2)."""
        if head.vr != b"UN" or head.length != UNDEFINED or not self.explicit:
            return None
        try:
            return self.within_un.end(head)
        except UnreadableFilm:
            return None  # a writer that did not know that rule

    def fragments(self, at: int) -> tuple[memoryview, ...]:
        """Items of encapsulated pixel data without the offset table. The last may be cut short by the file's end."""
        found: list[memoryview] = []
        while at + 8 <= len(self.data):
            head = self.head(at)
            if head.tag in (SEQUENCE_END, ZEROS) or (head.tag != ITEM and found):
                break
            if head.tag != ITEM or head.length == UNDEFINED:
                raise damaged("its compressed pixel data are not divided into items")
            at = min(head.start + head.length, len(self.data))
            found.append(self.data[head.start : at])
        # Each offset has four bytes, and the first is 0: nothing compressed begins like that.
        tabled = bool(found) and (not found[0] or (len(found) > 1 and bytes(found[0][:4]) == bytes(4)))
        return tuple(found[tabled:])
