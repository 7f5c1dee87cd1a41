"""What is asked of an adapter, and the tally of what it found and what it left out."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from train.data.film import NO_FINDING, Film


@dataclass
class Tally:
    """Counts while an adapter runs. Reasons are sentences of ours: no name or value of a set ever enters one.

    Of ``expected`` things (films, or files that hold several) ``done`` are behind; without ``at``, every film counts.
    """

    films: int = 0
    sentences: int = 0
    boxes: int = 0
    abnormal: int = 0
    expected: int | None = None
    at: int | None = None
    patients: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_boxes: Counter[str] = field(default_factory=Counter)
    dropped_sentences: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """How far the adapter is, in units of ``expected``."""
        return self.films + self.dropped.total() if self.at is None else self.at

    def keep(self, film: Film) -> None:
        """Count a film that goes into the records."""
        self.films += 1
        self.sentences += len(film.sentences)
        self.boxes += len(film.boxes)
        self.abnormal += any(label != NO_FINDING for label in film.findings)
        self.patients.add(film.patient)
        self.splits[film.split] += 1

    def drop(self, reason: str, count: int = 1) -> None:
        """Count films that were left out."""
        self.dropped[reason] += count

    def drop_box(self, reason: str) -> None:
        """Count a box that was left out."""
        self.dropped_boxes[reason] += 1

    def text(self) -> str:
        """The summary: films, patients, sentences, boxes, splits, and what was dropped and why."""
        parts = ", ".join(f"{name} {self.splits[name]:,}" for name in ("train", "val", "test") if self.splits[name])
        lines = [
            f"{self.films:,} films ({self.abnormal:,} abnormal) of {len(self.patients):,} patients, "
            f"{self.sentences:,} sentences, {self.boxes:,} boxes ({parts or 'no split'})."
        ]
        for name, counts in (
            ("films", self.dropped),
            ("boxes", self.dropped_boxes),
            ("sentences", self.dropped_sentences),
        ):
            lines.append(f"Dropped: {counts.total():,} {name}.")
            lines += [f"  {count:>9,} × {reason}" for reason, count in counts.most_common()]
        lines += [f"Note: {count:,} × {note}" for note, count in self.notes.most_common()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Request:
    """Where a set lies and how it is to be read.

    ``mimic`` is the folder of MIMIC-CXR-JPG for sets that annotate its films, ``nih`` that of ChestX-ray14, ``reports``
    that of LLaVA-Rad's annotations. ``hashed`` asks for a split by hash of the patient in place of the official one.
    ``made`` is where films go that had to be converted.
    """

    root: Path
    mimic: Path | None = None
    reports: Path | None = None
    hashed: bool = False
    tally: Tally = field(default_factory=Tally)
    nih: Path | None = None
    made: Path | None = None


Adapter = Callable[[Request], Iterator[Film]]
