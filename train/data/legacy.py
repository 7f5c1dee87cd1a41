"""Which encoding a text has that is not UTF-8: told where it can be, asked for where guessing would garble it."""

import codecs
import re

from lofi.errors import BadQuery

_ASK = (
    "Save it as UTF-8 (in Excel: CSV UTF-8), or name its encoding: --encoding gb18030, shift_jis, cp1251, cp1252 or "
    "any other that Python knows."
)
_NOT_WESTERN_RUN = re.compile(rb"[\xa1-\xff]{4}")
"""Four letters with accents or signs beside one another: no Western word has them, a Cyrillic or a Chinese one has."""
_NOT_WESTERN = re.compile(rb"[\x81\x83\x86-\x88\x8d\x8f\x90\x98\x9d]")
"""Not in Windows-1252, or signs that no report has, and frequent in Shift-JIS and GBK."""


def decoded(data: bytes, encoding: str | None = None) -> str:
    """The text in ``data``: of the encoding named, else UTF-8 or UTF-16, else Windows-1252 where it can be that.

    Raises BadQuery where it can be none of these, and where the text is not of the encoding that was named.
    """
    if encoding is not None:
        return _named(data, encoding)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(data, "utf-16")
    # In UTF-16 without its mark, every other byte of Western text is 0.
    odd, even = data[1:2_000:2].count(0), data[:2_000:2].count(0)
    if odd + even > len(data[:2_000]) // 4:
        return _strict(data, "utf-16-le" if odd > even else "utf-16-be")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if _NOT_WESTERN_RUN.search(data) or _NOT_WESTERN.search(data):
        raise BadQuery(f"The CSV of reports is in an encoding that cannot be told for certain. {_ASK}")
    return _strict(data, "cp1252")


def _named(data: bytes, encoding: str) -> str:
    try:
        known = codecs.lookup(encoding)
    except (LookupError, ValueError):
        raise BadQuery("--encoding is none that Python knows: utf-8, gb18030, shift_jis, cp1251, …") from None
    if not known._is_text_encoding:
        raise BadQuery("--encoding is no encoding of text.")
    return _strict(data, "utf-8-sig" if known.name == "utf-8" else encoding)


def _strict(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, UnicodeError):
        raise BadQuery(f"The CSV of reports is not the text that its encoding says. {_ASK}") from None
    return text.removeprefix("\ufeff")
