"""Patient bootstrap: figures by hand, the interval's width against theory, patients kept together."""

import numpy as np
import pytest

from lofi.errors import BadQuery
from lofi.metrics.bootstrap import Estimate, PatientBootstrap, ratio


def test_mean_counts_items_and_patients() -> None:
    estimate = PatientBootstrap(["a", "a", "b"]).mean([1.0, 0.0, 0.5])
    assert (estimate.value, estimate.n, estimate.patients) == (0.5, 3, 2)
    assert estimate.high >= 0.5 - 1e-9
    assert estimate.low <= 0.5 + 1e-9


def test_interval_of_independent_items_has_the_width_of_theory() -> None:
    values = np.random.default_rng(1).normal(size=400)
    estimate = PatientBootstrap([str(number) for number in range(400)], 4000).mean(values)
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert estimate.high - estimate.low == pytest.approx(expected, rel=0.08)


def test_films_of_one_patient_widen_the_interval() -> None:
    """Ten copies of a patient's film are one patient: treating them as ten would shrink the interval threefold."""
    values = np.repeat(np.random.default_rng(2).random(30), 10)
    together = PatientBootstrap(np.repeat(np.arange(30), 10).astype(str).tolist()).mean(values)
    apart = PatientBootstrap([str(number) for number in range(300)]).mean(values)
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(np.sqrt(10), rel=0.25)


def test_sums_and_weights_agree() -> None:
    """A mean by column sums and the same mean by item weights are drawn on the same resamples."""
    patients, values = ["a", "b", "b", "c", "d"], np.array([0.1, 0.9, 0.4, 0.3, 0.7])
    boot = PatientBootstrap(patients, 300, seed=3)
    by_weight = boot.of_weights(lambda weights: (weights * values).sum(1) / weights.sum(1))
    assert by_weight.to_json() == boot.mean(values).to_json()


def test_a_statistic_undefined_in_some_resamples_uses_the_others() -> None:
    boot = PatientBootstrap(["a", "b"], 200)
    estimate = boot.of_sums(np.array([[1.0, 1.0], [0.0, 0.0]]), ratio)  # patient b alone gives 0/0
    assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)


def test_nothing_gives_no_figure() -> None:
    estimate = PatientBootstrap([]).mean([])
    assert estimate.n == 0
    assert str(estimate) == "–"
    assert estimate.to_json()["value"] is None


def test_a_seed_gives_the_same_interval() -> None:
    values = np.arange(20.0)
    names = [str(number) for number in range(20)]
    assert PatientBootstrap(names, seed=5).mean(values) == PatientBootstrap(names, seed=5).mean(values)
    assert PatientBootstrap(names, seed=5).mean(values) != PatientBootstrap(names, seed=6).mean(values)


def test_rows_must_fit_the_items() -> None:
    with pytest.raises(BadQuery, match="2 items"):
        PatientBootstrap(["a", "b"]).of_sums(np.ones((3, 1)), ratio)


def test_an_estimate_reads_like_a_table_cell() -> None:
    assert str(Estimate(0.1234, 0.1, 0.2, 5, 4)) == "0.123 [0.100, 0.200]"
