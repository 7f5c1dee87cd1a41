"""What an export is made from: one frozen value, put together from the engine's answers and a reader's review."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lofi.errors import BadQuery
from lofi.export.mark import Mark, Measured, Scale, measured, scale_of, words_of
from lofi.film.origin import Origin
from lofi.film.radiograph import Radiograph
from lofi.gallery.text import clean_line
from lofi.results import Box, Grounding, HeatMap, Hit, Likely, ReportSentence, Standing

if TYPE_CHECKING:
    from lofi.engine import Engine
    from lofi.study.verdict import Verdict

NOTE = "Research use only. Not for diagnosis."
PHRASE_LIMIT, TEXT_LIMIT = 1_000, 8_000
"""Longest phrase and longest other text in an export, in characters; what is cut ends with an ellipsis."""
SAME = 0.005
"""Two boxes of which every edge is nearer than this, of 1, are one."""
MAX_FINDINGS = 200
"""More phrases than a page asks. A report on so many takes seconds to put together and is still easy to open."""


@dataclass(frozen=True)
class GallerySource:
    """The gallery that hits came from: its folder's name, the hash of its records, and how many studies it has."""

    name: str
    sha256: str
    studies: int


@dataclass(frozen=True)
class Region:
    """One box of a finding. ``number`` counts the model's boxes of the phrase from 1, then those a reader added.

    ``box`` is the one that stands after the review, None where the reader rejected it; ``model_box`` and ``score``
    are the model's, None for an added box. ``verdict`` is the reader's word, "" where nothing was said. ``reader``
    are the initials of who drew ``box``, "" where the model did: nothing that the model says is said of such a box.
    """

    number: int
    box: Box | None
    model_box: Box | None
    score: float | None
    verdict: str = ""
    reader: str = ""


@dataclass(frozen=True)
class Finding:
    """One phrase with its answer, as in Grounding. ``number`` gives its colour and dash. ``absent_for_reader`` is the
    reader's word and leaves the model's as it was.
    """

    number: int
    phrase: str
    found: bool
    confidence: float
    regions: tuple[Region, ...]
    absent_for_reader: bool = False
    asked: str = ""
    state: Standing = "found"
    note: str = ""
    guess: bool = False
    likely: Likely = ""
    warning: str = ""

    @property
    def standing(self) -> tuple[tuple[Box, Region], ...]:
        """The boxes that are drawn, with their regions: all that were not rejected."""
        return tuple((region.box, region) for region in self.regions if region.box is not None)

    @property
    def model_stands(self) -> bool:
        """Whether a box stands that the model drew; else its answer has to be told without one."""
        return any(not region.reader for _, region in self.standing)

    def named(self, region: Region) -> str:
        """The phrase, with the box's number where it has several, as every file and the page name a box."""
        return f"{self.phrase} {region.number}" if len(self.regions) > 1 else self.phrase

    def chance(self, region: Region) -> float | None:
        """How sure the model is of a box, 0–1: the phrase's chance for its best box and a share of it for each other.

        None for a reader's.
        """
        if region.reader or region.score is None:
            return None
        best = max((one.score for one in self.regions if one.score is not None), default=0.0)
        return self.confidence * region.score / max(best, 1e-9)

    def judged(self, reader: str) -> str:
        """What the reader with these initials did to the boxes: "AB: 1 rejected, 2 added"; "" for nothing."""
        if self.absent_for_reader:
            return f"{reader}: absent"
        words = [region.verdict for region in self.regions if region.verdict]
        return (
            f"{reader}: " + ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words)) if words else ""
        )


@dataclass(frozen=True, eq=False)
class Case:
    """A film with all that was asked and said about it, as it stood at ``made_at`` (UTC).

    ``groundings`` are the answers in the order of the page, ``hits`` and ``report`` None where not asked for,
    ``verdicts`` one reader's current ones, ``marks`` what the reader with these ``initials`` drew on the film, ``heat``
    a map that the picture shows over it, and ``shown`` a sentence on how the reader's screen showed it. ``origin`` ties
    DICOM exports to the uploaded image; it comes from the session of the one who uploaded it and from nowhere else.
    Raises BadQuery, on creation, for verdicts or an origin of another film.
    """

    film: Radiograph
    model: str
    fingerprint: str
    made_at: datetime
    gallery: GallerySource | None = None
    groundings: tuple[Grounding, ...] = ()
    hits: tuple[Hit, ...] | None = None
    report: tuple[ReportSentence, ...] | None = None
    verdicts: tuple["Verdict", ...] = ()
    origin: Origin | None = field(default=None, repr=False)
    marks: tuple[Mark, ...] = ()
    initials: str = ""
    shown: str = ""
    heat: HeatMap | None = None

    def __post_init__(self) -> None:
        # A checkpoint's name is its maker's word: cleaned once, here, because every export shows it.
        object.__setattr__(self, "model", clean_line(self.model, 64) or "unnamed")
        object.__setattr__(self, "fingerprint", clean_line(self.fingerprint, 64))
        object.__setattr__(self, "initials", clean_line(self.initials, 8).upper())
        if any(verdict.film != self.film.sha256 for verdict in self.verdicts):
            raise BadQuery("A review of another film cannot be exported with this one.")
        if self.origin is not None and self.origin.film != self.film.sha256:
            raise BadQuery("Another film's file was given as the source of this one: open the film again.")
        if len({verdict.reader for verdict in self.verdicts}) > 1:
            raise BadQuery("A case is exported with the review of one reader: choose whose.")
        if len(self.groundings) > MAX_FINDINGS:
            raise BadQuery(f"At most {MAX_FINDINGS} phrases are exported at once, not {len(self.groundings)}.")

    @classmethod
    def of(
        cls,
        engine: "Engine",
        film: Radiograph,
        groundings: Iterable[Grounding] = (),
        hits: Iterable[Hit] | None = None,
        report: Iterable[ReportSentence] | None = None,
        verdicts: Iterable["Verdict"] = (),
        origin: Origin | None = None,
        marks: Iterable[Mark] = (),
        initials: str = "",
        shown: str = "",
        heat: HeatMap | None = None,
    ) -> "Case":
        """The case as it stands now, named after the engine's model and (where there are hits) its gallery."""
        return cls(
            film=film,
            model=engine.model.name,
            fingerprint=engine.model.fingerprint,
            made_at=datetime.now(UTC),
            gallery=None if hits is None else gallery_source(engine),
            groundings=tuple(groundings),
            hits=None if hits is None else tuple(hits),
            report=None if report is None else tuple(report),
            verdicts=tuple(verdicts),
            origin=origin,
            marks=tuple(marks),
            initials=initials,
            shown=shown,
            heat=heat,
        )

    @property
    def time(self) -> str:
        """``made_at`` as ISO 8601 in UTC, whole seconds."""
        return self.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def reader(self) -> str:
        """The initials of the reader whose review and marks these are; "" where there are none."""
        return next((verdict.reader for verdict in self.verdicts), self.initials if self.marks else "")

    @property
    def scale(self) -> Scale:
        """The scale in which the marks are measured."""
        return scale_of(self.marks, self.film.size_hw, self.film.spacing_mm, self.film.spacing_at)

    @property
    def marked(self) -> tuple[tuple[Mark, Measured, str], ...]:
        """Each mark, what it measures, and what stands at it."""
        size, scale = self.film.size_hw, self.scale
        return tuple((mark, measured(mark, size, scale), words_of(mark, size, scale)) for mark in self.marks)

    @property
    def comment(self) -> str:
        """The reader's comment, cleaned; "" where there is none."""
        said = [verdict.comment for verdict in self.verdicts if verdict.decision == "commented"]
        return clean_line(said[-1], TEXT_LIMIT) if said else ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The phrases with the boxes that stand after the review; texts are cleaned of what is no character."""
        return tuple(self._finding(number, grounding) for number, grounding in enumerate(self.groundings))

    def hit_verdict(self, hit: Hit) -> str:
        """What the reader said of a hit: "relevant", "not relevant" or ""."""
        said = [v for v in self.verdicts if v.kind == "hit" and v.hit == clean_line(hit.study.study_id)]
        return _word(said[-1] if said else None)

    def _finding(self, number: int, grounding: Grounding) -> Finding:
        # A review names its phrase in the cleaned form of lofi.study.
        key = clean_line(grounding.phrase)
        said = [verdict for verdict in self.verdicts if verdict.kind in ("box", "phrase") and verdict.phrase == key]
        absent = any(verdict.decision == "absent" for verdict in said)
        boxes = [verdict for verdict in said if verdict.kind == "box"]
        regions, used = [], set[int]()
        for index, (box, score) in enumerate(zip(grounding.boxes, grounding.scores, strict=True)):
            last = next((v for v in reversed(boxes) if v.number == index and _of(v, box)), None)
            regions.append(_region(index + 1, box, score, last, absent))
            used |= {index} if last is not None else set()
        if not absent:
            regions += _added([v for v in boxes if v.number not in used], len(regions))
        phrase = clean_line(grounding.phrase, PHRASE_LIMIT) or "(no text)"
        return Finding(
            number,
            phrase,
            grounding.found,
            grounding.confidence,
            tuple(regions),
            absent,
            asked=clean_line(grounding.asked, PHRASE_LIMIT) or phrase,
            state=grounding.standing,
            note=clean_line(grounding.note, PHRASE_LIMIT),
            guess=grounding.guess,
            likely=grounding.likely,
            warning=clean_line(grounding.warning, PHRASE_LIMIT),
        )


def gallery_source(engine: "Engine") -> GallerySource:
    """What an export says of the engine's gallery."""
    gallery = engine.gallery
    return GallerySource(clean_line(gallery.title, 64), gallery.digest, len(gallery))


def _of(verdict: "Verdict", box: Box) -> bool:
    """Whether a verdict was said of this box of the model, and not of another that had its number then."""
    if verdict.decision == "added":
        return False
    return verdict.model_box is None or all(abs(a - b) < SAME for a, b in zip(verdict.model_box, box, strict=True))


def _region(number: int, box: Box, score: float, said: "Verdict | None", absent: bool) -> Region:
    word = _word(said)
    if absent or word == "rejected":
        return Region(number, None, box, score, word or "rejected")
    if said is not None and said.box is not None:
        return Region(number, said.box, box, score, word, said.reader)
    return Region(number, box, box, score, word)


def _added(said: Sequence["Verdict"], first: int) -> list[Region]:
    """The boxes that are the reader's alone, numbered on from the model's; in the order of their numbers then."""
    last = {verdict.number: verdict for verdict in said}
    own = [(v.number, v.box, v.reader) for _, v in sorted(last.items()) if v.box is not None]
    found: list[Region] = []
    for number, box, reader in own:
        free = max(number + 1, first + 1, *(one.number + 1 for one in found))
        found.append(Region(free, box, None, None, "added", reader))
    return found


def _word(said: "Verdict | None") -> str:
    """The decision as a word; "" for none or one taken back."""
    word = "" if said is None else str(said.decision)
    return "" if word == "withdrawn" else word
