"""What the model says of a study's case, asked once and kept, so that all readers judge the same boxes and hits."""

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from lofi.boxes import as_boxes
from lofi.errors import BadQuery, LofiError, NotAChestFilm, UnreadableFilm
from lofi.files import plain
from lofi.film.radiograph import Radiograph, ReadFilm
from lofi.results import Box, Grounding, Standing
from lofi.study.cases import StudyCase
from lofi.study.database import DAMAGED

if TYPE_CHECKING:  # a study is defined, exported and compared without torch
    from lofi.engine import Engine


@dataclass(frozen=True)
class ModelAnswer:
    """The model's boxes for each phrase and the ids and similarities of the nearest studies, nearest first.

    Boxes of a phrase run from the picture's left to its right, so that their order does not tell their confidence.
    ``failed`` says why there is no answer: the film cannot be read, and there is nothing to judge.
    """

    groundings: tuple[Grounding, ...] = ()
    hits: tuple[tuple[str, float], ...] = ()
    failed: str = ""

    def grounding(self, phrase: str) -> Grounding | None:
        """Of one phrase; None where it was not asked."""
        return next((grounding for grounding in self.groundings if grounding.phrase == phrase), None)

    def to_text(self) -> str:
        """JSON, as it is stored: exact, unlike the API's rounded numbers."""
        groundings = [vars(grounding) for grounding in self.groundings]
        return json.dumps({"groundings": groundings, "hits": self.hits, "failed": self.failed})

    @classmethod
    def from_text(cls, text: str) -> "ModelAnswer":
        """What was stored. Raises LofiError where it was damaged."""
        try:
            values = plain.parse_object(text)
            hits = tuple((str(name), plain.number(near, "similarity")) for name, near in values["hits"])
            return cls(tuple(map(_grounding, values["groundings"])), hits, str(values["failed"]))
        except (BadQuery, ValueError, KeyError, TypeError, OverflowError) as error:
            raise LofiError(DAMAGED) from error


def ask(engine: "Engine", case: StudyCase, hits: int, read_film: ReadFilm = Radiograph.read) -> ModelAnswer:
    """The engine's answer to a case: its phrases grounded, ``hits`` studies without the film's own patient.

    Whoever defined the study chose its films: they are asked about whatever they look like.
    """
    try:
        film = read_film(case.path)
    except (UnreadableFilm, NotAChestFilm) as error:
        return ModelAnswer(failed=str(error))
    groundings = tuple(_left_to_right(found) for found in engine.ground(film, case.phrases, anyway=True))
    near = engine.search(film, hits, leave_out=case.own) if hits else ()
    return ModelAnswer(groundings, tuple((hit.study.study_id, hit.similarity) for hit in near))


def stored_answer(connection: sqlite3.Connection, study: str, film: str) -> ModelAnswer | None:
    """The answer kept for a case of a study; None where it was not asked yet."""
    row = connection.execute("SELECT answer FROM answer WHERE study = ? AND film = ?", (study, film)).fetchone()
    return None if row is None else ModelAnswer.from_text(row["answer"])


def keep_answer(connection: sqlite3.Connection, study: str, film: str, answer: ModelAnswer) -> None:
    """Keep an answer; where another server was first, its one stays."""
    connection.execute("INSERT OR IGNORE INTO answer VALUES (?, ?, ?)", (study, film, answer.to_text()))


def _left_to_right(found: Grounding) -> Grounding:
    turned = sorted(zip(found.boxes, found.scores, strict=True))
    boxes, scores = tuple(box for box, _ in turned), tuple(score for _, score in turned)
    return replace(found, boxes=boxes, scores=scores, evidence=(), likely="", concepts=())


def _grounding(values: Any) -> Grounding:
    """Raises ValueError, KeyError or TypeError where it is none."""
    boxes = tuple(map(_box, values["boxes"]))
    scores = tuple(plain.number(score, "score", 0, 1) for score in values["scores"])
    if len(boxes) != len(scores) or len(as_boxes(boxes)) != len(boxes) or not isinstance(values["found"], bool):
        raise plain.Unfit("boxes and scores do not fit")
    confidence = plain.number(values["confidence"], "confidence", 0, 1)
    # Answers that were kept before there were states have none.
    state = plain.text(values.get("state", ""), "state")
    if state not in ("", *get_args(Standing)):
        raise plain.Unfit("the state is not known here")
    return Grounding(
        plain.text(values["phrase"], "phrase", 1_000),
        values["found"],
        confidence,
        boxes,
        scores,
        asked=plain.text(values.get("asked", ""), "asked", 2_000),
        state=state,  # type: ignore[arg-type]
        note=plain.text(values.get("note", ""), "note", 2_000),
        guess=values.get("guess") is True,
        warning=plain.text(values.get("warning", ""), "warning", 2_000),
    )


def _box(values: Any) -> Box:
    x0, y0, x1, y1 = (float(value) for value in values)
    return x0, y0, x1, y1
