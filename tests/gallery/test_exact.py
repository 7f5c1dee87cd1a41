import numpy as np
import pytest

from lofi.gallery.exact import ExactIndex, best_first
from tests.doubles import clustered

# Unit vectors at 0°, 90°, 180° and about 53°: similarities to (1, 0) are 1, 0, −1 and 0.6.
FOUR = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
EAST = np.array([1, 0], dtype=np.float32)


@pytest.mark.parametrize(
    ("k", "allowed", "rows"),
    [
        pytest.param(0, None, [], id="none asked"),
        pytest.param(1, None, [0], id="one"),
        pytest.param(3, None, [0, 3, 1], id="three"),
        pytest.param(9, None, [0, 3, 1, 2], id="more than there are"),
        pytest.param(2, [1, 2, 3], [3, 1], id="filtered"),
        pytest.param(5, [2], [2], id="filter leaves one"),
        pytest.param(5, [], [], id="filter leaves none"),
    ],
)
def test_four_vectors(k: int, allowed: list[int] | None, rows: list[int]) -> None:
    chosen = None if allowed is None else np.array(allowed, dtype=np.int64)
    found = ExactIndex(FOUR).search(EAST, k, chosen)
    assert found.rows.tolist() == rows
    assert found.similarities.tolist() == pytest.approx([[1, 0, -1, 0.6][row] for row in rows])


def test_ties_come_in_the_order_of_rows() -> None:
    values = np.array([0.5, 0.9, 0.5, 0.5, 0.9], dtype=np.float32)
    assert best_first(values, 4).tolist() == [1, 4, 0, 2]


@pytest.mark.parametrize("share", [0.05, 0.6], ids=["rows gathered", "whole product"])
def test_filtered_agrees_with_a_full_sort(share: float) -> None:
    vectors, query = clustered(500, 8), clustered(1, 8, seed=1)[0]
    allowed = np.flatnonzero(np.random.default_rng(2).random(500) < share)
    expected = [row for row in np.argsort(-(vectors @ query), kind="stable") if row in set(allowed.tolist())][:20]
    assert ExactIndex(vectors).search(query, 20, allowed).rows.tolist() == expected
