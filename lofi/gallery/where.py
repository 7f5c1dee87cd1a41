"""Filters: a frozen ``Where`` and its one-line text form; lofi.gallery.filters answers it."""

import math
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lofi.errors import BadQuery
from lofi.gallery.text import sex_letter, view_position
from lofi.results import Study

KEYS = ("view", "sex", "age", "label", "source", "not_patient")
TEXT_LIMIT = 2_000
_AGE_RANGE = re.compile(r"(\d{1,3}(?:\.\d+)?)?\s*([-–])?\s*(\d{1,3}(?:\.\d+)?)?")


@dataclass(frozen=True)
class Where:
    """Which studies may be hits. The values of a field are alternatives; the fields must all hold.

    Ages are whole years, both ends included; a study whose age (view, sex, …) is not known matches no
    filter on it. ``not_patient`` holds patient keys to leave out. An empty Where lets every study through.
    """

    view: tuple[str, ...] = ()
    sex: tuple[str, ...] = ()
    age: tuple[float, float] | None = None
    label: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    not_patient: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.age is not None and not self.age[0] <= self.age[1]:
            raise BadQuery("An age range needs its lower end first, such as age=40-60.")

    def without(self, studies: Sequence[Study]) -> "Where":
        """The same filter that also leaves out the patients of some studies, where they are known."""
        patients = (study.patient_key for study in studies if study.patient_key)
        return replace(self, not_patient=(*self.not_patient, *patients))


def parse_where(text: str) -> Where:
    """The filter in a text such as ``view=PA sex=F age=40-60 label="No Finding" source=nih_bbox not_patient=p1``.

    Commas or a repeated key give alternatives (``view=PA,AP``); ``age`` takes ``40-60``, ``40-``, ``-60`` and
    ``55``. Upper and lower case, ``_`` and a space are the same. Raises BadQuery; no value is repeated in it.
    """
    if len(text) > TEXT_LIMIT:
        raise BadQuery(f"A filter may be {TEXT_LIMIT:,} characters long at most.")
    try:
        parts = shlex.split(text)
    except ValueError:
        raise BadQuery("The filter has an opening quotation mark without a closing one.") from None
    found: dict[str, list[str]] = {}
    for number, part in enumerate(parts, start=1):
        key, equals, value = part.partition("=")
        key = key.strip().casefold()
        if not equals or key not in KEYS:
            raise BadQuery(f"Part {number} of the filter is not one of {', '.join(f'{k}=…' for k in KEYS)}.")
        values = [item.strip() for item in value.split(",") if item.strip()]
        if not values:
            raise BadQuery(f"The filter's {key} has no value.")
        found.setdefault(key, []).extend(values)
    return Where(
        view=_known(found.get("view", []), view_position, "view must be PA, AP or LATERAL"),
        sex=_known(found.get("sex", []), sex_letter, "sex must be F or M"),
        age=_age_range(found.get("age", [])),
        label=tuple(found.get("label", [])),
        source=tuple(found.get("source", [])),
        not_patient=tuple(found.get("not_patient", [])),
    )


def _known(values: Iterable[str], normalise: Callable[[str], str], rule: str) -> tuple[str, ...]:
    """The values in their one spelling. Raises BadQuery where one is unknown."""
    names = tuple(normalise(value) for value in values)
    if not all(names):
        raise BadQuery(f"The filter's {rule}.")
    return names


def _age_range(values: Sequence[str]) -> tuple[float, float] | None:
    """(lowest, highest) age in years from one text. Raises BadQuery."""
    if not values:
        return None
    match = _AGE_RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or (match[1] or match[3]) is None or (match[2] is None and match[3] is not None):
        raise BadQuery("The filter's age must be one range, such as age=40-60, age=40- or age=55.")
    low, dash, high = match.groups()
    if dash is None:
        return float(low), float(low)
    return float(low or 0), float(high or math.inf)
