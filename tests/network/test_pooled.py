"""Pooling on grids small enough to count by hand."""

import numpy as np
import pytest

from lofi.boxes import as_boxes
from lofi.network.pooled import cell_weights, pool_tokens, pool_vectors, ring_weights


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((0, 0, 1, 1), [1 / 6] * 6, id="everything"),
        pytest.param((0, 0, 1 / 3, 0.5), [1, 0, 0, 0, 0, 0], id="one cell"),
        pytest.param((1 / 3, 0, 1, 0.5), [0, 0.5, 0.5, 0, 0, 0], id="two cells"),
        pytest.param((1 / 6, 0, 2 / 3, 0.5), [1 / 3, 2 / 3, 0, 0, 0, 0], id="half a cell and one"),
        pytest.param((2, 2, 3, 3), [1 / 6] * 6, id="off the canvas"),
    ],
)
def test_cells_weigh_what_the_box_covers(box: tuple[float, ...], expected: list[float]) -> None:
    assert cell_weights(as_boxes([box]), rows=2, columns=3)[0] == pytest.approx(expected, abs=1e-6)


def test_the_ring_leaves_the_box_out() -> None:
    # The middle cell of five by five grows by half a cell to each side.
    ring = ring_weights(as_boxes([[0.4, 0.4, 0.6, 0.6]]), 5, 5).reshape(5, 5)
    assert ring[2, 2] == 0
    assert ring[1:4, 1:4].sum() == pytest.approx(1)
    assert ring[1, 2] == pytest.approx(2 * ring[1, 1])


def test_vectors_come_from_the_box_alone() -> None:
    content = np.zeros((16, 3), dtype=np.float32)
    content[:, 0] = 1
    content[3] = (0, 2, 0)  # the upper right corner
    vectors = pool_vectors(content, as_boxes([[0.75, 0, 1, 0.25], [0, 0.5, 0.5, 1]]))
    assert vectors == pytest.approx(np.array([[0, 1, 0], [1, 0, 0]]))


@pytest.mark.parametrize("count", [9, 7], ids=["a whole grid", "its last row incomplete"])
def test_tokens_are_inside_around_and_whole(count: int) -> None:
    prefix = np.eye(count, dtype=np.float32)
    tokens = pool_tokens(prefix, as_boxes([[0, 0, 1 / 3, 1 / 3]]))
    assert tokens.shape == (1, 3, count)
    assert tokens.dtype == np.float16
    assert tokens[0, 0].argmax() == 0
    assert tokens[0, 1, 0] == pytest.approx(0, abs=1e-3)
    assert tokens[0, 1, 1] > 0.1
    assert tokens[0, 2] == pytest.approx(np.full(count, 1 / count), abs=1e-3)
