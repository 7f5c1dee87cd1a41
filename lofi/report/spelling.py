"""Misspelt words of the lexicon: one word of it that is near, or none."""

from collections.abc import Collection
from functools import lru_cache

SHORTEST = 5
"""Letters below which a word is never taken for a misspelt one: too many short words are near each other."""


def distance(first: str, second: str, most: int) -> int:
    """Edits from one word to the other, a swap of neighbours counted as one (optimal string alignment); ``most`` + 1
    where it takes more.

    Damerau, A technique for computer detection and correction of spelling errors, Commun ACM 7 (1964).
    """
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(second, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


class Speller:
    """Words spelt right, and those that are near to them. ``others`` are words that look like one and are none."""

    def __init__(self, words: Collection[str], others: Collection[str] = ()) -> None:
        self._words = frozenset(words)
        self._others = frozenset(others)
        self._by_length: dict[int, list[tuple[str, frozenset[str]]]] = {}
        for word in sorted(self._words):
            self._by_length.setdefault(len(word), []).append((word, frozenset(word)))
        self.meant = lru_cache(maxsize=20_000)(self._meant)

    def _meant(self, word: str) -> str | None:
        """The one word that a misspelt lower-case word stands for; None where it is right, unknown or ambiguous."""
        if word in self._words or word in self._others or len(word) < SHORTEST or not word.isalpha():
            return None
        most = 1 if len(word) < 8 else 2
        near: dict[int, list[str]] = {}
        own = frozenset(word)
        for length in range(len(word) - most, len(word) + most + 1):
            for candidate, letters in self._by_length.get(length, ()):
                if len(own ^ letters) > 2 * most:  # an edit changes two kinds of letters at most: no need to count
                    continue
                # A first letter is seldom wrong, and without it "infusion" would be an effusion.
                same_first = candidate[0] == word[0]
                allowed = most if same_first or len(word) >= 10 else 1 if len(word) >= 8 else 0
                edits = distance(word, candidate, allowed) if allowed else 1
                if edits <= allowed:
                    near.setdefault(edits, []).append(candidate)
        best = near[min(near)] if near else []
        return best[0] if len({word.removesuffix("s") for word in best}) == 1 else None
