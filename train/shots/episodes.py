"""Questions with examples in context, packed: several questions about one film, each with its own shots.

    <begin> prefix₁ … prefix_N | shot | shot | prompt answer <end> | shot | prompt answer <end> | …

A shot sees the prefix and its own past, a question its own shots too, and nobody else's: the layout of
lofi.grounding.incontext, so that training and use agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.errors import BadQuery
from lofi.gallery.where import Where
from lofi.grounding.incontext import shot_ids
from lofi.grounding.shots import MOST, Shot, ShotFinder
from train.data.lexicon import CANONICAL, UNSIDED, pick, with_side
from train.data.records import FilmRecord
from train.feeding.episodes import Segment, Target, Writer, report_of
from train.feeding.packing import Answers, answers

RETRIEVERS = {"fused": 0.55, "phrase": 0.1, "region": 0.1, "image": 0.05, "random": 0.2}
NONE_SHARE = 0.3
"""Groundings that are asked without any shot: what the model did before, it must go on doing."""
WRONG_SHARE = 0.12
"""Groundings whose shots were found for another phrase."""
PLANTED_SHARE = 0.12
"""Groundings of whose shots one, taken at random, claims to show the phrase: a wrong label."""


@dataclass(frozen=True)
class Episode:
    """One question and the shots in its context, each as image tokens (T, W) and ids."""

    segment: Segment
    shots: tuple[tuple[NDArray[np.float16], tuple[int, ...]], ...] = ()


class Examples:
    """Draws shots for a training question with the retriever that serves in the app."""

    def __init__(self, finder: ShotFinder, writer: Writer) -> None:
        self.finder, self.writer = finder, writer
        self._found: dict[tuple[str, str, str], tuple[Shot, ...]] = {}

    def draw(self, film: object, record: FilmRecord, phrase: str, rng: np.random.Generator) -> list[Shot]:
        """None to ``MOST`` shots for ``phrase``, of other patients, right or wrong as the shares say, in any order."""
        if rng.random() < NONE_SHARE:
            return []
        count, chance = int(rng.integers(1, MOST + 1)), rng.random()
        by = str(rng.choice(list(RETRIEVERS), p=list(RETRIEVERS.values())))
        asked = phrase
        if chance < WRONG_SHARE:
            asked, by = str(rng.choice([other for other in CANONICAL.values() if other not in phrase])), "fused"
        shots = list(self._look(film, record, asked, by)[:count])
        if WRONG_SHARE <= chance < WRONG_SHARE + PLANTED_SHARE and shots:
            strangers = self._look(film, record, phrase, "random")
            if strangers:
                liar = strangers[int(rng.integers(len(strangers)))]
                shots[int(rng.integers(len(shots)))] = replace(liar, phrase=phrase)
        return [shots[number] for number in rng.permutation(len(shots))]

    def _look(self, film: object, record: FilmRecord, phrase: str, by: str) -> tuple[Shot, ...]:
        key = (str(record.path), phrase, by)
        if key not in self._found:
            leave_out = Where(not_patient=(record.patient,))
            try:
                self._found[key] = self.finder.shots(film, phrase, MOST, by, leave_out)  # type: ignore[arg-type]
            except BadQuery:
                self._found[key] = ()
        return self._found[key]

    def episode(self, film: object, record: FilmRecord, target: Target, rng: np.random.Generator) -> Episode:
        """A grounding question with its shots."""
        shots = self.draw(film, record, target.phrase, rng)
        tokens, grammar = self.writer.tokens, self.writer.grammar
        written = tuple((shot.tokens, tuple(shot_ids(shot.phrase, shot.canvas, tokens, grammar))) for shot in shots)
        return Episode(self.writer.ground(target), written)


def episodes(
    record: FilmRecord,
    film: object,
    targets: Sequence[Target],
    examples: Examples,
    rng: np.random.Generator,
    most: int,
) -> list[Episode]:
    """Up to ``most`` questions of a film: groundings with and without shots, an absent phrase, the ordinary ones."""
    writer = examples.writer
    chosen = [targets[number] for number in rng.permutation(len(targets))]
    found = [Episode(writer.describe(target)) for target in chosen[:1]]
    absent = [label for label, value in record.known().items() if value < 0]
    for label in rng.permutation(absent)[: 1 if targets else 3].tolist():
        side = "" if label in UNSIDED else str(rng.choice(["", "left", "right"]))
        wanted = Target(with_side(pick(label, rng), side, rng), np.zeros((0, 4)))
        found.append(examples.episode(film, record, wanted, rng))
    if rng.random() < 0.3 and (text := report_of(record, rng)):
        found.append(Episode(writer.report(text)))
    found += [examples.episode(film, record, target, rng) for target in chosen[: max(0, most - len(found))]]
    return found[:most]


@dataclass(frozen=True, kw_only=True)
class Laid(Answers):
    """B films, L tokens after the prefix of R places. ``ids`` (B, L); ``positions`` (B, R + L); ``visible``
    (B, R + L, R + L) bool: place i may look at place j.
    """

    ids: Tensor
    positions: Tensor
    visible: Tensor


@dataclass(frozen=True)
class PackedShots:
    """``packed`` the films' sequences; ``image`` (K, W) image tokens, ``rows`` and ``places`` (K,) where
    they stand among the places after the prefix, whose ids there are padding.
    """

    packed: Laid
    image: Tensor
    rows: Tensor
    places: Tensor


def pack_shots(films: Sequence[Sequence[Episode]], prefix: int, padding: int, width: int) -> PackedShots:
    """Lay the episodes of each film behind a prefix of ``prefix`` places; image tokens are ``width`` wide."""
    longest = max(1, max(sum(map(_length, film)) for film in films))
    count, total = len(films), prefix + longest
    ids = np.full((count, longest), padding, dtype=np.int64)
    positions = np.zeros((count, total), dtype=np.int64)
    positions[:, :prefix] = np.arange(prefix)
    question = np.full((count, total), -1, dtype=np.int64)  # −1: padding; 0: prefix; 1 …: questions with their shots
    shot = np.zeros((count, total), dtype=np.int64)  # 0: no shot's place; 1 …: shots, counted through the film
    question[:, :prefix] = 0
    wanted: list[int] = []
    answered: list[Segment] = []
    image: list[NDArray[np.float16]] = []
    rows: list[int] = []
    places: list[int] = []
    for row, film in enumerate(films):
        at, shots = prefix, 0
        for number, episode in enumerate(film, start=1):
            for tokens, words in episode.shots:
                shots += 1
                size = len(tokens) + len(words)
                image.append(tokens)
                rows += [row] * len(tokens)
                places += range(at - prefix, at - prefix + len(tokens))
                ids[row, at - prefix + len(tokens) : at - prefix + size] = words
                _place(positions[row], question[row], at, size, prefix, number)
                shot[row, at : at + size] = shots
                at += size
            segment = episode.segment
            said = [*segment.prompt, *segment.answer]
            ids[row, at - prefix : at - prefix + len(said)] = said
            _place(positions[row], question[row], at, len(said), prefix, number)
            first = row * total + at + len(segment.prompt) - 1
            wanted += range(first, first + len(segment.answer))
            answered.append(segment)
            at += len(said)
    packed = Laid(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        visible=torch.from_numpy(_visible(question, shot)),
        **answers(wanted, answered),
    )
    joined = np.concatenate([*image, np.zeros((0, width), dtype=np.float16)]).astype(np.float32)
    return PackedShots(packed, torch.from_numpy(joined), torch.tensor(rows).long(), torch.tensor(places).long())


def _place(positions: NDArray[np.int64], question: NDArray[np.int64], at: int, size: int, first: int, own: int) -> None:
    positions[at : at + size] = first + np.arange(size)
    question[at : at + size] = own


def _visible(question: NDArray[np.int64], shot: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B, R + L, R + L): the past of one's own question and the prefix; from inside a shot, no other shot."""
    total = question.shape[1]
    causal = np.tril(np.ones((total, total), dtype=bool))
    same = (question[:, :, None] == question[:, None, :]) & (question[:, :, None] >= 0)
    apart = (shot[:, :, None] > 0) & (shot[:, None, :] != shot[:, :, None])
    visible = causal & ((same & ~apart) | (question[:, None, :] == 0))
    visible |= np.eye(total, dtype=bool)  # padding sees itself: a row without any column would give NaN
    return np.asarray(visible)


def _length(episode: Episode) -> int:
    shots = sum(len(tokens) + len(words) for tokens, words in episode.shots)
    return shots + len(episode.segment.prompt) + len(episode.segment.answer)
