"""A heat map on the canvas, laid over a film: each cell where it lies, whatever the film's shape."""

import numpy as np
import pytest

from lofi.network.frame import Frame
from lofi.network.heat import over_film

HOT, COLD = 6.0, -6.0


@pytest.mark.parametrize(
    ("size_hw", "row", "column", "at"),
    [
        # A film twice as wide as high fills the middle rows of a canvas of four cells.
        ((100, 200), 1, 3, (0.25, 0.875)),
        ((200, 100), 3, 1, (0.875, 0.25)),
        ((64, 64), 0, 3, (0.125, 0.875)),
    ],
    ids=["wide", "tall", "square"],
)
def test_a_cell_lies_where_the_canvas_has_it(
    size_hw: tuple[int, int], row: int, column: int, at: tuple[float, float]
) -> None:
    cells = np.full((4, 4), COLD, dtype=np.float32)
    cells[row, column] = HOT
    heat = over_film(cells, Frame(size_hw, 448), longest=80)
    assert max(heat.shape) == 80
    assert heat.shape[0] / heat.shape[1] == pytest.approx(size_hw[0] / size_hw[1])
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert ((y + 0.5) / heat.shape[0], (x + 0.5) / heat.shape[1]) == pytest.approx(at, abs=0.13)
    # Half way to its cold neighbour it is lukewarm: maps are smooth between the middles of cells.
    assert heat.max() == pytest.approx(1 / (1 + np.exp(-HOT)), abs=0.01)


def test_a_cell_in_the_padding_is_not_on_the_film() -> None:
    cells = np.full((4, 4), COLD, dtype=np.float32)
    cells[0] = HOT
    heat = over_film(cells, Frame((100, 200), 448), longest=80)
    assert heat[heat.shape[0] // 2 :].max() < 0.01
