"""κ by hand, from the papers, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from lofi.metrics.agreement import (
    as_ratings,
    cohen_columns,
    cohen_kappa,
    fleiss_columns,
    fleiss_kappa,
    gwet_ac1,
    percent_agreement,
)
from lofi.metrics.bootstrap import PatientBootstrap


def cohen(ratings: np.ndarray, categories: int) -> float:
    return float(cohen_kappa(cohen_columns(ratings, categories).sum(0)[None])[0])


def fleiss(ratings: np.ndarray, categories: int) -> float:
    return float(fleiss_kappa(fleiss_columns(ratings, categories).sum(0)[None])[0])


def counted(*cells: tuple[int, int, int]) -> np.ndarray:
    """Ratings of two readers from (first, second, how often)."""
    return as_ratings([pair for first, second, count in cells for pair in [(first, second)] * count], 2)


def test_cohen_by_hand() -> None:
    """50 items: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no. p_o = 35/50; p_e = 0.5·0.6 + 0.5·0.4 = 0.5; κ = 0.4."""
    assert cohen(counted((1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15)), 2) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("cells", "kappa"),
    [
        ([(1, 1, 3), (0, 0, 2)], 1.0),
        ([(1, 0, 2), (0, 1, 2)], -1.0),
        ([(1, 1, 1), (1, 0, 1), (0, 1, 1), (0, 0, 1)], 0.0),
        ([(1, 1, 3), (1, 0, 1)], 0.0),
    ],
    ids=["all agree", "none agree", "chance", "one reader never says no"],
)
def test_cohen_at_its_ends(cells: list[tuple[int, int, int]], kappa: float) -> None:
    assert cohen(counted(*cells), 2) == pytest.approx(kappa)


@pytest.mark.parametrize("categories", [2, 3, 5])
def test_cohen_is_scikit_learns(categories: int) -> None:
    random = np.random.default_rng(categories)
    first = random.integers(0, categories, 60)
    second = np.where(random.random(60) < 0.6, first, random.integers(0, categories, 60))
    ours = cohen(np.stack([first, second], axis=1), categories)
    assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_fleiss_by_hand() -> None:
    """4 items, 3 readers, votes for yes 3, 2, 0, 1.

    P_i = 1, 1/3, 1, 1/3, so P = 2/3; p(yes) = 6/12, so p_e = 1/2; κ = (2/3 − 1/2) / (1/2) = 1/3.
    """
    assert fleiss(as_ratings([[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]], 3), 2) == pytest.approx(1 / 3)


def test_fleiss_as_in_the_textbook() -> None:
    """14 raters, 10 items, 5 categories: the worked example that everybody copies, κ = 0.210."""
    table = """0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1|7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"""
    counts = [[int(number) for number in row.split()] for row in table.split("|")]
    ratings = as_ratings([np.repeat(range(5), row).tolist() for row in counts], 14)
    assert fleiss(ratings, 5) == pytest.approx(0.20993, abs=1e-5)


def test_fleiss_of_two_readers_uses_common_margins() -> None:
    """Scott's π on the 2 × 2 table above: margins of yes 0.55, p_e = 0.505; (0.7 − 0.505) / 0.495, not 0.4."""
    ratings = counted((1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15))
    assert fleiss(ratings, 2) == pytest.approx(0.195 / 0.495)


def ac1(ratings: np.ndarray, categories: int) -> float:
    return float(gwet_ac1(fleiss_columns(ratings, categories).sum(0)[None])[0])


def test_ac1_by_hand() -> None:
    """The 50 items above: p_a = 0.7, π = 0.55, p_e = 2 · 0.55 · 0.45 = 0.495; (0.7 − 0.495) / 0.505."""
    table = counted((1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15))
    assert ac1(table, 2) == pytest.approx(0.205 / 0.505)
    assert percent_agreement(fleiss_columns(table, 2).sum(0)[None])[0] == pytest.approx(0.7)


def test_ac1_keeps_where_kappa_falls() -> None:
    """Gwet's own case: 118 yes-yes, 5 yes-no, 2 no-yes, none no-no of 125. p_a = 0.944, π = (123 + 120) / 250 = 0.972.

    p_e = 2 · 0.972 · 0.028 = 0.054432, so AC1 = 0.889568 / 0.945568 = 0.94078, and κ = −0.0234.
    """
    table = counted((1, 1, 118), (1, 0, 5), (0, 1, 2))
    assert ac1(table, 2) == pytest.approx(0.94078, abs=1e-5)
    assert cohen(table, 2) == pytest.approx(-0.0234, abs=1e-4)


def test_ac1_of_three_readers_and_three_categories_by_hand() -> None:
    """Items 000, 001, 122: P_i = 1, 1/3, 1/3; π = 5/9, 2/9, 2/9, Σ π (1 − π) = 48/81, halved 24/81."""
    ratings = as_ratings([[0, 0, 0], [0, 0, 1], [1, 2, 2]], 3)
    assert ac1(ratings, 3) == pytest.approx((5 / 9 - 24 / 81) / (1 - 24 / 81))


def test_ac1_where_all_say_the_same_is_one_and_has_an_interval() -> None:
    assert ac1(counted((1, 1, 7)), 2) == 1
    ratings = counted((1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15))
    found = PatientBootstrap([str(number) for number in range(50)]).of_sums(fleiss_columns(ratings, 2), gwet_ac1)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("figure", [cohen, fleiss], ids=["cohen", "fleiss"])
def test_one_category_alone_is_undefined(figure: object) -> None:
    assert np.isnan(figure(counted((1, 1, 7)), 2))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("columns", "kappa"), [(cohen_columns, cohen_kappa), (fleiss_columns, fleiss_kappa)], ids=["cohen", "fleiss"]
)
def test_the_bootstrap_takes_whole_cases(columns: object, kappa: object) -> None:
    """Each case four times over: the figure stays, and the interval is that of the cases, not of the copies."""
    ratings = counted((1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15))
    cases = [str(number) for number in range(50)]
    once = PatientBootstrap(cases).of_sums(columns(ratings, 2), kappa)  # type: ignore[operator,arg-type]
    four = PatientBootstrap(np.repeat(cases, 4).tolist()).of_sums(columns(np.repeat(ratings, 4, 0), 2), kappa)  # type: ignore[operator,arg-type]
    assert four.value == pytest.approx(once.value)
    assert (four.low, four.high) == (pytest.approx(once.low), pytest.approx(once.high))
    assert once.low < once.value < once.high
