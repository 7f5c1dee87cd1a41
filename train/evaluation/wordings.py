"""The same question in other words: synonyms, ways to write a side, denials, words of another domain.

A phrase is understood before it is asked, here as in the app (lofi.grounding.standing); these tables show that it is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lofi.boxes import as_boxes, set_iou
from lofi.grounding.standing import answered, asked_as
from lofi.metrics.bootstrap import Estimate, PatientBootstrap
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.data.lexicon import CANONICAL, PHRASES
from train.evaluation.questions import Film, Question

SIDES = (
    *(
        "{side} {phrase}",
        "{s} {phrase}",
        "{sh} {phrase}",
        "{Sh}. {phrase}",
        "{side}-sided {phrase}",
        "{sh} sided {phrase}",
    ),
    *("{phrase} on the {side}", "{phrase} in the {side} lung", "{phrase}, {side}", "{phrase} ({s})", "{phrase} {sh}"),
    "{side} side: {phrase}",
)
"""Twelve ways to write a side."""
DENIALS = ("no {phrase}", "without {phrase}", "no evidence of {phrase}", "{phrase}: none", "{phrase} has resolved")
OUTSIDE = ("zeppelin", "123", "🫁", "плевральный выпот", "<none>", "the quick brown fox", "pacemaker", "rib fracture")
"""Words that are no finding of chest films, and findings that the mini recipe never shows."""


def side_spelling(way: str, phrase: str, side: str) -> str:
    """One way to write a side: "{Sh}. {phrase}" is "Lt. effusion"."""
    short = {"left": "lt", "right": "rt"}[side]
    return way.format(phrase=phrase, side=side, s=side[0].upper(), sh=short, Sh=short.capitalize())


def wordings(label: str, side: str) -> list[str]:
    """Everything that is typed for a label and side; nothing for one that has no phrase."""
    phrase = CANONICAL.get(label)
    if phrase is None:
        return []
    if side:
        return [side_spelling(way, phrase, side) for way in SIDES]
    return [*PHRASES[label], phrase, *(way.format(phrase=phrase) for way in DENIALS)]


@dataclass
class WordTables:
    """What ``model`` is asked for every wording (``phrases``), and the tables of its answers without a threshold.

    ``threshold`` is its own in the app.
    """

    model: LofiModel
    threshold: float
    films: Sequence[Film]
    asked: Sequence[Question]
    rows: dict[tuple[str, str], list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def phrases(self) -> list[tuple[int, str]]:
        """Film number and what the model is asked there, each once."""
        typed = [
            (number, word)
            for number, asked in self._by_film().items()
            for word in (*OUTSIDE, *(word for label, side in asked for word in wordings(label, side)))
        ]
        meant = ((number, asked_as(word, self.model.concepts)) for number, word in typed)
        return [pair for pair in dict.fromkeys(meant) if pair[1]]

    def tell(self, answers: Sequence[Grounding]) -> None:
        """Fill the tables from the answers to ``phrases``."""
        found = dict(zip(self.phrases(), answers, strict=True))
        for number, asked in self._by_film().items():
            answer = partial(
                answered,
                known=self.model.concepts,
                model=self.model.name,
                look=lambda phrase, number=number: found[number, phrase],
                low=self.threshold,
                high=self.threshold,
            )
            patient = self.films[number].patient
            for label, side in asked:
                self._ask(label, side, patient, answer)
            for word in OUTSIDE:
                self.rows["found, words outside the domain", word].append((patient, float(answer(word).found)))

    def _by_film(self) -> dict[int, list[tuple[str, str]]]:
        """Film number → the labels and sides of its questions."""
        found: dict[int, dict[tuple[str, str], None]] = {}
        for question in self.asked:
            found.setdefault(question.film, {})[question.label, question.side] = None
        return {number: list(asked) for number, asked in sorted(found.items())}

    def _ask(self, label: str, side: str, patient: str, answer: Any) -> None:
        phrase = CANONICAL.get(label)
        if phrase is None:
            return
        if not side:
            wanted = as_boxes(answer(phrase).boxes)
            for other in PHRASES[label][1:]:
                overlap = set_iou(wanted, as_boxes(answer(other).boxes))
                self.rows["IoU with the canonical phrase, synonyms", f"{label}: {other}"].append((patient, overlap))
            for way in DENIALS:
                boxed = float(bool(answer(way.format(phrase=phrase)).boxes))
                self.rows["with a box, denied phrases", way].append((patient, boxed))
            return
        for way in SIDES:
            boxes = answer(side_spelling(way, phrase, side)).boxes
            on_side = float(bool(boxes) and ((boxes[0][0] + boxes[0][2]) / 2 > 0.5) == (side == "left"))
            self.rows["best box on the asked side", side_spelling(way, "…", "left")].append((patient, on_side))

    def figures(self, resamples: int, seed: int) -> dict[str, dict[str, Estimate]]:
        """Table → wording → mean with its interval."""
        found: dict[str, dict[str, Estimate]] = {}
        for (table, wording), rows in sorted(self.rows.items(), key=lambda item: item[0][0]):
            patients, values = zip(*rows, strict=True)
            found.setdefault(table, {})[wording] = PatientBootstrap(list(patients), resamples, seed).mean(list(values))
        return found
