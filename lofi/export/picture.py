"""A case as a PNG: the film at its own proportions with its boxes, and beside it what they are and where from."""

import io
import textwrap
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray

from lofi.export.case import NOTE, PHRASE_LIMIT, Case, Finding, Region
from lofi.export.mark_drawing import draw_marks
from lofi.export.written import Written, named
from lofi.film.view import GUESS_DASH, READER_RIM, line_of
from lofi.gallery.text import clean_line
from lofi.results import UNJUDGED, Box

LONGEST, SHORTEST = 2_000, 1_000
"""Bounds in pixels of the film's longer side in the picture."""
SIDES_NOTES = {
    "file": "R and L mark the patient's sides, as the file says.",
    "usual": "R and L mark the patient's sides if the film is stored as usual.",
    "": "No R and L: which side of this picture is which is not known.",
}
HEAT_OPACITY = 0.6
"""Of a heat map's hottest place."""
LISTED = 40
"""Phrases that the legend lists; every one is drawn."""
_DPI = 100
_PAPER, _INK, _QUIET, _WARNING = "#101418", "#e6eaee", "#98a3ad", "#ffcf5c"
_COLUMNS = 40
"""Characters of a legend line."""


@dataclass(frozen=True)
class _Line:
    """One line of the legend; ``stroke`` is the colour and dash of the sample before it, None for none."""

    text: str
    colour: str = _INK
    stroke: tuple[str, str] | None = None
    gap: float = 0.0


def write_png(case: Case) -> Written:
    """The picture. Drawn by Agg into memory: no window, no global state of pyplot, safe in any thread."""
    height, width = _film_size(case)
    unit = max(height, width) / 100
    lines = _legend(case)
    legend_height = unit * (4 + sum(1.9 + line.gap for line in lines))
    figure_hw = (max(height, round(legend_height)), width + round(50 * unit))
    figure = Figure(figsize=(figure_hw[1] / _DPI, figure_hw[0] / _DPI), dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    _draw_film(figure, case, (height, width), figure_hw, unit)
    _draw_legend(figure, lines, width, figure_hw, unit)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata=_metadata(case))
    return named(case, target.getvalue(), "overlay", "png", "image/png")


def _film_size(case: Case) -> tuple[int, int]:
    """(height, width) in picture pixels."""
    height, width = case.film.size_hw
    scale = float(np.clip(max(height, width), SHORTEST, LONGEST)) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _draw_film(figure: Figure, case: Case, size_hw: tuple[int, int], figure_hw: tuple[int, int], unit: float) -> None:
    height, width = size_hw
    axes = figure.add_axes((0, 1 - height / figure_hw[0], width / figure_hw[1], height / figure_hw[0]))
    axes.set_axis_off()
    # One picture pixel a sample, resized here by area: matplotlib's own resampling would soften thin lines.
    shrinks = height <= case.film.size_hw[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    grey: NDArray[np.float32] = cv2.resize(case.film.pixels, (width, height), interpolation=how).astype(np.float32)
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1, extent=(0, 1, 1, 0), aspect="auto", interpolation="nearest")
    _draw_heat(axes, case)
    for finding in case.findings:
        for box, region in finding.standing:
            _draw_box(axes, finding, box, region, unit)
    draw_marks(axes, case, (height, width), unit, _points(1))
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    for x, letter, side in ((0.02, "R", "left"), (0.98, "L", "right")) if case.film.sides else ():
        _plated(axes, (x, 0.02), letter, _INK, unit, (side, "top"), 3)


def _draw_box(axes: Axes, finding: Finding, box: Box, region: Region, unit: float) -> None:
    """One box over a rim that keeps it visible on bright bone; a reader's is solid, with a light rim and initials."""
    colour, dash = line_of(finding.number)
    thin, rim = 1.0, "#000000aa"
    if region.reader:
        dash, rim = "", READER_RIM
    elif finding.guess:
        thin, dash = 0.5, GUESS_DASH
    (x0, y0, x1, y1), stroke = box, _stroke(unit)
    for ink, width_px, style in ((rim, 2.2 * thin * stroke, "solid"), (colour, thin * stroke, _dash(dash))):
        axes.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=ink, linewidth=_points(width_px),
                      linestyle=style)
        )  # fmt: skip
    number = str(region.number) if len(finding.regions) > 1 else ""
    if name := " ".join(part for part in (number, region.reader) if part):
        _plated(axes, (x0, y0), printable(name), READER_RIM if region.reader else colour, unit, ("left", "bottom"))


def _plated(
    axes: Axes, at: tuple[float, float], text: str, ink: str, unit: float, align: tuple[str, str], size: float = 1.5
) -> None:
    """Letters on a dark plate: the film below them may be as white as they are."""
    plate = {"facecolor": "#000000c8", "edgecolor": "none", "pad": _points(0.3 * size * unit)}
    axes.text(
        *at, text, color=ink, ha=align[0], va=align[1], fontsize=_points(size * unit), weight="bold", bbox=plate,
        parse_math=False, clip_on=True,
    )  # fmt: skip


def _draw_heat(axes: Axes, case: Case) -> None:
    """The heat map in its phrase's colour, the more opaque the hotter."""
    if case.heat is None:
        return
    opacity = HEAT_OPACITY * case.heat.values / max(case.heat.peak, 1e-6)
    colour = np.array(to_rgb(_heat_colour(case)), dtype=np.float32)
    layer = np.dstack([np.broadcast_to(colour, (*opacity.shape, 3)), opacity])
    axes.imshow(layer, extent=(0, 1, 1, 0), aspect="auto", interpolation="bilinear")


def _heat_colour(case: Case) -> str:
    phrase = "" if case.heat is None else clean_line(case.heat.phrase, PHRASE_LIMIT)
    return next((line_of(one.number)[0] for one in case.findings if one.phrase == phrase), line_of(0)[0])


def _stroke(unit: float) -> float:
    """Line width in pixels."""
    return max(1.5, 0.22 * unit)


def _dash(dash: str) -> "str | tuple[float, tuple[float, ...]]":
    """An SVG dash in pixels as matplotlib's, which counts in line widths; the page's lines are 2 pixels wide."""
    return (0.0, tuple(float(part) / 2 for part in dash.split())) if dash else "solid"


def _draw_legend(figure: Figure, lines: list[_Line], left: int, figure_hw: tuple[int, int], unit: float) -> None:
    height, width = figure_hw
    y = 2 * unit
    for line in lines:
        y += line.gap * unit
        if line.stroke is not None:
            colour, dash = line.stroke
            figure.add_artist(
                Rectangle(
                    ((left + 2 * unit) / width, 1 - (y + 1.5 * unit) / height), 3 * unit / width, 1.2 * unit / height,
                    fill=False, edgecolor=colour, linewidth=_points(_stroke(unit)), linestyle=_dash(dash),
                    transform=figure.transFigure,
                )
            )  # fmt: skip
        figure.add_artist(
            Text(
                (left + 6 * unit) / width, 1 - y / height, printable(line.text), color=line.colour, va="top",
                fontsize=_points(1.45 * unit), parse_math=False, transform=figure.transFigure,
            )
        )  # fmt: skip
        y += 1.9 * unit


def _legend(case: Case) -> list[_Line]:
    lines = [_Line(text, _WARNING) for flag in case.film.flags for text in _wrapped(flag, 4)]
    findings = case.findings
    for finding in findings[:LISTED]:
        stroke = line_of(finding.number)
        first, *rest = _wrapped(finding.phrase, 3) or [""]
        lines.append(_Line(first, stroke=stroke, gap=0.8))
        lines += [_Line(text) for text in rest]
        if finding.asked.lower() != finding.phrase.lower():
            lines += [_Line(text, _QUIET) for text in _wrapped(f"asked as {finding.asked}", 2)]
        lines += [_Line(text, _QUIET) for text in _wrapped(_answer(finding), 2)]
        lines += [_Line(text) for text in _wrapped(finding.judged(case.reader), 2)]
        lines += [_Line(text, _WARNING) for text in _wrapped(finding.warning, 4)]
        lines += [_Line(text, _QUIET) for text in _wrapped(finding.note, 3)]
    if len(findings) > LISTED:
        lines.append(_Line(f"and {len(findings) - LISTED} more phrases", _QUIET, gap=0.8))
    if not findings:
        lines.append(_Line("No phrase was asked.", _QUIET))
    height, width = case.film.size_hw
    film = " · ".join(fact for fact in (case.film.view, f"{width} × {height} pixels", case.film.sha256[:12]) if fact)
    facts = [f"Film {film}", f"Made {case.time.replace('T', ' ').replace('Z', ' UTC')}", f"Model {case.model}"]
    facts += ["Checkpoint SHA-256", case.fingerprint[:32], case.fingerprint[32:64]]
    if case.gallery is not None:
        facts.append(f"Gallery {case.gallery.name}, {case.gallery.studies} studies {case.gallery.sha256[:12]}")
    if case.reader:
        facts.append(f"{'Reviewed' if case.verdicts else 'Marked'} by {case.reader}")
    facts += [f"{mark.kind.capitalize()}: {words}" for mark, _, words in case.marked if words]
    if case.heat is not None:
        phrase = clean_line(case.heat.phrase, PHRASE_LIMIT)
        facts.append(f"Heat map of {phrase}, strongest {100 * case.heat.peak:.0f} %. {clean_line(case.heat.said, 500)}")
    if case.shown:
        facts.append(case.shown)
    if case.comment:
        facts += _wrapped(f"Comment: {case.comment}", 6)
    facts.append(SIDES_NOTES[case.film.sides])
    wrapped = [line for fact in facts for line in _wrapped(fact, 3)]
    lines += [_Line(text, _QUIET, gap=1.5 if index == 0 else 0.0) for index, text in enumerate(wrapped)]
    return [*lines, _Line(NOTE, gap=1.5)]


def _answer(finding: Finding) -> str:
    """The model's answer, whatever the reader said of it."""
    if finding.state in UNJUDGED:
        return finding.state
    return f"{finding.likely or finding.state} · chance it is there {100 * finding.confidence:.0f} %"


def _wrapped(text: str, most: int) -> list[str]:
    """``text`` in at most ``most`` legend lines, the last with an ellipsis where more would follow."""
    return textwrap.wrap(text, _COLUMNS, max_lines=most, placeholder=" …")


def printable(text: str) -> str:
    """``text`` with a box for every character that the font cannot draw; matplotlib would warn for each."""
    known = _glyphs()
    return "".join(letter if ord(letter) in known else "□" for letter in text)


@cache
def _glyphs() -> frozenset[int]:
    """Code points of the characters that the font has."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _metadata(case: Case) -> dict[str, str]:
    """Text chunks: the same provenance that the picture shows, for software to find."""
    gallery = f"{case.gallery.name} {case.gallery.sha256}" if case.gallery else "none"
    return {
        "Software": "LoFi",
        "Description": f"Model {case.model}, checkpoint {case.fingerprint}, gallery {gallery}, film {case.film.sha256}",
        "Creation Time": case.time,
        "Disclaimer": NOTE,
    }


def _points(pixels: float) -> float:
    return pixels * 72 / _DPI
