"""The one table on the screen: every figure with its interval and what it rests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from lofi.metrics.bootstrap import Estimate

SHOWN = ("mean IoU", "IoU≥0.3", "IoU≥0.5", "F1@0.5", "RoDeO total", "pointing")
"""Grounding figures wide enough for the screen; the JSON holds all."""
BY_LABEL = ("mean IoU", "IoU≥0.5")


def lines(results: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table; ``results`` is what train.evaluate.evaluate returns."""
    for name, systems in results["grounding"].items():
        first = next(iter(systems.values()))["mean IoU"]
        yield from _title(f"Grounding, {name} (n {first.n}, patients {first.patients}; 95 % patient bootstrap)")
        yield f"{'':27}" + "".join(f"{figure:>22}" for figure in SHOWN)
        for system, figures in systems.items():
            yield f"{system:27}" + "".join(f"{figures[figure]!s:>22}" for figure in SHOWN)
        for pair, gain in results["gains"][name].items():
            yield f"  difference in mean IoU, {pair}: {gain}"
    for name, labels in results["by label"].items():
        if not labels:
            continue
        shown = [key for key in next(iter(labels.values())) if key.endswith(BY_LABEL)]
        yield from _title(f"Grounding by label, {name}")
        yield f"{'':27}" + "".join(f"{key:>32}" for key in shown)
        for label, systems in labels.items():
            estimates = [systems[key] for key in shown]
            yield f"{label:27}" + "".join(f"{estimate!s:>32}" for estimate in estimates) + f"   n {estimates[0].n}"
    yield from _title("Grounding by subgroup, with side (mean IoU of model)")
    for name, estimate in results["subgroups"].items():
        yield _row(name, [estimate])
    for name in (
        "published rules",
        "presence",
        "answering",
        "presence by label",
        "coded places",
        "wording",
        "text retrieval",
        "label retrieval",
        "zero-shot AUROC",
        "language",
    ):
        yield from _title(name.capitalize())
        yield from _tree(results[name])


def _title(text: str) -> tuple[str, str]:
    return "", f"── {text} "


def _row(name: str, estimates: list[Estimate]) -> str:
    return f"{name:27}" + "".join(f"{estimate!s:>22}" for estimate in estimates) + f"   n {estimates[0].n}"


def _tree(node: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, Estimate):
            yield f"{' ' * indent}{name:{34 - indent}}{value!s:>24}   n {value.n}"
        else:
            yield f"{' ' * indent}{name}"
            yield from _tree(value, indent + 2)


def to_json(node: Any) -> Any:
    """The same results as plain JSON values."""
    if isinstance(node, Estimate):
        return node.to_json()
    return {str(name): to_json(value) for name, value in node.items()} if isinstance(node, Mapping) else node
