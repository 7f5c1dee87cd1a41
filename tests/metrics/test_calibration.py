"""Presence: counts that can be made on fingers."""

import numpy as np
import pytest

from lofi.metrics.calibration import (
    calibration_columns,
    expected_calibration_error,
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
    assert reliability([0.95, 0.93, 0.15], [True, False, False]) == [(1, 0.15, 0.0), (2, pytest.approx(0.94), 0.5)]


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
