"""Frozen values that stand between the model and everything that shows or stores them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1), 0–1 of the original film."""


@dataclass(frozen=True)
class RegionBox:
    """One box that a gallery record brings: the phrase it was given and where it lies.

    ``quality`` is the record's own word for how the box was made: "" or "exact" by hand, "inferred" and others by a
    machine, "weak" the extent of an anatomical region.
    """

    phrase: str
    box: Box
    label: str = ""
    kind: str = "finding"
    quality: str = ""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where a model sees a phrase: ``values`` (h, w) float32 in 0–1 over the whole film, of fewer pixels than it has.

    ``said`` tells in words what the map is and what it has to do with the answer.
    """

    phrase: str
    values: NDArray[np.float32]
    said: str

    @property
    def peak(self) -> float:
        """The largest value."""
        return float(self.values.max())


@dataclass(frozen=True)
class Study:
    """One gallery record: what is known of a film beside its pixels. No name, no identifier of a person.

    ``study_id`` and ``patient_key`` are the gallery's own; ``patient_key`` serves only to leave a patient out.
    ``image`` and ``thumbnail`` are paths relative to the gallery folder or to its ``image_root``; empty when absent.
    By ``film_sha256`` (of the film's file) and ``film_print`` (of its pixels, lofi.film.likeness) it is known again.
    ``terms`` are the words by which its report is found (lofi.report.terms), with "|" between them.
    """

    study_id: str
    report: str
    labels: tuple[str, ...] = ()
    view: str = ""
    source: str = ""
    sex: str = ""
    age: float | None = None
    patient_key: str = ""
    image: str = ""
    thumbnail: str = ""
    boxes: tuple[RegionBox, ...] = ()
    simulated: bool = False
    film_sha256: str = ""
    film_print: str = ""
    terms: str = ""


@dataclass(frozen=True)
class Hit:
    """A gallery study and its cosine similarity to the query, −1 … 1; ``rank`` counts from 1.

    ``region`` is the box of the study that is like the query's, where a region was searched with. ``closer_than`` is
    the share, 0 … 1, of the gallery's own similarities that are lower: of pairs of its films for a film, of its films
    to the text for a text; None where nothing is known of it.
    """

    study: Study
    similarity: float
    rank: int
    region: RegionBox | None = None
    closer_than: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The public form: the API's contract for one hit."""
        study = self.study
        return {
            "study_id": study.study_id,
            "similarity": round(self.similarity, 4),
            "closer_than": None if self.closer_than is None else round(self.closer_than, 4),
            "rank": self.rank,
            "report": study.report,
            "labels": list(study.labels),
            "view": study.view,
            "source": study.source,
            "boxes": [_region_json(box) for box in study.boxes],
            "region": None if self.region is None else _region_json(self.region),
        }


def _region_json(region: RegionBox) -> dict[str, Any]:
    return {"phrase": region.phrase, "label": region.label, "box": list(region.box)}


@dataclass(frozen=True)
class Evidence:
    """A gallery example that was in context when a phrase was grounded, and what the answer would be without it.

    ``boxes`` are those of the example, 0–1 of its own film. ``moved`` is 1 − IoU of the answer and the answer without
    this example, 0 (no difference) … 1; ``confidence_change`` is what the example added to the confidence, −1 … 1.
    ``agreement`` is the IoU of the example's boxes and the answer's, each 0–1 of its own film: an example of something
    else, or of another place, stands out by a low one. ``support`` 0 … 1 is how far the model sees the phrase in the
    example's own boxes, None where it cannot tell; ``heard`` is False where that was too little for the example to have
    any part in the answer. ``trusted`` is False for boxes that a machine drew.
    """

    study_id: str
    phrase: str
    boxes: tuple[Box, ...]
    similarity: float
    moved: float
    confidence_change: float
    trusted: bool = True
    agreement: float = 0.0
    support: float | None = None
    heard: bool = True

    def to_json(self) -> dict[str, Any]:
        """The public form: part of the API's contract for one phrase."""
        return {
            "study_id": self.study_id,
            "phrase": self.phrase,
            "boxes": [[round(value, 5) for value in box] for box in self.boxes],
            "similarity": round(self.similarity, 4),
            "moved": round(self.moved, 4),
            "confidence_change": round(self.confidence_change, 4),
            "trusted": self.trusted,
            "agreement": round(self.agreement, 4),
            "support": None if self.support is None else round(self.support, 4),
            "heard": self.heard,
        }


Likely = Literal["likely", "unsure", "unlikely", ""]
"""The chance that something is there, in words: by the model's two thresholds; "" where it has none for it."""

Standing = Literal["found", "unsure", "not found", "never learnt", "denied", "not understood", "no answer"]
"""What an answer stands for. ``never learnt``: the model was shown no example of it, and is asked all the same;
``denied``: the phrase itself says that it is not there; ``not understood``: the model knows no word of it. For these
two nothing is looked for. ``no answer``: what a vision-language model wrote could not be read, or was cut off.
"""
UNJUDGED = frozenset({"denied", "not understood", "no answer"})
"""Standings without a confidence: nothing was looked for, or nothing readable came back."""


@dataclass(frozen=True)
class Grounding:
    """Where a phrase is seen. ``confidence`` is the probability that it is there at all; ``scores`` one per box.

    ``phrase`` is what was typed, ``asked`` what the model was asked; ``state`` what the answer stands for, of which
    ``found`` is one, "" while that is not decided (lofi.grounding.standing). Boxes of a phrase that is not found are
    the model's guess, and ``note`` is the sentence to show with it. ``guess`` says that where the boxes lie is one,
    also of what is found but was learnt without boxes. ``likely`` is the confidence in words; ``warning`` tells what
    speaks against the answer, "" for nothing; ``concepts`` are what was asked for, by the names of the model's table.
    ``evidence`` names the gallery examples that were in context, in
    the order of their use; empty without any.
    """

    phrase: str
    found: bool
    confidence: float
    boxes: tuple[Box, ...] = ()
    scores: tuple[float, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    asked: str = ""
    state: Standing | Literal[""] = ""
    note: str = ""
    guess: bool = False
    likely: Likely = ""
    warning: str = ""
    concepts: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """``state``, or what ``found`` says where it is not decided."""
        return self.state or ("found" if self.found else "not found")

    def to_json(self) -> dict[str, Any]:
        """The public form: the API's contract for one phrase."""
        return {
            "phrase": self.phrase,
            "asked": self.asked or self.phrase,
            "state": self.standing,
            "note": self.note,
            "guess": self.guess,
            "likely": self.likely,
            "warning": self.warning,
            "concepts": list(self.concepts),
            "found": self.found,
            "confidence": round(self.confidence, 4),
            "boxes": [[round(value, 5) for value in box] for box in self.boxes],
            "scores": [round(score, 4) for score in self.scores],
            "evidence": [item.to_json() for item in self.evidence],
        }


@dataclass(frozen=True)
class ReportSentence:
    """One sentence of a drafted report with the boxes where the model sees it (none when it says "absent")."""

    sentence: str
    boxes: tuple[Box, ...] = ()
    scores: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


POOLED_TOKENS = 3
"""Pooled image tokens a region: inside the box, around it, and the whole film."""


class PooledRegions(NamedTuple):
    """M boxes of one film. ``vectors`` (M, D) float32, unit rows; ``tokens`` (M, POOLED_TOKENS, W) float16, in the
    language model's input space; ``canvas`` (M, 4) float32, the boxes on the model's square canvas; ``seen`` (M, E)
    float32, the means of what the heat map compares with a phrase, (M, 0) where the model has none.
    """

    vectors: NDArray[np.float32]
    tokens: NDArray[np.float16]
    canvas: NDArray[np.float32]
    seen: NDArray[np.float32]
