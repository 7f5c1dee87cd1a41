"""The letterbox: films of every shape, there and back."""

import numpy as np
import pytest

from lofi.film.stretch import stretch
from lofi.network.config import Preprocessing
from lofi.network.frame import Frame
from lofi.network.preprocess import canvas

SHAPES = [(300, 200), (200, 300), (64, 64), (3056, 2544), (1, 500), (37, 53)]


@pytest.mark.parametrize("size_hw", SHAPES, ids=str)
def test_boxes_and_points_return(size_hw: tuple[int, int]) -> None:
    frame = Frame(size_hw, 320)
    boxes = np.array([[0.1, 0.2, 0.35, 0.9], [0, 0, 1, 1]])
    assert frame.to_film(frame.to_canvas(boxes)) == pytest.approx(boxes)
    assert frame.points_to_film(frame.points_to_canvas(boxes[:, :2])) == pytest.approx(boxes[:, :2])


def test_two_to_three_film_by_hand() -> None:
    frame = Frame((300, 200), 300)  # 200 wide, centred: 50 columns of padding on each side
    assert frame.placed_hw == (300, 200)
    assert frame.offset_xy == (50, 0)
    assert frame.to_canvas(np.array([[0, 0, 1, 0.5]]))[0] == pytest.approx([50 / 300, 0, 250 / 300, 0.5])


@pytest.mark.parametrize("size_hw", [(300, 200), (200, 300)], ids=["tall", "wide"])
def test_an_off_centre_square_lands_where_its_box_says(size_hw: tuple[int, int]) -> None:
    """An asymmetric film, so that a flip or a swapped axis would be seen."""
    height, width = size_hw
    pixels = np.zeros(size_hw, dtype=np.float32)
    box = np.array([[0.1, 0.6, 0.3, 0.9]])
    x0, y0, x1, y1 = box[0]
    pixels[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = 1
    rendered, frame = canvas(pixels, Preprocessing(side=120, low=0, high=100))
    rows, columns = np.nonzero(rendered > 0.5)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 120
    assert seen == pytest.approx(frame.to_canvas(box)[0], abs=1 / 120)


def test_stretch_by_hand() -> None:
    pixels = np.linspace(0.2, 0.6, 101, dtype=np.float32).reshape(1, -1)
    assert stretch(pixels, 0, 100)[0, [0, 50, 100]] == pytest.approx([0, 0.5, 1])
    assert stretch(pixels, 25, 75)[0, [0, 25, 50, 75, 100]] == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0], ids=str)
def test_a_constant_film_becomes_zero(value: float) -> None:
    rendered, _ = canvas(np.full((40, 30), value, dtype=np.float32), Preprocessing(side=32))
    assert not rendered.any()


def test_padding_does_not_move_the_percentiles() -> None:
    """A narrow strip fills a tenth of the canvas: its own pixels alone decide what is black."""
    strip = np.tile(np.linspace(0.5, 1, 30, dtype=np.float32), (300, 1))
    rendered, frame = canvas(strip, Preprocessing(side=300, low=0, high=100))
    x, _ = frame.offset_xy
    assert rendered[:, x] == pytest.approx(0, abs=1e-6)
    assert rendered[:, x + frame.placed_hw[1] - 1] == pytest.approx(1, abs=1e-6)
