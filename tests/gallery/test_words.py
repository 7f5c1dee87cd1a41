"""BM25 over a few studies, and fusion by rank that can be counted by hand."""

import numpy as np
import pytest

from lofi.gallery.words import Ranking, Words, fused

DOCUMENTS = [["mass", "left"], ["effusion", "left"], ["mass", "mass", "mass"], [], ["effusion"]]


def ranking(*pairs: tuple[int, float]) -> Ranking:
    return Ranking(np.array([row for row, _ in pairs], np.int64), np.array([score for _, score in pairs], np.float32))


def test_the_rarer_and_the_more_often_said_word_counts_more() -> None:
    words = Words(DOCUMENTS)
    assert words.search(["mass"], 9).rows.tolist() == [2, 0]
    assert words.search(["mass", "left"], 1).rows.tolist() == [0]
    assert words.search(["mass"], 9, np.array([0, 1, 3])).rows.tolist() == [0]


@pytest.mark.parametrize("terms", [[], ["nodule"], ["nodule", ""]])
def test_what_nobody_wrote_finds_nothing(terms: list[str]) -> None:
    for words in (Words(DOCUMENTS), Words(()), Words([[], []])):
        assert len(words.search(terms, 5).rows) == 0


def test_fused_by_hand() -> None:
    # Row 7: 1/61 + 1/22; row 5: 1/62 + 1/21, more; row 1: 1/23; row 9: 1/63.
    first, second = ranking((7, 0.9), (5, 0.8), (9, 0.7)), ranking((5, 3.0), (7, 2.0), (1, 1.0))
    assert fused(first, second).tolist() == [5, 7, 1, 9]
    assert fused(first, ranking()).tolist() == [7, 5, 9]


def test_equal_scores_share_a_rank_and_the_other_ranking_decides() -> None:
    first, second = ranking((1, 0.9), (2, 0.8), (3, 0.7)), ranking((3, 2.0), (2, 2.0))
    assert fused(first, second).tolist() == [2, 3, 1]  # 1/62 + 1/21, 1/63 + 1/21, 1/61
