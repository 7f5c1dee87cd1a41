"""One thing a reader said, as a frozen value: of a box, a phrase, a hit or a whole case. No patient identifier."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lofi.boxes import as_boxes, clip
from lofi.errors import BadQuery
from lofi.gallery.text import clean, clean_line
from lofi.report.query import MAX_PHRASE_LENGTH
from lofi.results import Box

MAX_COMMENT = 2_000
MAX_NUMBER = 1_000
MAX_STEPS = 10
"""Of a scale of certainty."""
_INITIALS = re.compile(r"[^\W_]{1,8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Decision(StrEnum):
    """What may be said. WITHDRAWN takes back what was said of the same subject before."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MOVED = "moved"
    REDRAWN = "redrawn"
    ADDED = "added"
    ABSENT = "absent"
    RELEVANT = "relevant"
    NOT_RELEVANT = "not relevant"
    RATED = "rated"
    COMMENTED = "commented"
    OPENED = "opened"
    DONE = "done"
    WITHDRAWN = "withdrawn"


_D = Decision
ALLOWED: dict[str, frozenset[Decision]] = {
    "box": frozenset({_D.ACCEPTED, _D.REJECTED, _D.MOVED, _D.REDRAWN, _D.ADDED, _D.WITHDRAWN}),
    "phrase": frozenset({_D.ABSENT, _D.WITHDRAWN}),
    "hit": frozenset({_D.RELEVANT, _D.NOT_RELEVANT, _D.WITHDRAWN}),
    "certainty": frozenset({_D.RATED, _D.WITHDRAWN}),
    "comment": frozenset({_D.COMMENTED, _D.WITHDRAWN}),
    "case": frozenset({_D.OPENED, _D.DONE}),
}
"""Which decisions each kind of subject takes."""

PRESENT = frozenset({_D.ACCEPTED, _D.MOVED, _D.REDRAWN, _D.ADDED})
"""Decisions on a box that say: the finding is there."""

_NEW_BOX = frozenset({_D.MOVED, _D.REDRAWN, _D.ADDED})

Subject = tuple[str, str, int, str]


@dataclass(frozen=True)
class Verdict:
    """What ``reader`` (initials) said of a film, known by the ``film``'s sha256 alone.

    ``kind`` names the subject: "box" (``phrase`` and ``number``, which counts the model's boxes of that phrase from
    0 and goes on with those the reader added), "phrase", "certainty" (``number`` is the step of the scale, 1 surely
    absent), "hit" (``hit`` is the gallery's study id), "comment" or
    "case". ``model_box`` and ``score`` are the model's, ``box`` the reader's own where it was moved, redrawn or
    added. ``study`` is a reader study's name, "" in the reading room. ``time`` (UTC, ISO 8601) is set when stored.
    ``user`` is who was logged in, "" where nobody has to: a verdict belongs to its user, initials are a label.

    Raises BadQuery, on creation, for anything that does not fit together.
    """

    film: str
    reader: str
    fingerprint: str
    kind: str
    decision: Decision
    phrase: str = ""
    number: int = -1
    hit: str = ""
    model_box: Box | None = None
    box: Box | None = None
    score: float | None = None
    comment: str = ""
    study: str = ""
    time: str = ""
    user: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.time, str):
            raise BadQuery("A review's time must be text.")
        if not isinstance(self.film, str) or not _SHA256.fullmatch(self.film):
            raise BadQuery("A review names its film by the sha256 of its bytes, 64 hexadecimal digits.")
        tidy: dict[str, object] = {"reader": parse_initials(self.reader)}
        tidy["decision"] = _decision(self.kind, self.decision)
        tidy |= {name: clean_line(getattr(self, name)) for name in ("hit", "study", "fingerprint", "user")}
        tidy["phrase"] = clean_line(self.phrase, MAX_PHRASE_LENGTH)
        tidy["comment"] = clean(self.comment, MAX_COMMENT)
        for name in ("model_box", "box"):
            tidy[name] = None if getattr(self, name) is None else _one_box(getattr(self, name))
        for name, value in tidy.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        # A browser may have sent the fields: their types are not what the annotations promise.
        if isinstance(self.number, bool) or not isinstance(self.number, int):
            raise BadQuery("A box's number must be a whole number.")
        if self.score is not None and not isinstance(self.score, int | float):
            raise BadQuery("A box's confidence must be a number.")
        if (self.kind in {"box", "phrase", "certainty"}) != bool(self.phrase) or (self.kind == "hit") != bool(self.hit):
            raise BadQuery("A verdict on a box or phrase names the phrase, one on a hit names the study.")
        if self.kind == "certainty":
            if not 1 <= self.number <= MAX_STEPS:
                raise BadQuery(f"Certainty is a step from 1 to {MAX_STEPS}.")
        elif (self.kind == "box") != (0 <= self.number < MAX_NUMBER):
            raise BadQuery("A verdict on a box, and no other, numbers it from 0.")
        if (self.box is not None) != (self.decision in _NEW_BOX):
            raise BadQuery("A box that was moved, redrawn or added brings the new box, and no other does.")
        if self.score is not None and not 0 <= self.score <= 1:
            raise BadQuery("A box's confidence lies between 0 and 1.")
        if self.decision is Decision.COMMENTED and not self.comment:
            raise BadQuery("Write the comment first.")

    @property
    def subject(self) -> Subject:
        """What was judged: a later verdict of the same reader on the same subject replaces this one.

        That a case was opened and that it was done are two subjects: their times give how long it took.
        """
        number = -1 if self.kind == "certainty" else self.number
        return self.kind, str(self.decision) if self.kind == "case" else self.phrase, number, self.hit

    @property
    def shown_box(self) -> Box | None:
        """The box that stands after this verdict; None where there is none."""
        return (self.box or self.model_box) if self.decision in PRESENT else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, every field."""
        values = asdict(self)
        for name in ("model_box", "box"):
            values[name] = None if values[name] is None else list(values[name])
        return {**values, "decision": str(self.decision)}


def parse_initials(text: object) -> str:
    """A reader's initials in capitals: 1 to 8 letters or digits. Raises BadQuery."""
    name = unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""
    if not _INITIALS.fullmatch(name):
        raise BadQuery("A reader's initials are 1 to 8 letters or digits, for instance AB.")
    return name.upper()[:8]


def now() -> str:
    """The time: UTC, ISO 8601, whole milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _decision(kind: object, value: object) -> Decision:
    allowed = ALLOWED.get(kind) if isinstance(kind, str) else None
    if allowed is None:
        raise BadQuery(f"A verdict is on one of: {', '.join(ALLOWED)}.")
    if not isinstance(value, str) or value not in {str(one) for one in allowed}:
        raise BadQuery(f"A {kind} takes one of: {', '.join(sorted(allowed))}.")
    return Decision(str(value))


def _one_box(values: Any) -> Box:
    boxes = as_boxes([values])
    inside = clip(boxes)
    if len(inside) != 1:
        raise BadQuery("A box lies outside the film: coordinates run from 0 to 1.")
    x0, y0, x1, y1 = (float(value) for value in inside[0])
    return x0, y0, x1, y1
