"""Phrases and sentences compared: which sentence of a report says it, which phrases are worth asking.

Likeness is half embedding, half words. The embedding alone will not do: a small text tower, trained against films,
puts "left" beside "right" and one rare finding beside another. Words alone will not do either: reports paraphrase.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lofi.report.causes import names_cause
from lofi.report.statements import Statement, groundable_phrases, split_report
from lofi.results import Hit

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to (n, E) unit vectors: LofiModel.embed_text."""

SAME_SENTENCE = 0.45
"""A sentence whose likeness to a phrase is lower does not speak of it."""
SAME_PHRASE = 0.7
"""Two phrases that are more alike say the same, if they name the same side."""
MOST_SUGGESTED = 8

_CONCEPTS = (
    ("cardiomegal", ("heart", "enlarge")),
    ("cardiac|cardio|heart", ("heart",)),
    ("enlarge|increase|prominen|widen", ("enlarge",)),
    ("costophrenic|effusion|pleural fluid|fluid in the pleural (?:space|cavity)", ("effusion",)),
    ("consolidat", ("opacity", "consolidation")),
    ("infiltrat", ("opacity", "infiltrate")),
    ("pneumonia", ("opacity", "pneumonia")),
    ("opaci|haz[ey]|densit|airspace", ("opacity",)),
    ("atelecta|collapse|volume loss", ("atelectasis",)),
    ("nodul|granulom", ("nodule",)),
    ("edema|oedema|congesti", ("edema",)),
    ("pneumothora|air in the pleural (?:space|cavity)", ("pneumothorax",)),
    ("emphysem|hyperinflat|hyperexpan|copd", ("emphysema",)),
    ("basal|basilar|base|lower|bibasilar", ("lower",)),
    ("apical|apex|apices|upper|biapical", ("upper",)),
    ("bilateral|both|bibasilar|biapical", ("left", "right")),
)
_EACH = tuple((re.compile(rf"\b(?:{words})", re.IGNORECASE), meant) for words, meant in _CONCEPTS)
_FILLING = """
a an and are at be has have in is it its mild moderate severe small large minimal of on or seen sided size sized the
there to with within lung lungs pulmonary pleural zone lobe focal
"""
_PASSED_OVER = frozenset(_FILLING.split())
_PLACES = frozenset({"left", "right", "upper", "lower", "middle"})


@dataclass(frozen=True)
class Mark:
    """The statement of a report that is nearest to a ``phrase``; None where the report does not speak of it."""

    phrase: str
    statement: Statement | None
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """The public form: ``start`` and ``end`` say where in the report its sentence stands."""
        said = self.statement
        return {
            "phrase": self.phrase,
            "sentence": None if said is None else said.sentence,
            "start": None if said is None else said.start,
            "end": None if said is None else said.end,
            "negated": said is not None and said.negated,
            "similarity": round(self.similarity, 4),
        }


def marks(report: str, phrases: Sequence[str], embed: Embed) -> tuple[Mark, ...]:
    """For each phrase the statement of the report that is most like it, denied or not.

    Statements that name no finding are compared whole; those of other sections (indication, technique) are passed over.
    """
    said = [statement for statement in split_report(report) if statement.state != "none"]
    if not said or not phrases:
        return tuple(Mark(phrase, None, 0.0) for phrase in phrases)
    texts = [statement.phrase or statement.sentence for statement in said]
    near = likeness(phrases, texts, embed(list(phrases)), embed(texts))
    best = near.argmax(axis=1)
    return tuple(
        Mark(phrase, said[place] if near[row, place] >= SAME_SENTENCE else None, float(near[row, place]))
        for row, (phrase, place) in enumerate(zip(phrases, best, strict=True))
    )


def suggestions(draft: Sequence[str], hits: Sequence[Hit], embed: Embed, most: int = MOST_SUGGESTED) -> tuple[str, ...]:
    """Phrases worth asking of a film, the most useful first, at most ``most``.

    They come from the sentences of the model's own ``draft`` and of the reports of ``hits``; what those deny is left
    out. A phrase is the more useful the more of them speak of what it speaks of, wherever they see it: the draft has
    one whole vote, the hits share one by their similarity. Of phrases that say the same the most useful one stays.
    """
    votes = _votes(draft, hits)
    phrases = list(votes)
    if not phrases:
        return ()
    spoken = [concepts(phrase) for phrase in phrases]
    shared = np.array([[bool((a & b) - _PLACES) for b in spoken] for a in spoken])
    vectors = embed(phrases)
    same = likeness(phrases, phrases, vectors, vectors) >= SAME_PHRASE
    same &= np.array([[a & _PLACES == b & _PLACES for b in spoken] for a in spoken])
    kept: list[int] = []
    for row in np.argsort(-(shared @ np.array(list(votes.values()))), kind="stable").tolist():
        if not same[row, kept].any():
            kept.append(row)
        if len(kept) == most:
            break
    return tuple(phrases[row] for row in kept)


def likeness(first: Sequence[str], second: Sequence[str], first_vectors: Vectors, second_vectors: Vectors) -> Vectors:
    """(n, m) how alike n texts are to m others, 0 … 1: the mean of the cosine of their unit vectors, at least 0, and
    Dice's share of their concepts (2·common / all).
    """
    cosine = np.clip(first_vectors @ second_vectors.T, 0, 1)
    mine, theirs = [[concepts(text) for text in texts] for texts in (first, second)]
    common = [[2 * len(a & b) / max(1, len(a) + len(b)) for b in theirs] for a in mine]
    return np.asarray((cosine + np.array(common)) / 2, dtype=np.float32)


def concepts(text: str) -> frozenset[str]:
    """What a phrase speaks of: its words, those of one meaning as one, without sizes and filling words."""
    found: set[str] = set()
    for pattern, meant in _EACH:
        if pattern.search(text):
            found.update(meant)
            text = pattern.sub(" ~", text)  # its rest ("-ly", "-ation") is no word of its own
    words = (word for word in re.findall(r"(?<!~)\b[a-z]{3,}", text.lower()))
    return frozenset(found | {word.removesuffix("s") for word in words if word not in _PASSED_OVER})


def _votes(draft: Sequence[str], hits: Sequence[Hit]) -> dict[str, float]:
    """How much speaks for each phrase: 1 if the draft does, and the share of the hits that do, by similarity."""
    weights = [max(hit.similarity, 0.0) for hit in hits]
    total = sum(weights) or 1.0
    votes: dict[str, float] = {}
    for sentence in draft:
        for phrase in _asked_for(sentence):
            votes[phrase] = 1.0
    for hit, weight in zip(hits, weights, strict=True):
        for phrase in _asked_for(hit.study.report):
            votes[phrase] = votes.get(phrase, 0.0) + weight / total
    return votes


def _asked_for(report: str) -> list[str]:
    """The phrases of a report that can be looked for: no causes, which a film does not show."""
    return [phrase for phrase in groundable_phrases(split_report(report)) if not names_cause(phrase)]
