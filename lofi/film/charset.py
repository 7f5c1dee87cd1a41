"""Text of a DICOM header in the character sets that the file names, decoded strictly: a wrong name is worse than none.

pydicom decodes most of it, but where it cannot it warns (process-wide, once) and puts in other characters, and it
leaves the escape sequences of GB 2312 in the text. Here what cannot be decoded raises UnicodeError. Code extensions
are those of ISO 2022: an escape sequence says what the bytes below 80 (G0) or above (G1) mean from there on, and a
delimiter takes it back. PS3.5 section 6.1.2 and annexes H, I, J and K; PS3.3 C.12.1.1.2.
"""

import re
from collections.abc import Iterator

STAND_ALONE = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}
"""Character sets that know no escape sequences."""
_ABOVE = {
    6: "ascii", 100: "latin_1", 101: "iso8859_2", 109: "iso8859_3", 110: "iso8859_4", 144: "iso8859_5",
    127: "iso8859_6", 126: "iso8859_7", 138: "iso8859_8", 148: "iso8859_9", 203: "iso8859_15", 166: "tis_620",
    13: "shift_jis", 149: "euc_kr", 58: "gb2312", 87: "ascii", 159: "ascii",
}  # fmt: skip
"""Registration number → Python's codec for bytes from 80 on: Japanese kanji (87, 159) are written with those below."""
_ESCAPES_ABOVE = {
    b"-A": 100, b"-B": 101, b"-C": 109, b"-D": 110, b"-L": 144, b"-G": 127, b"-F": 126, b"-H": 138, b"-M": 148,
    b"-b": 203, b"-T": 166, b")I": 13, b"$)C": 149, b"$)A": 58,
}  # fmt: skip
_ESCAPES_BELOW = {b"(B": "", b"(J": "", b"$B": "iso2022_jp", b"$(D": "iso2022_jp_2"}
"""What follows the escape character → codec for pairs of bytes below 80; "" is ASCII (JIS X 0201: but for ¥ and ‾)."""
_ESCAPE = re.compile(rb"\x1b(\$[()].|[$()\-].)", re.DOTALL)
_RUNS = re.compile(rb"[\x80-\xff]+|[\0-\x7f]+")
CODECS = frozenset({*STAND_ALONE.values(), *_ABOVE.values(), *filter(None, _ESCAPES_BELOW.values())})
"""All of Python's codecs that may be needed."""

NAME_ENDS, TEXT_ENDS = b"^=\\\r\n\f\t", b"\\\r\n\f\t"
"""Bytes that take a code extension back: in a person's name, and in other texts."""


def decoded(value: bytes, character_sets: str, ends: bytes = TEXT_ENDS) -> str:
    """``value`` by Specific Character Set (0008,0005) as it stands in the file. Raises UnicodeError.

    Without a character set only ASCII is text: what a writer meant by other bytes is anybody's guess.
    """
    names = [_standard(name) for name in character_sets.split("\\")]
    if names[0] in STAND_ALONE:
        return value.decode(STAND_ALONE[names[0]])
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    numbers = [_number(name) for name in names]
    if None in numbers:
        raise UnicodeError("unknown character set")
    return "".join(_extended(value, _ABOVE[numbers[0] or 6], ends))


def _standard(name: str) -> str:
    """A character set's name with the spelling mistakes undone that writers make: "ISO-IR 100", "iso_ir_192"."""
    words = re.sub(r"[\s_\-]+", " ", name.strip(" \0")).upper()
    words = re.sub(r"^ISO ?IR ?", "ISO_IR ", words)
    return {"UTF 8": "ISO_IR 192", "ISO 2022 GBK": "GBK", "ISO 2022 58": "ISO 2022 IR 58"}.get(words, words)


def _number(name: str) -> int | None:
    """The registration number of a character set; 6 for none, None for one that is not known or stands alone."""
    if not name:
        return 6
    found = re.fullmatch(r"ISO(?:_IR| 2022 IR) (\d{1,3})", name)
    number = int(found[1]) if found else 0
    return number if number in _ABOVE else None


def _extended(value: bytes, first: str, ends: bytes) -> Iterator[str]:
    """The text piece by piece; ``first`` is the codec for bytes from 80 on until an escape sequence names another."""
    above, below, at = first, "", 0
    for escape in (*_ESCAPE.finditer(value), None):
        piece = value[at : escape.start() if escape else len(value)]
        if below:
            # Python's codec wants the escape sequence before, and nothing else is in such a piece.
            yield (b"\x1b" + {codec: code for code, codec in _ESCAPES_BELOW.items()}[below] + piece).decode(below)
        else:
            for part in re.split(b"([" + re.escape(ends) + b"])", piece):
                above = first if part and part in ends else above
                yield from (run.decode(above if run[0] >= 0x80 else "ascii") for run in _RUNS.findall(part))
        if escape is None:
            return
        code, at = escape[1], escape.end()
        if code in _ESCAPES_ABOVE:
            above = _ABOVE[_ESCAPES_ABOVE[code]]
        elif code in _ESCAPES_BELOW:
            below = _ESCAPES_BELOW[code]
        else:
            raise UnicodeError("unknown escape sequence")
