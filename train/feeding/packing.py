"""Several questions about one film in one sequence: the prefix is run once, no question sees another.

    <begin> prefix₁ … prefix_N | prompt answer <end> | prompt answer <end> | …

A question's tokens see the prefix and their own past, and their positions go on from the prefix, exactly as when
each is asked alone after the cached prefix. Short films share a row with others, which they do not see either, so that
fewer places are padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.feeding.episodes import Segment


@dataclass(frozen=True, kw_only=True)
class Answers:
    """``places`` (K,) those that predict an answer id, counted row by row through the sequences; and for each of them:
    ``labels`` (K,) the next id, ``task`` (K,), ``coordinates`` (K,) the coordinate that the next id stands for (NaN:
    none). ``corners`` (C,) counts through the K places: those with a coordinate, four a box. Counted here, where no
    GPU has to wait for it.
    """

    places: Tensor
    labels: Tensor
    task: Tensor
    coordinates: Tensor
    corners: Tensor


@dataclass(frozen=True, kw_only=True)
class Packed(Answers):
    """B films in R rows of L places. ``ids`` (R, L), padding where a film's prefix of P places goes; ``positions``
    (R, L); ``film`` (R, L) its number, −1 for padding; ``question`` (R, L) 0 for the prefix, then 1 …; ``starts`` (B,)
    the first place of each film, counted through all rows.
    """

    ids: Tensor
    positions: Tensor
    film: Tensor
    question: Tensor
    starts: Tensor

    def visible(self) -> Tensor:
        """(R, L, L) bool: place i may look at place j. Made on the spot: sent, it would be L times as much."""
        film, question = self.film, self.question
        causal = torch.ones(film.shape[1], film.shape[1], dtype=torch.bool, device=film.device).tril()
        same = (film[:, :, None] == film[:, None, :]) & (film[:, :, None] >= 0)
        asked = (question[:, :, None] == question[:, None, :]) | (question[:, None, :] == 0)
        # Padding sees itself: a row without any column would give NaN.
        own = torch.eye(film.shape[1], dtype=torch.bool, device=film.device)
        return (causal & same & asked) | own

    def laid(self, words: Tensor, begin: Tensor, prefix: Tensor) -> Tensor:
        """(R, L, W) embeddings: ``words`` (R, L, W) of the ids, and where each film starts ``begin`` (O, W) and its
        ``prefix`` (B, P − O, W).
        """
        opened = torch.cat([begin.to(words.dtype).expand(len(prefix), -1, -1), prefix.to(words.dtype)], dim=1)
        places = self.starts[:, None] + torch.arange(opened.shape[1], device=words.device)
        return words.flatten(0, 1).index_copy(0, places.flatten(), opened.flatten(0, 1)).view_as(words)


def pack(films: Sequence[Sequence[Segment]], prefix: int, padding: int, step: int = 0) -> Packed:
    """Lay the segments of each film behind a prefix of ``prefix`` places.

    With ``step`` each film has a row of its own, and rows are a multiple of so many places long: few shapes.
    """
    lengths = [prefix + sum(len(s.prompt) + len(s.answer) for s in segments) for segments in films]
    rows = [[number] for number in range(len(lengths))] if step else fitted(lengths)
    longest = max([prefix + 1, *lengths])
    shape = (len(rows), longest + (-longest % step if step else 0))
    ids = np.full(shape, padding, dtype=np.int64)
    positions = np.zeros(shape, dtype=np.int64)
    film = np.full(shape, -1, dtype=np.int32)
    question = np.full(shape, -1, dtype=np.int32)
    starts = np.zeros(len(films), dtype=np.int64)
    places: list[int] = []
    said: list[Segment] = []
    for row, members in enumerate(rows):
        at = 0
        for number in members:
            starts[number] = row * shape[1] + at
            film[row, at : at + lengths[number]] = number
            question[row, at : at + prefix] = 0
            positions[row, at : at + prefix] = np.arange(prefix)
            at += prefix
            for asked, segment in enumerate(films[number], start=1):
                tokens = [*segment.prompt, *segment.answer]
                end = at + len(tokens)
                ids[row, at:end] = tokens
                positions[row, at:end] = prefix + np.arange(len(tokens))
                question[row, at:end] = asked
                first = row * shape[1] + at + len(segment.prompt) - 1
                places += range(first, first + len(segment.answer))
                said.append(segment)
                at = end
    return Packed(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        film=torch.from_numpy(film),
        question=torch.from_numpy(question),
        starts=torch.from_numpy(starts),
        **answers(places, said),
    )


def fitted(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of the films of each row, no row longer than the longest film: longest first, each into the first row
    where it fits, rows and films in the order of their first film.
    """
    rows: list[list[int]] = []
    left: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        home = next((row for row, room in enumerate(left) if room >= lengths[number]), None)
        if home is None:
            home = len(rows)
            rows.append([])
            left.append(max(lengths))
        rows[home].append(number)
        left[home] -= lengths[number]
    return sorted(sorted(row) for row in rows)


def answers(places: Sequence[int], said: Sequence[Segment]) -> dict[str, Tensor]:
    """The fields of Answers, of the segments in the order of their places."""
    coordinates = np.asarray([value for segment in said for value in segment.coordinates], dtype=np.float32)
    return {
        "places": torch.tensor(places, dtype=torch.long),
        "labels": torch.tensor([label for segment in said for label in segment.answer], dtype=torch.long),
        "task": torch.tensor([s.task for s in said for _ in s.answer], dtype=torch.long),
        "coordinates": torch.from_numpy(coordinates),
        "corners": torch.from_numpy(np.flatnonzero(~np.isnan(coordinates))),
    }
