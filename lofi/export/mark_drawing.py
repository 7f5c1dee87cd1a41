"""A reader's marks on the picture of a case: lines over a dark halo, words beside them."""

import math

from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke

from lofi.export.case import Case
from lofi.export.mark import Mark, Point
from lofi.film.view import MARK_COLOUR

_HALO = "#000000aa"


def draw_marks(axes: Axes, case: Case, size_hw: tuple[int, int], unit: float, points: float) -> None:
    """All marks on ``axes``, 0–1 in both directions. ``unit`` is a hundredth of the film's longer side in pixels of the
    picture, of which each has so many ``points``.
    """
    stroke = max(1.5, 0.2 * unit)
    for mark, _, words in case.marked:
        for ink, width in ((_HALO, 2.2 * stroke), (MARK_COLOUR, stroke)):
            dash = "dashed" if mark.kind == "scale" else "solid"
            if mark.kind == "ellipse":
                (x0, y0), (x1, y1) = mark.points
                middle = ((x0 + x1) / 2, (y0 + y1) / 2)
                shape = Ellipse(middle, abs(x1 - x0), abs(y1 - y0), fill=False, edgecolor=ink, lw=width * points)
                axes.add_patch(shape)
            for line in _lines(mark, size_hw, 1.6 * unit):
                xs, ys = zip(*line, strict=True)
                axes.plot(xs, ys, color=ink, linewidth=width * points, linestyle=dash, solid_capstyle="round")
        if words:
            _write(axes, words, mark.points[{"arrow": 0, "ratio": 1}.get(mark.kind, -1)], unit, points)


def _lines(mark: Mark, size_hw: tuple[int, int], head: float) -> list[list[Point]]:
    """The straight parts of a mark; ``head`` is the length of an arrow's barbs in pixels of the picture."""
    if mark.kind == "ellipse":
        return []
    if mark.kind == "ratio":
        return [list(mark.points[:2]), list(mark.points[2:])]
    lines = [list(mark.points)]
    if mark.kind == "arrow":
        (height, width), ((ax, ay), (bx, by)) = size_hw, mark.points
        angle = math.atan2((by - ay) * height, (bx - ax) * width)
        for turn in (0.45, -0.45):
            across, down = head * math.cos(angle + turn) / width, head * math.sin(angle + turn) / height
            lines.append([(bx, by), (bx - across, by - down)])
    return lines


def _write(axes: Axes, words: str, at: Point, unit: float, points: float) -> None:
    right = at[0] > 0.7
    text = axes.text(
        at[0] + (-0.01 if right else 0.01), at[1] - 0.005, words, color=MARK_COLOUR, fontsize=1.5 * unit * points,
        va="bottom", ha="right" if right else "left", parse_math=False, clip_on=True,
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=0.4 * unit * points, foreground="#000000")])
