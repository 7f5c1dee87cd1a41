"""The experiment with shots on the screen, and as Markdown for the README."""

from collections.abc import Iterator, Mapping
from typing import Any

FIGURES = ("mean IoU", "IoU≥0.5", "pointing")


def lines(results: Mapping[str, Any]) -> Iterator[str]:
    """The table on the screen: every system with its paired difference to the model without shots."""
    for name, part in results["sets"].items():
        first = next(iter(part["systems"].values()))["mean IoU"]
        yield f"\n── Shots, {name} (n {first.n}, patients {first.patients}; 95 % patient bootstrap) "
        yield f"{'':36}" + "".join(f"{figure:>24}" for figure in (*FIGURES, "IoU against k 0"))
        for system, figures in part["systems"].items():
            shown = [*(figures[figure] for figure in FIGURES), part["against k 0"][system]]
            yield f"{system:36}" + "".join(f"{figure!s:>24}" for figure in shown)
        for title in ("gains", "planted"):
            yield from (f"  {title}: {what}: {value}" for what, value in part[title].items())
    yield "\n── Cost " + ", ".join(f"{name} {value:.3f}" for name, value in results["cost"].items())


def markdown(results: Mapping[str, Any], ways: tuple[str, ...], counts: tuple[int, ...]) -> Iterator[str]:
    """Mean IoU by retriever and number of shots, then the controls and what the experiment asks, as Markdown."""
    for name, part in results["sets"].items():
        first = next(iter(part["systems"].values()))["mean IoU"]
        yield f"\nPhrases {name}, {first.n} questions, {first.patients} patients; mean IoU [95 % patient bootstrap]:\n"
        yield "| shots by | " + " | ".join(f"k = {count}" for count in (0, *counts)) + " |"
        yield "|---" * (len(counts) + 2) + "|"
        figures = {system: str(found["mean IoU"]) for system, found in part["systems"].items()}
        for way in ways:
            cells = [figures["k 0"], *(figures[f"k {count} {way}"] for count in counts)]
            yield f"| {way} | " + " | ".join(cells) + " |"
        yield "\n| control | mean IoU |\n|---|---|"
        controls = [system for system in figures if not system.startswith("k ")]
        yield from (f"| {system} | {figures[system]} |" for system in controls)
        yield "\n| paired difference | mean IoU |\n|---|---|"
        yield from (f"| {what} | {value} |" for what, value in part["gains"].items())
        told = part["planted"]
        yield f"\nOne shot of four planted wrong: it moved the answer most in {told['moved most']} of the questions "
        yield f"(chance 0.25), its boxes agreed least with the answer's in {told['agrees least']}, and the model saw "
        yield f"least of the phrase in them in {told['shows least']}. It was not heard in {told['not heard']}, of the "
        yield f"other three {told['not heard, share of the others']}."
    cost = results["cost"]
    yield f"\nk = 4 takes {cost.get('k 4 / k 0', float('nan')):.2f} times as long as k = 0."
