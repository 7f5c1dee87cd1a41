"""Area under the curve and medians, by hand and against scikit-learn and NumPy."""

import numpy as np
import pytest

from lofi.metrics.ranking import auroc, weighted_median


@pytest.mark.parametrize(
    ("scores", "positive", "area"),
    [
        pytest.param([0.1, 0.9], [False, True], 1.0, id="right"),
        pytest.param([0.9, 0.1], [False, True], 0.0, id="wrong"),
        pytest.param([0.5, 0.5], [False, True], 0.5, id="tied"),
        pytest.param([0.1, 0.4, 0.35, 0.8], [False, False, True, True], 0.75, id="three of four pairs"),
    ],
)
def test_auroc_by_hand(scores: list, positive: list, area: float) -> None:
    assert auroc(np.array(scores), np.array(positive), np.ones((1, len(scores))))[0] == area


def test_auroc_without_a_class_is_undefined() -> None:
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True]), np.ones((1, 2)))[0])
    assert np.isnan(auroc(np.zeros(0), np.zeros(0, dtype=bool), np.ones((1, 0)))[0])


def test_weights_are_repetitions_and_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    scores, positive = np.round(generator.random(80), 1), generator.random(80) < 0.3  # rounded: many ties
    weights = generator.integers(0, 4, size=(5, 80)).astype(float)
    ours = auroc(scores, positive, weights)
    for row, area in zip(weights, ours, strict=True):
        assert area == pytest.approx(metrics.roc_auc_score(positive, scores, sample_weight=row))


def test_weighted_median_is_the_median_of_repetitions() -> None:
    generator = np.random.default_rng(1)
    values, weights = generator.random(15), generator.integers(0, 3, size=(20, 15)).astype(float)
    for row, median in zip(weights, weighted_median(values, weights), strict=True):
        assert median == pytest.approx(np.median(np.repeat(values, row.astype(int))))
