"""Presence: counts that can be made on fingers."""

import numpy as np
import pytest

from lofi.metrics.calibration import (
    calibration_columns,
    even_weights,
    expected_calibration_error,
    fit_confidence,
    presence_figures,
    reliability,
)


def test_ece_by_hand() -> None:
    """Two at 0.95, one of them present: gap 0.45. Two at 0.15, none present: gap 0.15. Mean 0.3."""
    columns = calibration_columns([0.95, 0.95, 0.15, 0.15], [True, False, False, False])
    assert expected_calibration_error(columns.sum(0)[None])[0] == pytest.approx(0.3)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_sure_and_right_answer_is_calibrated(confidence: float) -> None:
    columns = calibration_columns([confidence] * 3, [confidence == 1.0] * 3)
    assert expected_calibration_error(columns.sum(0)[None])[0] == 0


def test_reliability_leaves_empty_bins_out() -> None:
    """The present phrase weighs as much as the two absent ones, so twice as much as one of them."""
    upper = (2, pytest.approx((2 * 0.95 + 0.93) / 3), pytest.approx(2 / 3))
    assert reliability([0.95, 0.93, 0.15], [True, False, False]) == [(1, pytest.approx(0.15), 0.0), upper]


def test_sensitivity_and_specificity_count_their_own_phrases() -> None:
    present = [True, True, True, False, False]
    found = [True, True, False, True, False]
    confidence = [0.9, 0.8, 0.3, 0.6, 0.1]
    figures = presence_figures(confidence, found, present, ["a", "b", "c", "d", "e"], resamples=100)
    assert figures["sensitivity"].value == pytest.approx(2 / 3)
    assert figures["sensitivity"].n == 3
    assert (figures["specificity"].value, figures["specificity"].n) == (0.5, 2)
    assert figures["AUROC present/absent"].value == pytest.approx(5 / 6)


def test_without_absent_phrases_specificity_has_no_value() -> None:
    figures = presence_figures([0.9], [True], [True], ["a"], resamples=20)
    assert figures["sensitivity"].value == 1
    assert np.isnan(figures["specificity"].value)
    assert np.isnan(figures["AUROC present/absent"].value)


def test_both_kinds_weigh_the_same() -> None:
    weights = even_weights([True, False, False, False])
    np.testing.assert_allclose(weights, [2, 2 / 3, 2 / 3, 2 / 3])
    # One present at 0.5 and three absent at 0.5 are as many as each other: a confidence of one half is right.
    columns = calibration_columns([0.5] * 4, [True, False, False, False], weights=weights)
    assert expected_calibration_error(columns.sum(0)[None])[0] == pytest.approx(0.0, abs=1e-12)


def test_fit_finds_the_scale_that_made_the_confidence() -> None:
    """Presence drawn with log-odds of 0.5 · x − 1 in equal halves; the confidence says x."""
    generator = np.random.default_rng(0)
    odds = generator.normal(2.0, 3.0, 40_000)
    present = generator.random(len(odds)) < 1 / (1 + np.exp(-(0.5 * odds - 1)))
    slope, offset = fit_confidence(1 / (1 + np.exp(-odds)), present)
    share = present.mean()
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(-1 - np.log(share / (1 - share)), abs=0.08)


def test_fit_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="absent"):
        fit_confidence([0.4, 0.6], [True, True])
