"""Several questions about one film in one sequence: the prefix is run once, no question sees another.

    <begin> prefix₁ … prefix_N | prompt answer <end> | prompt answer <end> | …

A question's tokens see the prefix and their own past, and their positions go on from the prefix, exactly as when
each is asked alone after the cached prefix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.feeding.episodes import Segment


@dataclass(frozen=True)
class Packed:
    """B films, L tokens after the prefix of R = 1 + N places.

    ``ids`` (B, L); ``positions`` (B, R + L); ``visible`` (B, R + L, R + L) bool; ``wanted`` (B, R + L) bool, the places
    that predict an answer id; and for each of these K places, row by row: ``labels`` (K,) the next id, ``task`` (K,),
    ``coordinates`` (K,) the coordinate that the next id stands for (NaN: none).
    """

    ids: Tensor
    positions: Tensor
    visible: Tensor
    wanted: Tensor
    labels: Tensor
    task: Tensor
    coordinates: Tensor


def pack(films: Sequence[Sequence[Segment]], prefix: int, padding: int) -> Packed:
    """Lay the segments of each film behind a prefix of ``prefix`` places."""
    longest = max(1, max(sum(len(s.prompt) + len(s.answer) for s in segments) for segments in films))
    count, total = len(films), prefix + longest
    ids = np.full((count, longest), padding, dtype=np.int64)
    positions = np.zeros((count, total), dtype=np.int64)
    positions[:, :prefix] = np.arange(prefix)
    group = np.full((count, total), -1, dtype=np.int64)  # −1: padding; 0: prefix; 1 …: questions
    group[:, :prefix] = 0
    wanted = np.zeros((count, total), dtype=bool)
    labels: list[int] = []
    tasks: list[int] = []
    coordinates: list[float] = []
    for row, segments in enumerate(films):
        at = prefix
        for number, segment in enumerate(segments, start=1):
            tokens = [*segment.prompt, *segment.answer]
            end = at + len(tokens)
            ids[row, at - prefix : end - prefix] = tokens
            positions[row, at:end] = prefix + np.arange(len(tokens))
            group[row, at:end] = number
            first = at + len(segment.prompt) - 1
            wanted[row, first : first + len(segment.answer)] = True
            labels += segment.answer
            tasks += [segment.task] * len(segment.answer)
            coordinates += segment.coordinates
            at = end
    causal = np.tril(np.ones((total, total), dtype=bool))
    same = group[:, :, None] == group[:, None, :]
    visible = causal & ((same & (group[:, :, None] >= 0)) | (group[:, None, :] == 0))
    visible |= np.eye(total, dtype=bool)  # padding sees itself: a row without any column would give NaN
    return Packed(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        torch.from_numpy(visible),
        torch.from_numpy(wanted),
        torch.tensor(labels, dtype=torch.long),
        torch.tensor(tasks, dtype=torch.long),
        torch.tensor(coordinates, dtype=torch.float32),
    )
