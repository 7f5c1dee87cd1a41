"""What the evaluation asks, and the right answers: questions made from the films of a record file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lofi.boxes import Boxes, as_boxes
from lofi.report.concepts import canonical
from lofi.report.query import MAX_PHRASE_LENGTH, tidied
from train.data.lexicon import CANONICAL
from train.data.records import BoxRecord, FilmRecord, parse

BOXED_FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
)  # fmt: skip
"""The eight labels of NIH ChestX-ray14 that radiologists boxed."""

FilmBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Film(FilmRecord):
    """A film record and what only the evaluation reads: sex and age, for figures by subgroup."""

    sex: str = ""
    age: float | None = None

    @property
    def text(self) -> str:
        """The report where there is one, else the sentence made from the labels."""
        return self.report or self.label_text

    @property
    def from_nih(self) -> bool:
        """From NIH ChestX-ray14, so that a label that is not named counts as absent."""
        return self.source.startswith("nih")

    @property
    def age_band(self) -> str:
        """Bands wide enough to hold films; empty where the age is unknown."""
        if self.age is None:
            return ""
        return "0–17" if self.age < 18 else "18–39" if self.age < 40 else "40–64" if self.age < 65 else "65+"


@dataclass(frozen=True)
class Question:
    """One phrase asked of one film, by its number. No targets: it is absent and "not found" is right.

    ``written``: the phrase is a sentence that was written of the film, not made from ``label``, which may be "".
    """

    film: int
    phrase: str
    label: str
    side: str
    targets: tuple[FilmBox, ...]
    written: bool = False

    @property
    def present(self) -> bool:
        """Whether there is something to find."""
        return bool(self.targets)

    @property
    def boxes(self) -> Boxes:
        """(M, 4) target boxes."""
        return as_boxes(self.targets)


def read_films(file: Path, splits: Iterable[str] | None = None) -> list[Film]:
    """Films of a record file, of all splits or of those named; image paths are relative to the file's folder."""
    wanted = None if splits is None else set(splits)
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return [
        Film(**vars(parse(row, file.parent)), sex=row.get("sex") or "", age=_years(row.get("age")))
        for row in rows
        if wanted is None or row["split"] in wanted
    ]


def _years(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def phrase_of(label: str) -> str:
    """The canonical phrase for a label of the records: "Pleural_Thickening" is "pleural thickening"."""
    return CANONICAL.get(label) or canonical(label.replace("_", " ").lower())


def present_questions(films: Sequence[FilmRecord]) -> dict[str, list[Question]]:
    """Five sets of questions whose answer has boxes.

    ``sentence``: each sentence that was written of a film's boxes, with all its boxes (sentences too long to be asked
    are left out). ``bare``: each finding label of a film by its own phrase, all its boxes the target; where the film
    has sentences, by the label's canonical phrase. ``side``: the same by label and patient's side, "<side> <phrase>";
    labels without a side (cardiomegaly) keep the bare phrase. ``anatomy`` ("right lung") and ``zone`` ("opacity in the
    left lower lung zone") take the record's phrase, which holds the side; for them the phrase stands in for the label.
    """
    sets: dict[str, list[Question]] = {"sentence": [], "bare": [], "side": [], "anatomy": [], "zone": []}
    for number, film in enumerate(films):
        sets["sentence"] += _sentences(number, film)
        sets["bare"] += _grouped(number, film, "finding", with_side=False)
        sets["side"] += _grouped(number, film, "finding", with_side=True)
        sets["anatomy"] += _grouped(number, film, "anatomy", with_side=False)
        sets["zone"] += _grouped(number, film, "zone", with_side=False)
    return sets


def _sentences(number: int, film: FilmRecord) -> Iterator[Question]:
    for box, targets in observations(film):
        phrase = tidied(box.phrase)
        if len(phrase) <= MAX_PHRASE_LENGTH:
            yield Question(number, phrase, box.label, box.side, targets, written=True)


def observations(film: FilmRecord) -> list[tuple[BoxRecord, tuple[FilmBox, ...]]]:
    """Of each sentence that was written of the film's boxes the first box, without a side where they differ, and all
    of them.
    """
    found: dict[str, list[BoxRecord]] = {}
    for box in film.boxes:
        if film.says(box):
            found.setdefault(tidied(box.phrase), []).append(box)
    return [
        (
            boxes[0] if len({box.side for box in boxes}) == 1 else replace(boxes[0], side=""),
            tuple(box.box for box in boxes),
        )
        for boxes in found.values()
    ]


def _grouped(number: int, film: FilmRecord, kind: str, with_side: bool) -> Iterator[Question]:
    groups: dict[tuple[str, str], tuple[str, list[FilmBox]]] = {}
    for box in film.boxes:
        if box.kind == kind and (box.label or not film.says(box)):
            name, side = box.label if kind == "finding" else box.phrase, box.side if with_side else ""
            phrase = f"{side} {phrase_of(box.label) if film.says(box) else box.phrase}".strip()
            groups.setdefault((name, side), (phrase, []))[1].append(box.box)
    for (name, side), (phrase, boxes) in groups.items():
        yield Question(number, phrase, name, side, tuple(boxes))


def absent_questions(films: Sequence[Film]) -> list[Question]:
    """Phrases that should not be found: on films of NIH, each boxed finding that neither labels nor boxes name.

    NIH labels are text-mined: some of these findings are there after all, so specificity is a lower bound.
    """
    return [
        Question(number, CANONICAL[label], label, "", ())
        for number, film in enumerate(films)
        if film.from_nih and film.findings
        for label in BOXED_FINDINGS
        if label not in film.findings and all(box.label != label for box in film.boxes)
    ]


def sample(films: Sequence[Film], limit: int | None, seed: int) -> list[Film]:
    """At most ``limit`` films, half of them boxed where possible: for a quick look, not for figures to quote."""
    if limit is None or limit >= len(films):
        return list(films)
    order = np.random.default_rng(seed).permutation(len(films)).tolist()
    boxed = [number for number in order if films[number].boxes]
    plain = [number for number in order if not films[number].boxes]
    share = min(len(boxed), max(limit // 2, limit - len(plain)))
    return [films[number] for number in sorted([*boxed[:share], *plain[: limit - share]])]
