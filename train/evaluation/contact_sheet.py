"""A sheet of the worst and the best answers, films with both boxes: figures hide what a glance shows."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph
from lofi.results import Grounding
from train.evaluation.questions import Film, FilmBox, Question

COLUMNS, ROWS = 6, 2
TARGET, ANSWER = "#4cd964", "#ffb000"


def draw(
    films: Sequence[Film],
    questions: Sequence[Question],
    answers: Sequence[Grounding],
    ious: NDArray[np.float64],
    file: Path,
) -> None:
    """Up to twelve of the worst and of the best; among equals the surest first, as those mislead the most."""
    order = sorted(range(len(questions)), key=lambda number: (ious[number], -answers[number].confidence))
    half = min(COLUMNS * ROWS, len(order) // 2)
    worst, best = order[:half], order[::-1][:half]
    figure, panels = plt.subplots(2 * ROWS, COLUMNS, figsize=(2.6 * COLUMNS, 6 * ROWS), layout="constrained")
    for axes in panels.ravel():
        axes.axis("off")
    for places, numbers in ((panels[:ROWS].ravel(), worst), (panels[ROWS:].ravel(), best)):
        for axes, number in zip(places, numbers, strict=False):
            question = questions[number]
            _film(axes, films[question.film], question, answers[number], float(ious[number]))
    figure.suptitle("Upper half: worst. Lower half: best. Green, dashed: the radiologist's box. Orange: the model's.")
    figure.savefig(file, dpi=100)
    plt.close(figure)


def _film(axes: Axes, film: Film, question: Question, answer: Grounding, iou: float) -> None:
    pixels = Radiograph.read(film.path).pixels
    height, width = pixels.shape
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    for box in question.targets:
        _box(axes, box, width, height, TARGET, "--")
    for box in answer.boxes:
        _box(axes, box, width, height, ANSWER, "-")
    axes.set_title(f"{question.phrase}\nIoU {iou:.2f}, confidence {answer.confidence:.2f}", fontsize=8)


def _box(axes: Axes, box: FilmBox, width: int, height: int, colour: str, style: str) -> None:
    x0, y0, x1, y1 = box
    corner, size = (x0 * width, y0 * height), ((x1 - x0) * width, (y1 - y0) * height)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linestyle=style, linewidth=1.6))
