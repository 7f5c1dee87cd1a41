"""The definition file of a reader study: which films, which phrases, in which order, what readers are not told."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery, LofiError
from lofi.files import plain
from lofi.gallery.text import clean_line
from lofi.gallery.where import parse_where
from lofi.report.query import listed_phrases
from lofi.study.verdict import MAX_STEPS, parse_initials

MAX_CASES = 5_000
MAX_HITS = 20
MAX_READERS = 50
MAX_TRAINING, MAX_STRATA = 100, 50
MAX_BYTES = 2**22
_NAME = re.compile(r"[\w][\w .-]{0,63}")


@dataclass(frozen=True)
class Chosen:
    """A case named by the definition: a file in the folder, or a study of the gallery, with phrases of its own."""

    film: str = ""
    study: str = ""
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A reader study, as its file has it.

    The films are those in ``folder``, or the gallery's studies that ``where`` lets through; ``cases`` names some of
    them instead of taking all. ``phrases`` are asked of every case that has none of its own. ``limit`` takes that
    many cases, drawn by ``seed``, which also orders them for each reader. ``blind`` hides the model's confidence and
    similarities. ``hits`` similar studies are shown with each case. ``readers`` are the initials that may read;
    none named: anybody. ``title`` is what readers see, the name where it is "". ``boxes_first`` shows similar studies
    once all boxes of a case are judged. ``certainty`` asks of each phrase how sure the reader is, in so many steps (0:
    not asked). The first ``training`` cases are for practice: the same for every reader, and not counted. ``strata``
    draws so many of the gallery's studies for each label, instead of from all of them alike.
    """

    name: str
    folder: Path | None = None
    where: str = ""
    phrases: tuple[str, ...] = ()
    cases: tuple[Chosen, ...] = ()
    seed: int = 0
    limit: int | None = None
    blind: bool = True
    hits: int = 3
    readers: tuple[str, ...] = ()
    title: str = ""
    boxes_first: bool = False
    certainty: int = 0
    training: int = 0
    strata: tuple[tuple[str, int], ...] = ()

    @classmethod
    def read(cls, file: Path) -> "Definition":
        """The definition in a JSON or TOML file; ``folder`` is relative to it. Raises LofiError in words."""
        return cls.of(_parsed(file), file.parent)

    @classmethod
    def of(cls, values: Mapping[str, Any], place: Path) -> "Definition":
        """The definition with these fields; ``folder`` is relative to ``place``. Raises LofiError in words."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise BadQuery(f"The study file has {len(unknown)} field(s) that are unknown. Known are: {known}.")
        folder = _text(values, "folder")
        readers = tuple(dict.fromkeys(parse_initials(name) for name in _list(values, "readers", MAX_READERS)))
        made = cls(
            name=parse_name(values.get("name")),
            folder=(place / _home(folder)) if folder else None,
            where=_text(values, "where"),
            phrases=_phrases(values),
            cases=tuple(_chosen(value, number) for number, value in enumerate(_list(values, "cases", MAX_CASES), 1)),
            seed=_whole(values, "seed", 0, 0, 2**53),
            limit=_whole(values, "limit", 0, 0, MAX_CASES) or None,
            blind=_truth(values, "blind", True),
            hits=_whole(values, "hits", 3, 0, MAX_HITS),
            readers=readers,
            title=clean_line(_text(values, "title"), 120),
            boxes_first=_truth(values, "boxes_first", False),
            certainty=_whole(values, "certainty", 0, 0, MAX_STEPS),
            training=_whole(values, "training", 0, 0, MAX_TRAINING),
            strata=_strata(values),
        )
        made.check()
        return made

    def check(self) -> None:
        """Raises BadQuery where the parts do not fit together."""
        if self.folder is not None and self.where:
            raise BadQuery("A study takes its films from a folder or from the gallery (where), not from both.")
        parse_where(self.where)
        if self.certainty == 1:
            raise BadQuery(f"The study's certainty scale has 2 to {MAX_STEPS} steps, or 0 for none.")
        if self.strata and (self.folder is not None or self.cases or self.limit is not None):
            raise BadQuery("The study's strata choose among the gallery's labels: leave out folder, cases and limit.")
        for number, case in enumerate(self.cases, start=1):
            if bool(case.film) != (self.folder is not None) or bool(case.study) == bool(case.film):
                raise BadQuery(
                    f"Case {number} of the study names a film of its folder, or, without a folder, a gallery's study."
                )
            if not case.phrases and not self.phrases:
                raise BadQuery(f"Case {number} of the study has no phrases, and the study has none for all.")
        if not self.cases and not self.phrases:
            raise BadQuery("The study needs phrases: what readers are to judge on each film.")

    @property
    def shown(self) -> str:
        """What readers see as its name."""
        return self.title or self.name

    def to_json(self) -> dict[str, Any]:
        """As a definition file has it, without what is empty."""
        values = {**asdict(self), "folder": None if self.folder is None else str(self.folder)}
        values["strata"] = dict(self.strata)
        values["cases"] = [{name: value for name, value in case.items() if value} for case in values["cases"]]
        return {name: value for name, value in values.items() if value not in (None, "", (), [], {})}


def parse_name(value: object) -> str:
    """A study's name: a letter or digit, then up to 63 of those, spaces, dots, hyphens. Raises BadQuery."""
    if not isinstance(value, str) or not _NAME.fullmatch(value.strip()):
        raise BadQuery("A study needs a name of 1 to 64 letters, digits, spaces, dots or hyphens.")
    return " ".join(value.split())


def _parsed(file: Path) -> Mapping[str, Any]:
    try:
        if not file.is_file() or file.stat().st_size > MAX_BYTES:
            raise LofiError("The study file is not there, or too large: make one with python -m lofi study new.")
        text = file.read_text("utf-8-sig")
        values = tomllib.loads(text) if file.suffix.casefold() == ".toml" else plain.parse_object(text)
    except OSError:
        raise LofiError("The study file cannot be opened: check that it may be read.") from None
    except (ValueError, RecursionError):
        raise LofiError("The study file is neither JSON nor, with the ending .toml, TOML.") from None
    if not isinstance(values, Mapping):
        raise LofiError("The study file must hold one object: name, folder or where, phrases …")
    return values


def _phrases(values: Mapping[str, Any]) -> tuple[str, ...]:
    found = values.get("phrases", [])
    if not isinstance(found, list) or not all(isinstance(phrase, str) for phrase in found):
        raise BadQuery("The study's phrases must be a list of texts.")
    return listed_phrases(found) if found else ()


def _chosen(value: object, number: int) -> Chosen:
    if not isinstance(value, Mapping) or not set(value) <= {"film", "study", "phrases"}:
        raise BadQuery(
            f"Case {number} of the study must be an object with film or study, and phrases if it has its own."
        )
    return Chosen(_text(value, "film"), _text(value, "study"), _phrases(value))


def _strata(values: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    found = values.get("strata", {})
    if not isinstance(found, Mapping) or len(found) > MAX_STRATA:
        raise BadQuery(f"The study's strata must be an object of at most {MAX_STRATA} labels with a number each.")
    return tuple((clean_line(label), _whole(found, label, 0, 1, MAX_CASES)) for label in found)


def _list(values: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = values.get(name, [])
    if not isinstance(found, list) or len(found) > most:
        raise BadQuery(f"The study's {name} must be a list of at most {most:,}.")
    return found


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name, "")
    if not isinstance(found, str) or "\x00" in found:
        raise BadQuery(f"The study's {name} must be text.")
    return found.strip()


def _whole(values: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    found = values.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise BadQuery(f"The study's {name} must be a whole number from {low} to {high:,}.")
    return found


def _home(folder: str) -> Path:
    """The path with "~" spelled out, where there is such a user."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise BadQuery("The study's folder begins with ~ and a user who is not known here: write it in full.") from None


def _truth(values: Mapping[str, Any], name: str, default: bool) -> bool:
    found = values.get(name, default)
    if not isinstance(found, bool):
        raise BadQuery(f"The study's {name} must be true or false.")
    return found
