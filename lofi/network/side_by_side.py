"""Answers written side by side: each says which ids come next, and one pass of the language model takes all on.

A step of a small batch costs little more than a step of one answer: what a single answer waits for is the weights on a
GPU, and the calls of a hundred small kernels on either.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch

from lofi.network.decoding import Decoding
from lofi.network.language import Language

T = TypeVar("T")
ROWS = 32
"""Answers written at once, so that their caches stay within memory."""


def written(language: Language, caches: Sequence[Any], decodings: Sequence[Decoding[T]], most: int = ROWS) -> list[T]:
    """What each decoding returns, in order; the n-th goes on from the n-th of ``caches``, which stay as they are.

    Those whose prefix and first ids are as long as each other's go side by side, ``most`` at a time: nothing is padded,
    and no answer sees another, so that each is what it would be alone, up to the rounding of a larger product. Raises
    ValueError for decodings that fall out of step.
    """
    found: dict[int, T] = {}
    buckets: dict[tuple[int, int], list[tuple[int, list[int]]]] = {}
    for number, decoding in enumerate(decodings):
        try:
            first = next(decoding)
        except StopIteration as end:
            found[number] = end.value
            continue
        buckets.setdefault((int(caches[number].get_seq_length()), len(first)), []).append((number, first))
    for rows in buckets.values():
        for start in range(0, len(rows), most):
            found |= _in_step(language, caches, decodings, rows[start : start + most])
    return [found[number] for number in range(len(decodings))]


def _in_step(
    language: Language, caches: Sequence[Any], decodings: Sequence[Decoding[T]], rows: list[tuple[int, list[int]]]
) -> dict[int, T]:
    """Number → what it returned, of ``rows`` of numbers and their first ids; whoever has ended leaves the batch."""
    device = next(language.parameters()).device
    found: dict[int, T] = {}
    cache = language.joined([caches[number] for number, _ in rows])
    while rows:
        if len({len(ids) for _, ids in rows}) > 1:
            raise ValueError("answers that are written side by side must go on by equally many ids")
        logits = language.advance(torch.tensor([ids for _, ids in rows], device=device), cache)
        going: list[int] = []
        ahead: list[tuple[int, list[int]]] = []
        for place, (number, _) in enumerate(rows):
            try:
                ahead.append((number, decodings[number].send(logits[place])))
                going.append(place)
            except StopIteration as end:
                found[number] = end.value
        if 0 < len(going) < len(rows):
            cache.batch_select_indices(torch.tensor(going, device=device))
        rows = ahead
    return found
