"""Cleaning of free text and small fields that come from record files: data, never trusted."""

import re
import unicodedata

REPORT_LIMIT = 8_000
FIELD_LIMIT = 200
_AGE = re.compile(r"0*(\d{1,4}(?:\.\d+)?)\s*([YMWD]?)", re.IGNORECASE)
_YEARS = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def clean(text: object, limit: int = FIELD_LIMIT) -> str:
    """``text`` as one readable string: no control, format or surrogate characters, at most ``limit`` long.

    Line breaks stay (a report has paragraphs), tabs become spaces. Format characters go too: a bidirectional
    override can make a report read differently from what it says. Anything but a string gives "".
    """
    if not isinstance(text, str):
        return ""
    text = text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = "".join(c for c in text if c == "\n" or unicodedata.category(c)[0] != "C").strip()
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def clean_line(text: object, limit: int = FIELD_LIMIT) -> str:
    """As ``clean``, on one line, with single spaces."""
    return clean(" ".join(text.split()), limit) if isinstance(text, str) else ""


def fold(text: str) -> str:
    """The form in which filter values meet record values: "Pleural_Thickening" is "pleural thickening"."""
    return " ".join(text.replace("_", " ").replace("-", " ").casefold().split())


def view_position(text: object) -> str:
    """One of PA, AP and LATERAL, from the many ways of writing them; "" where it is not known."""
    name = clean_line(text).upper()
    if name in {"L", "LL", "RL"} or "LAT" in name:
        return "LATERAL"
    return next((view for view in ("PA", "AP") if re.match(rf"{view}\b", name)), "")


def sex_letter(text: object) -> str:
    """F, M or "" where it is not known."""
    name = clean_line(text).upper()
    return name[0] if name in {"F", "M", "FEMALE", "MALE"} else ""


def age_in_years(value: object) -> float | None:
    """Years from 67, "67", "058Y" or DICOM's "018M"; None where it is missing or no human age."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        match = _AGE.fullmatch(value.strip())
        if match is None:
            return None
        value = float(match[1]) * _YEARS[match[2].upper()]
    # Compared first: a whole number may be larger than any float. NaN is never between two numbers.
    return float(value) if 0 <= value <= 130 else None
