"""Reports as sentences for the text tower: which are taken, and of whose films each is true."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def alike(first: frozenset[str], second: frozenset[str], least: float) -> bool:
    """Whether the words of two sentences overlap by ``least`` or more (Jaccard): "no effusion" against "effusion"
    is 0.5, "the lungs are clear" against "lungs are clear" 0.75.
    """
    return bool(first | second) and len(first & second) >= least * len(first | second)


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

    def says(film: int, words: frozenset[str]) -> bool:
        return any(alike(words, own, least) for own in all_words[film])

    if not pooled:
        targets = [
            [1 if film == owner or says(film, words) else -1 for film in range(len(films))]
            for words, owner in zip(taken, owners, strict=True)
        ]
        return Columns(texts, None, targets)
    owned = {film: [taken[i] for i, owner in enumerate(owners) if owner == film] for film in dict.fromkeys(owners)}
    pooling = [[(owner == film) / len(rows) for owner in owners] for film, rows in owned.items()]

    def same(first: int, second: int) -> bool:
        mine, theirs = owned.get(first, []), owned.get(second, [])
        both = [*((second, words) for words in mine), *((first, words) for words in theirs)]
        return bool(theirs) and all(says(film, words) for film, words in both)

    targets = [[1 if film == other or same(film, other) else -1 for other in range(len(films))] for film in owned]
    return Columns(texts, pooling, targets)
