"""From a reader's clicks on a case to verdicts that fit the model's answer and one another."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lofi.errors import BadQuery
from lofi.study.asking import ModelAnswer
from lofi.study.store import select
from lofi.study.verdict import PRESENT, Decision, Subject, Verdict, now

MAX_ADDED = 16


@dataclass(frozen=True)
class Desk:
    """Where a verdict is given: the film, who reads, which model answered, in which study, what it said, which user.

    ``steps`` of certainty are asked of each phrase, 0: none.
    """

    film: str
    reader: str
    fingerprint: str
    study: str
    answer: ModelAnswer
    user: str = ""
    steps: int = 0

    def verdict(self, kind: str, decision: Decision, **fields: Any) -> Verdict:
        """A verdict at this desk; the model's box and score are filled in from its answer, never from a browser."""
        if kind == "box":
            grounding = self.answer.grounding(fields["phrase"])
            number = fields["number"]
            if grounding is not None and 0 <= number < len(grounding.boxes):
                fields |= {"model_box": grounding.boxes[number], "score": grounding.scores[number]}
        made = Verdict(
            self.film, self.reader, self.fingerprint, kind, decision, study=self.study, user=self.user, **fields
        )
        return replace(made, time=now())

    def before(self, connection: sqlite3.Connection) -> tuple[Verdict, ...]:
        """All verdicts that were ever given at this desk, oldest first."""
        whose = {"reader": self.reader, "user": self.user, "fingerprint": self.fingerprint}
        return select(connection, study=self.study, film=self.film, **whose)


def verdicts_of(desk: Desk, mark: object, before: Mapping[Subject, Verdict]) -> tuple[Verdict, ...]:
    """The verdicts that one click stands for; ``before`` is what counts so far. Raises BadQuery on a wrong mark.

    "absent" also rejects every box of the model and takes back the reader's own; a box that is there takes back
    "absent".
    """
    if not isinstance(mark, Mapping):
        raise BadQuery("A mark must be an object with kind and decision.")
    kind, phrase, number = mark.get("kind"), mark.get("phrase") or "", mark.get("number", -1)
    if kind not in ("box", "phrase", "certainty", "hit", "comment") or not isinstance(phrase, str):
        raise BadQuery("A mark is on a box, a phrase, a hit or it is a comment.")
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadQuery("A box's number must be a whole number.")
    try:
        decision = Decision(str(mark.get("decision")))
    except ValueError:
        raise BadQuery("A mark's decision is unknown.") from None
    if kind == "box":
        return _on_box(desk, decision, phrase, number, mark.get("box"), before)
    if kind == "phrase":
        return _on_phrase(desk, decision, phrase, before)
    if kind == "certainty":
        _count(desk, phrase)
        if not 1 <= number <= desk.steps:
            raise BadQuery("This study asks for certainty in other steps, or for none.")
        return (desk.verdict("certainty", decision, phrase=phrase, number=number),)
    if kind == "hit":
        hit = mark.get("hit")
        if hit not in [name for name, _ in desk.answer.hits]:
            raise BadQuery("This study was not among the hits of the case.")
        return (desk.verdict("hit", decision, hit=hit),)
    return (desk.verdict("comment", decision, comment=mark.get("comment") or ""),)


def still_open(answer: ModelAnswer, marks: Mapping[Subject, Verdict], steps: int = 0) -> tuple[str, ...]:
    """What a reader still has to judge before the next case, in words: "mass", "how sure of mass", "2 hits"."""
    waiting: list[str] = []
    unsure: list[str] = []
    for grounding in answer.groundings:
        phrase, count = grounding.phrase, len(grounding.boxes)
        if steps and ("certainty", phrase, -1, "") not in marks:
            unsure.append(f"how sure of {phrase}")
        if ("phrase", phrase, -1, "") in marks:
            continue
        judged = sum(("box", phrase, number, "") in marks for number in range(count))
        added = any(mark.decision is Decision.ADDED and mark.phrase == phrase for mark in marks.values())
        if judged < count or not (count or added):
            waiting.append(phrase)
    hits = sum(("hit", "", -1, name) not in marks for name, _ in answer.hits)
    return (*waiting, *unsure, *([f"{hits} similar {'study' if hits == 1 else 'studies'}"] if hits else []))


def _on_box(
    desk: Desk, decision: Decision, phrase: str, number: int, box: Any, before: Mapping[Subject, Verdict]
) -> tuple[Verdict, ...]:
    count = _count(desk, phrase)
    own = number >= count
    if number < 0 or number >= count + MAX_ADDED:
        raise BadQuery(f"A phrase takes up to {MAX_ADDED} boxes beside the model's.")
    if own != (decision is Decision.ADDED) and decision is not Decision.WITHDRAWN:
        raise BadQuery("A box that the model did not draw can be added or taken back, and no other can.")
    made = desk.verdict("box", decision, phrase=phrase, number=number, box=box)
    back = made.decision in PRESENT and ("phrase", phrase, -1, "") in before
    return (made, desk.verdict("phrase", Decision.WITHDRAWN, phrase=phrase)) if back else (made,)


def _on_phrase(desk: Desk, decision: Decision, phrase: str, before: Mapping[Subject, Verdict]) -> tuple[Verdict, ...]:
    count = _count(desk, phrase)
    made = desk.verdict("phrase", decision, phrase=phrase)
    # Taking "absent" back also takes back the rejections that came with it.
    each = Decision.REJECTED if decision is Decision.ABSENT else Decision.WITHDRAWN
    boxes = (desk.verdict("box", each, phrase=phrase, number=number) for number in range(count))
    added = [mark.number for mark in before.values() if mark.decision is Decision.ADDED and mark.phrase == phrase]
    taken = (desk.verdict("box", Decision.WITHDRAWN, phrase=phrase, number=number) for number in added)
    return (made, *boxes, *taken)


def _count(desk: Desk, phrase: str) -> int:
    """How many boxes the model drew for a phrase of the case."""
    grounding = desk.answer.grounding(phrase)
    if grounding is None:
        raise BadQuery("This phrase is not asked of the case.")
    return len(grounding.boxes)
