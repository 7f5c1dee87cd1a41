"""A case as a PNG: the film at its own proportions with its boxes, and beside it what they are and where from."""

import io
import textwrap
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import NDArray

from lofi.export.case import NOTE, Case, Finding
from lofi.export.mark_drawing import draw_marks
from lofi.export.written import Written, named
from lofi.film.view import GUESS_DASH, GUESSED, line_of

LONGEST, SHORTEST = 2_000, 1_000
"""Bounds in pixels of the film's longer side in the picture."""
SIDES_NOTE = "R and L mark the patient's sides if the film is stored as usual."
LISTED = 40
"""Phrases that the legend lists; every one is drawn."""
_DPI = 100
_PAPER, _INK, _QUIET = "#101418", "#e6eaee", "#98a3ad"
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
    stroke = _stroke(unit)
    for finding in case.findings:
        colour, dash = line_of(finding.number)
        # What was never learnt is a guess, drawn thin and in dots as on the page.
        thin, dash = (0.5, GUESS_DASH) if finding.state in GUESSED else (1.0, dash)
        for (x0, y0, x1, y1), _ in finding.standing:
            # A dark line below keeps the colour visible on bright bone, as on the page.
            for ink, width_px, style in (
                ("#000000aa", 2.2 * thin * stroke, "solid"),
                (colour, thin * stroke, _dash(dash)),
            ):
                axes.add_patch(
                    Rectangle(
                        (x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=ink, linewidth=_points(width_px),
                        linestyle=style,
                    )
                )  # fmt: skip
    draw_marks(axes, case, (height, width), unit, _points(1))
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    if case.film.view != "LATERAL":
        for x, letter, side in ((0.02, "R", "left"), (0.98, "L", "right")):
            text = axes.text(x, 0.02, letter, color=_INK, ha=side, va="top", fontsize=_points(3 * unit), weight="bold")
            # A dark rim, because a corner of the film may be as white as the letter.
            text.set_path_effects([withStroke(linewidth=_points(0.5 * unit), foreground="#000000")])


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
    lines: list[_Line] = []
    findings = case.findings
    for finding in findings[:LISTED]:
        stroke = line_of(finding.number)
        first, *rest = _wrapped(finding.phrase, 3) or [""]
        lines.append(_Line(first, stroke=stroke, gap=0.8))
        lines += [_Line(text) for text in rest]
        if finding.asked.lower() != finding.phrase.lower():
            lines += [_Line(text, _QUIET) for text in _wrapped(f"asked as {finding.asked}", 2)]
        lines += [_Line(text, _QUIET) for text in _wrapped(_answer(finding), 2)]
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
    if case.shown:
        facts.append(case.shown)
    if case.comment:
        facts += _wrapped(f"Comment: {case.comment}", 6)
    if case.film.view != "LATERAL":
        facts.append(SIDES_NOTE)
    wrapped = [line for fact in facts for line in _wrapped(fact, 3)]
    lines += [_Line(text, _QUIET, gap=1.5 if index == 0 else 0.0) for index, text in enumerate(wrapped)]
    return [*lines, _Line(NOTE, gap=1.5)]


def _answer(finding: Finding) -> str:
    sure = f"confidence {100 * finding.confidence:.0f} %"
    if finding.absent_for_reader:
        return f"absent for the reader · {sure}"
    if finding.state in ("denied", "not understood"):
        return finding.state
    if not finding.found and not finding.standing:
        return f"{finding.state} · {sure}"
    rejected = len(finding.regions) - len(finding.standing)
    left_out = f" · {rejected} rejected, not drawn" if rejected else ""
    by_reader = finding.state == "not found"
    return f"{'added by the reader' if by_reader else finding.state} · {sure}{left_out}"


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
