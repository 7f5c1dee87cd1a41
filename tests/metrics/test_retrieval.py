"""Retrieval: similarity matrices whose recalls can be counted, ties included, and mAP against scikit-learn."""

import itertools

import numpy as np
import pytest

from lofi.metrics.retrieval import (
    first_relevant,
    hit_at,
    paired_recall,
    precision_figures,
    precision_rows,
    recall_figures,
)

SIMILARITY = np.array(
    [
        [0.9, 0.1, 0.2, 0.3],  # own first
        [0.8, 0.7, 0.2, 0.3],  # own second
        [0.8, 0.7, 0.1, 0.3],  # own last
        [0.4, 0.4, 0.4, 0.4],  # all tied
    ]
)


def test_recall_and_median_rank_by_hand() -> None:
    """R@1: 1, 0, 0 and ¼ of a chance; R@5: all. Ranks 1, 2, 4 and 2.5 expected: median 2.25."""
    figures = recall_figures(SIMILARITY, np.eye(4, dtype=bool), list("abcd"), resamples=50)
    assert figures["R@1"].value == pytest.approx(1.25 / 4)
    assert figures["R@5"].value == 1
    assert figures["median rank"].value == pytest.approx(2.25)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_hit_under_ties_is_the_mean_over_all_orders(k: int) -> None:
    """One candidate above, two relevant tied with two irrelevant: every order of the four, counted."""
    similarity, relevant = np.array([[0.9, 0.5, 0.5, 0.5, 0.5]]), np.array([[False, True, True, False, False]])
    orders = [(0, *order) for order in itertools.permutations([1, 2, 3, 4])]
    counted = np.mean([any(relevant[0, place] for place in order[:k]) for order in orders])
    assert hit_at(k, *first_relevant(similarity, relevant))[0] == pytest.approx(counted)


def test_a_constant_model_scores_chance_not_file_order() -> None:
    """Regression: argsort of equal similarities put the diagonal first and gave R@1 = 1."""
    figures = recall_figures(np.zeros((20, 20)), np.eye(20, dtype=bool), [str(n) for n in range(20)], resamples=20)
    assert figures["R@1"].value == pytest.approx(1 / 20)
    assert figures["median rank"].value == pytest.approx(10.5)


def test_collapsing_identical_texts_raises_recall() -> None:
    """Two normal films share a text: apart, each has its own copy only by luck; collapsed, both are right."""
    images = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    texts, text_of = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0, 1])
    apart = paired_recall(images, texts, text_of, list("abc"), collapse=False, resamples=20)
    collapsed = paired_recall(images, texts, text_of, list("abc"), collapse=True, resamples=20)
    assert apart["image→text"]["R@1"].value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert apart["text→image"]["R@1"].value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert collapsed["image→text"]["R@1"].value == 1
    assert (collapsed["text→image"]["R@1"].value, collapsed["text→image"]["R@1"].n) == (1, 2)


def test_precision_leaves_the_patient_out() -> None:
    """The best hit is the patient's own: passed over. Left: right, wrong, wrong. AP 1, chance ⅓."""
    similarity = np.array([[0.99, 0.9, 0.5, 0.1]])
    relevant = np.array([[True, True, False, False]])
    allowed = np.array([[False, True, True, True]])
    assert precision_rows(similarity, relevant, allowed)[0] == pytest.approx([1 / 3, 1 / 3, 1.0, 1 / 3])


def test_precision_at_five_counts_five() -> None:
    similarity = -np.arange(10.0)[None]
    relevant = np.isin(np.arange(10), [0, 2, 9])[None]
    row = precision_rows(similarity, relevant, np.ones((1, 10), dtype=bool))[0]
    assert row == pytest.approx([2 / 5, 3 / 10, (1 + 2 / 3 + 3 / 10) / 3, 0.3])


def test_average_precision_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(3)
    similarity, relevant = generator.random((12, 40)), generator.random((12, 40)) < 0.2
    rows = precision_rows(similarity, relevant, np.ones((12, 40), dtype=bool))
    for scores, right, row in zip(similarity, relevant, rows, strict=True):
        assert row[2] == pytest.approx(metrics.average_precision_score(right, scores))


def test_a_query_without_a_relevant_candidate_scores_nothing() -> None:
    rows = precision_rows(np.ones((1, 3)), np.zeros((1, 3), dtype=bool), np.ones((1, 3), dtype=bool))
    assert not rows.any()


def test_random_neighbours_are_at_chance() -> None:
    generator = np.random.default_rng(5)
    rows = precision_rows(
        generator.random((300, 200)), generator.random((300, 200)) < 0.3, np.ones((300, 200), dtype=bool)
    )
    figures = precision_figures(rows, [str(n) for n in range(300)])
    assert figures["precision@5 ÷ chance"].low < 1 < figures["precision@5 ÷ chance"].high


def test_constant_similarity_has_the_precision_of_chance() -> None:
    """Ten candidates, three right, all alike: precision at any k is 0.3 whatever the order of the file."""
    right = np.array([[True] * 3 + [False] * 7])
    (row,) = precision_rows(np.zeros((1, 10)), right, np.ones((1, 10), dtype=bool))
    assert row[:2] == pytest.approx([0.3, 0.3])
    assert row[3] == pytest.approx(0.3)


def test_tied_precision_is_the_mean_over_all_orders() -> None:
    scores, right = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.1]), np.array([False, True, True, False, False, True])
    rows = []
    for order in itertools.permutations(range(1, 5)):
        places = [0, *order, 5]
        unequal = np.arange(6, 0, -1, dtype=float)
        rows.append(precision_rows(unequal[None], right[places][None], np.ones((1, 6), dtype=bool))[0])
    tied = precision_rows(scores[None], right[None], np.ones((1, 6), dtype=bool))[0]
    assert tied == pytest.approx(np.mean(rows, axis=0))
