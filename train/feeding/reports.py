"""Reports as sentences for the text tower: which are taken, and of whose films each is true."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.records import FilmRecord
from train.data.sentences import split


@dataclass(frozen=True)
class Columns:
    """``texts`` (M), ``pooling`` (R rows of M weights, or none), ``targets`` (columns of B: 1 true, −1 not)."""

    texts: list[str]
    pooling: list[list[float]] | None
    targets: list[list[int]]


def sentences_of(report: str) -> list[str]:
    """What a report says of its film, sentence by sentence, each without its stop."""
    return [sentence.rstrip(".") for sentence in split(report)]


def words_of(sentence: str) -> frozenset[str]:
    """The words of a sentence, whatever their order."""
    return frozenset(re.findall(r"\w+", sentence.lower()))


def spoken(
    films: Sequence[Sequence[frozenset[str]]], taken: Sequence[frozenset[str]], least: float
) -> NDArray[np.bool_]:
    """(T, F): whether film f says sentence t, all as words: its own or one whose words overlap with those by ``least``
    or more (Jaccard). "no effusion" against "effusion" is 0.5, "the lungs are clear" against "lungs are clear" 0.75.

    The counts of common words are one product of 0 and 1 matrices: 64 films of ten sentences in 8 ms instead of 140.
    """
    every = [words for film in films for words in film]
    places = {word: place for place, word in enumerate(sorted(set().union(*every, *taken)))}
    mine, theirs = _marks(taken, places), _marks(every, places)
    both = mine @ theirs.T
    either = mine.sum(1)[:, None] + theirs.sum(1)[None] - both
    alike = (either > 0) & (both >= least * either.astype(np.float64))
    owner = np.zeros((len(every), len(films)), dtype=np.float32)
    owner[np.arange(len(every)), np.repeat(np.arange(len(films)), [len(film) for film in films])] = 1
    return np.asarray(alike.astype(np.float32) @ owner > 0)


def _marks(sentences: Sequence[frozenset[str]], places: Mapping[str, int]) -> NDArray[np.float32]:
    """(S, W) 1 where a sentence has a word."""
    marks = np.zeros((len(sentences), len(places)), dtype=np.float32)
    for row, words in enumerate(sentences):
        marks[row, [places[word] for word in words]] = 1
    return marks


def columns(
    films: Sequence[FilmRecord], reports: Sequence[str], rng: np.random.Generator, most: int, pooled: bool, least: float
) -> Columns:
    """Up to ``most`` sentences a report, a column each or, ``pooled``, one column a report. A film's own ``sentences``,
    where its set gives them, stand for those of its report.

    A column is true of its own film and of every film whose report says nearly the same: for one sentence, has a
    sentence alike; for a pooled report, every taken sentence of each has one in the other. Of the rest it is false.
    """
    said = [
        [sentence.rstrip(".") for sentence in film.sentences] or sentences_of(report)
        for film, report in zip(films, reports, strict=True)
    ]
    all_words = [[words_of(sentence) for sentence in film] for film in said]
    texts: list[str] = []
    owners: list[int] = []
    for film, found in enumerate(said):
        chosen = sorted(rng.permutation(len(found))[:most].tolist())
        texts += [found[index] for index in chosen]
        owners += [film] * len(chosen)
    taken = [words_of(text) for text in texts]
    says = spoken(all_words, taken, least)
    says[np.arange(len(taken)), owners] = True
    if not pooled:
        return Columns(texts, None, np.where(says, 1, -1).tolist())
    owned = {film: [row for row, owner in enumerate(owners) if owner == film] for film in dict.fromkeys(owners)}
    pooling = [[(owner == film) / len(rows) for owner in owners] for film, rows in owned.items()]

    def same(first: int, second: int) -> bool:
        mine, theirs = owned.get(first, []), owned.get(second, [])
        return bool(theirs) and bool(says[mine, second].all() and says[theirs, first].all())

    targets = [[1 if film == other or same(film, other) else -1 for other in range(len(films))] for film in owned]
    return Columns(texts, pooling, targets)
