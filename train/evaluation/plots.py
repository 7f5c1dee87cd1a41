"""One page of plots: grounding against its controls, its spread, calibration, retrieval, labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from lofi.metrics.bootstrap import Estimate, Floats
from lofi.metrics.retrieval import RECALL_AT

BLUE, GREY, RED = "#1f5fa8", "#9aa3ad", "#b3261e"


def bars(axes: Axes, estimates: Mapping[str, Estimate], title: str, chance: float | None = None) -> None:
    """Horizontal bars with intervals, first on top; ``chance`` as a dashed line."""
    shown = {name: value for name, value in estimates.items() if not np.isnan(value.value)}
    values = [value.value for value in shown.values()]
    errors = [
        [value.value - value.low for value in shown.values()],
        [value.high - value.value for value in shown.values()],
    ]
    colours = [BLUE if name.startswith(("model", "mean of")) else GREY for name in shown]
    axes.barh(range(len(shown)), values, xerr=np.maximum(errors, 0) if shown else None, color=colours, capsize=2)
    axes.set_yticks(range(len(shown)), [f"{name} ({value.n})" for name, value in shown.items()], fontsize=7)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9)
    if chance is not None:
        axes.axvline(chance, color=RED, linestyle="--", linewidth=1)


def spread(axes: Axes, systems: Mapping[str, Floats]) -> None:
    """Share of questions answered at an IoU or better, over the IoU."""
    for name, values in systems.items():
        level = np.sort(values)
        axes.plot(level, 1 - np.arange(len(level)) / max(len(level), 1), label=name, drawstyle="steps-pre")
    axes.set(xlabel="IoU", ylim=(0, 1), xlim=(0, 1))
    axes.set_title("Share of phrases with side at this IoU or better", fontsize=9)
    if axes.get_legend_handles_labels()[0]:  # nothing to tell apart where a record file has no such films
        axes.legend(fontsize=6)


def calibration(axes: Axes, curve: Sequence[tuple[int, float, float]]) -> None:
    """Reliability curve; the size of a dot is the number of phrases in its bin."""
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    if curve:
        count, sure, there = zip(*curve, strict=True)
        axes.plot(sure, there, color=BLUE)
        axes.scatter(sure, there, s=[8 + 200 * n / sum(count) for n in count], color=BLUE)
    axes.set(xlabel="confidence", ylabel="share present", xlim=(0, 1), ylim=(0, 1))
    axes.set_title("Calibration of “found”", fontsize=9)


def recall(axes: Axes, conventions: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> None:
    """Recall at k with its interval, both directions, both conventions."""
    for convention, directions in conventions.items():
        for direction, figures in directions.items():
            found = [figures[f"R@{k}"] for k in RECALL_AT]
            style = "-" if "collapsed" in convention else "--"
            line = axes.plot(
                RECALL_AT, [value.value for value in found], style, marker="o", ms=3, label=f"{direction}, {convention}"
            )
            axes.fill_between(
                RECALL_AT, [v.low for v in found], [v.high for v in found], color=line[0].get_color(), alpha=0.12
            )
    axes.set(xscale="log", xlabel="k", ylim=(0, 1))
    axes.set_xticks(RECALL_AT, [str(k) for k in RECALL_AT])
    axes.set_title("Recall at k", fontsize=9)
    if axes.get_legend_handles_labels()[0]:  # nothing to tell apart where a record file has no such films
        axes.legend(fontsize=6)


def _first(pools: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pool to quote stands first: NIH films where there are any."""
    return next(iter(pools.values()), {})


def draw(
    results: Mapping[str, Any], curve: Sequence[tuple[int, float, float]], ious: Mapping[str, Floats], file: Path
) -> None:
    """The page as a picture."""
    figure, panels = plt.subplots(3, 3, figsize=(15, 12), layout="constrained")
    grid = panels.ravel()
    grounding = results["grounding"]
    for axes, (name, level) in zip(
        grid[:3], (("bare", "mean IoU"), ("side", "mean IoU"), ("side", "IoU≥0.5")), strict=True
    ):
        systems = grounding.get(name, {})
        bars(axes, {system: figures[level] for system, figures in systems.items()}, f"{level}, {name} (n)")
    labels = results["by label"].get("side", {})
    bars(
        grid[3],
        {label: next(iter(systems.values())) for label, systems in labels.items()},
        "Mean IoU with side, by label (n)",
    )
    spread(grid[4], ious)
    calibration(grid[5], curve)
    recall(grid[6], _first(results["text retrieval"]))
    zero = _first(results["zero-shot AUROC"])
    bars(grid[7], zero, "Zero-shot AUROC, negated prompts (n)", chance=0.5)
    nearest = _first(results["label retrieval"])
    shown = {name: value for name, value in nearest.items() if "÷" not in name}
    bars(grid[8], shown, "Label retrieval, image → image (queries)")
    figure.suptitle("Films of NIH where the record file has any, 95 % patient-bootstrap intervals", fontsize=10)
    figure.savefig(file, dpi=110)
    plt.close(figure)
