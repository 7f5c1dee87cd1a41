"""A film and what is known of it → questions and answers for the language model, sentences for the text tower."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes, area, clip
from lofi.network.text import REPORT_PROMPT, LocationGrammar, Talk, Tokens, grounding_prompt, region_prompt
from lofi.report.query import tidied
from train.data.lexicon import CANONICAL, PHRASES, UNSIDED, denied, pick, with_side
from train.data.records import BoxRecord, FilmRecord

CAPTION, GROUND, DESCRIBE = 0, 1, 2


@dataclass(frozen=True)
class Segment:
    """One question and its answer in ids. ``coordinates`` holds, for each answer id, the canvas coordinate that the
    id stands for, NaN where it stands for none.
    """

    task: int
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    coordinates: tuple[float, ...]


@dataclass(frozen=True)
class Target:
    """A phrase with the canvas boxes that it should find; none when it is absent from the film. ``written``: somebody
    wrote it of a film, it is not made from a label.
    """

    phrase: str
    boxes: Boxes
    written: bool = False


class Writer:
    """Writes segments with one tokenizer and grammar, as a chat's turns if so asked; counts what did not fit."""

    def __init__(
        self, tokens: Tokens, grammar: LocationGrammar, end: int, padding: int = 0, chat: bool = False
    ) -> None:
        self.tokens, self.grammar, self.end, self.padding = tokens, grammar, end, padding
        self.talk = Talk(tokens, chat)
        self.left_out = 0

    def ground(self, target: Target) -> Segment:
        """Phrase → boxes."""
        text, left_out = self.grammar.encode(target.boxes)
        self.left_out += left_out
        answer = [*self.tokens.encode(text), self.end]
        coordinates = [float("nan")] * len(answer)
        if self.grammar.kind == "tokens":
            ordered = target.boxes[np.lexsort((target.boxes[:, 1], target.boxes[:, 0]))][: self.grammar.max_boxes]
            for row, box in enumerate(ordered):
                coordinates[5 * row + 1 : 5 * row + 5] = box.tolist()
        prompt = self.talk.question(grounding_prompt(target.phrase))
        return Segment(GROUND, tuple(prompt), tuple(answer), tuple(coordinates))

    def describe(self, target: Target) -> Segment:
        """Boxes → phrase."""
        text, left_out = self.grammar.encode(target.boxes)
        self.left_out += left_out
        return self._words(DESCRIBE, region_prompt(text), target.phrase)

    def report(self, text: str) -> Segment:
        """Film → report."""
        return self._words(CAPTION, REPORT_PROMPT, text)

    def _words(self, task: int, prompt: str, answer: str) -> Segment:
        ids = [*self.tokens.encode(answer), self.end]
        return Segment(task, tuple(self.talk.question(prompt)), tuple(ids), (float("nan"),) * len(ids))


def zones(record: FilmRecord) -> list[BoxRecord]:
    """Upper, middle and lower third of each boxed lung: region supervision without hand labels."""
    found = []
    for box in record.boxes:
        if box.kind != "anatomy" or box.phrase not in ("left lung", "right lung"):
            continue  # a third of a lung that its set boxed has no thirds by these names
        x0, y0, x1, y1 = box.box
        side = box.phrase.split()[0]
        for number, name in enumerate(("upper", "middle", "lower")):
            top = y0 + (y1 - y0) * number / 3
            found.append(
                BoxRecord(f"{side} {name} lung zone", "Zone", "anatomy", side, (x0, top, x1, top + (y1 - y0) / 3))
            )
    return found


def moved(box: NDArray[np.float64], transform: NDArray[np.float64], side: int) -> Boxes:
    """(0 or 1, 4) canvas box of a (4,) canvas box after the (2, 3) pixel affine; dropped when mostly out of sight."""
    x0, y0, x1, y1 = box * side
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]]) @ transform.T / side
    whole = np.concatenate([corners.min(0), corners.max(0)])[None]
    seen = clip(whole)
    return seen if len(seen) and area(seen)[0] > 0.4 * area(whole)[0] else np.zeros((0, 4))


def present_targets(
    boxes: Sequence[tuple[BoxRecord, Boxes]], rng: np.random.Generator, varied: bool = True
) -> list[Target]:
    """Every template that can be asked of the boxes: bare and with side for findings, the phrase itself for anatomy."""
    found: dict[tuple[str, str], list[Boxes]] = {}
    plain: dict[str, list[Boxes]] = {}
    for box, seen in boxes:
        if not len(seen):
            continue
        if box.kind != "finding" or box.label not in PHRASES:
            plain.setdefault(box.phrase, []).append(seen)
            continue
        found.setdefault((box.label, ""), []).append(seen)
        if box.side and box.label not in UNSIDED:
            found.setdefault((box.label, box.side), []).append(seen)
    targets = [Target(phrase, np.concatenate(rows)) for phrase, rows in plain.items()]
    for (label, side), rows in found.items():
        phrase = pick(label, rng) if varied else CANONICAL[label]
        targets.append(Target(with_side(phrase, side, rng if varied else None), np.concatenate(rows)))
    return targets


Seen = Sequence[tuple[BoxRecord, Boxes]]
"""A film's boxes, each with the (0 or 1, 4) box that is seen of it on the canvas."""


def sentence_targets(record: FilmRecord, boxes: Seen) -> list[Target]:
    """The sentences that were written of the film's boxes, each once, with all its boxes: the paper's pairs."""
    found: dict[str, list[Boxes]] = {}
    for box, seen in boxes:
        if len(seen) and record.says(box):
            found.setdefault(tidied(box.phrase), []).append(seen)
    return [Target(sentence, np.concatenate(rows), written=True) for sentence, rows in found.items()]


def film_targets(
    record: FilmRecord, boxes: Seen, rng: np.random.Generator, templates: float, wordings: int = 1
) -> tuple[list[Target], list[Target]]:
    """The sentences of a film's boxes, in random order, and what can be asked of boxes that have none.

    Among the sentences stand templates of the same boxes, ``templates`` of all on average (1: nothing but templates).
    What has no sentence is asked for in so many ``wordings``.
    """
    said, rest = ([pair for pair in boxes if record.says(pair[0]) == own] for own in (True, False))
    sentences = sentence_targets(record, said)
    mixed = [sentences[index] for index in rng.permutation(len(sentences))] if sentences else []
    if mixed and templates:
        offered = present_targets(said, rng)
        if offered and templates == 1:
            mixed = [offered[index] for index in rng.permutation(len(offered))]
        elif offered:
            beside = rng.negative_binomial(len(mixed), 1 - templates)
            mixed += [offered[index] for index in rng.integers(len(offered), size=beside)]
            mixed = [mixed[index] for index in rng.permutation(len(mixed))]
    return mixed, [target for _ in range(wordings) for target in present_targets(rest, rng)]


def sentences_by_label(records: Iterable[FilmRecord]) -> dict[str, tuple[str, ...]]:
    """Label of the lexicon → the sentences that the records have of boxes with that label, each once."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for box in record.boxes:
            if box.label in PHRASES and record.says(box):
                found.setdefault(box.label, {})[tidied(box.phrase)] = None
    return {label: tuple(sentences) for label, sentences in found.items()}


def absent_target(
    label: str, rng: np.random.Generator, elsewhere: Mapping[str, Sequence[str]], templates: float
) -> Target:
    """A phrase of a label that the film has not: a sentence of another film, or a template, as what is present.

    Were only what is absent asked in templates, how it is asked would tell the answer.
    """
    said = elsewhere.get(label)
    if said and rng.random() >= templates:
        return Target(said[int(rng.integers(len(said)))], np.zeros((0, 4)), written=True)
    side = "" if label in UNSIDED else str(rng.choice(["", "left", "right"]))
    return Target(with_side(pick(label, rng), side, rng), np.zeros((0, 4)))


def heat_targets(
    record: FilmRecord,
    boxes: Seen,
    rng: np.random.Generator,
    most: int,
    templates: float = 0.0,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
) -> list[Target]:
    """Up to ``most`` phrases for the heat map, one of them absent from the film where one is known to be."""
    unsaid = [pair for pair in boxes if not record.says(pair[0])]
    present = [*sentence_targets(record, boxes), *present_targets(unsaid, rng)]
    absent = [label for label, value in record.known().items() if value < 0]
    chosen = [present[index] for index in rng.permutation(len(present))[:most]]
    if absent:
        label = str(rng.choice(absent))
        chosen = [*chosen[: most - 1], absent_target(label, rng, elsewhere or {}, templates)]
    return chosen


def coverage(boxes: Boxes, cells: int) -> NDArray[np.float32]:
    """(cells, cells) share of each cell of the canvas that the fullest of (M, 4) boxes covers."""
    edges = np.arange(cells + 1) / cells
    inside = np.zeros((cells, cells), dtype=np.float32)
    for x0, y0, x1, y1 in boxes:
        across, down = (
            np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * cells
            for low, high in ((x0, x1), (y0, y1))
        )
        inside = np.maximum(inside, np.outer(down, across).astype(np.float32))
    return inside


def report_of(record: FilmRecord, rng: np.random.Generator) -> str:
    """A report in few sentences from what is known: asserted findings with their sides, then some denials."""
    known = record.known()
    sides: dict[str, set[str]] = {}
    for box in record.boxes:
        if box.kind == "finding" and box.side and box.label not in UNSIDED:
            sides.setdefault(box.label, set()).add(box.side)
    present = [label for label, value in known.items() if value > 0]
    absent = [
        label for label in ("Effusion", "Pneumothorax", "Cardiomegaly", "Consolidation") if known.get(label) == -1
    ]
    if not present and not absent:
        return ""
    sentences = ["the lungs are clear"] if not present and known else []
    for label in sorted(present):
        on = sorted(sides.get(label, set()))
        sentences.append(
            with_side(CANONICAL[label], on[0]) if len(on) == 1 else ("bilateral " * (len(on) == 2)) + CANONICAL[label]
        )
    if rng.random() < 0.8:
        sentences += [denied(CANONICAL[label]) for label in absent[:3]]
    return ". ".join(sentences) + "."


def questions(
    record: FilmRecord,
    boxes: Sequence[tuple[BoxRecord, Boxes]],
    writer: Writer,
    rng: np.random.Generator,
    most: int,
    report: str = "",
    templates: float = 0.0,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
) -> list[Segment]:
    """Up to ``most`` segments of a film: a report, descriptions, absent phrases, and groundings for the rest.

    The film is encoded once for all of them, so that a further question costs a hundredth of a further film: boxes
    without a sentence of their own are asked for in several wordings. Without a ``report`` one is made from what is
    known. ``templates`` and ``elsewhere``: ``film_targets``, ``absent_target``.
    """
    said, others = film_targets(record, boxes, rng, templates, wordings=3)
    targets = [*said, *(others[index] for index in rng.permutation(len(others)))]
    absent = [label for label, value in record.known().items() if value < 0]
    written = [target for target in targets if target.written]  # one style of answer where there is a sentence
    segments = [writer.describe(target) for target in (written or targets)[:2]]
    for label in rng.permutation(absent)[: 1 if targets else 3].tolist():
        segments.append(writer.ground(absent_target(label, rng, elsewhere or {}, templates)))
    if text := report or report_of(record, rng):
        segments.append(writer.report(text))
    segments += [writer.ground(target) for target in targets[: most - len(segments)]]
    return segments[:most]


@dataclass(frozen=True)
class Sentence:
    """A sentence for the text tower and the fact it states: (label, side, asserted)."""

    text: str
    label: str
    side: str
    asserted: bool


def sentence_bank(rng: np.random.Generator, sided: int) -> list[Sentence]:
    """For each label one assertion and one denial in random words, and ``sided`` assertions with a side."""
    bank = []
    for label in PHRASES:
        bank.append(Sentence(pick(label, rng), label, "", True))
        bank.append(Sentence(denied(pick(label, rng), rng), label, "", False))
    lateral = [label for label in PHRASES if label not in UNSIDED]
    for label in rng.choice(lateral, sided):
        side = str(rng.choice(["left", "right"]))
        bank.append(Sentence(with_side(pick(str(label), rng), side, rng), str(label), side, True))
    return bank


def truth(record: FilmRecord, sentence: Sentence) -> int:
    """1 if the sentence is true of the film, −1 if false, 0 if nobody knows."""
    value = record.known().get(sentence.label, 0)
    if not sentence.side or value == -1:
        return value if sentence.asserted else -value
    sides = {box.side for box in record.boxes if box.label == sentence.label and box.side}
    if not sides:
        return 0  # present, but nobody said where
    return 1 if sentence.side in sides else -1
