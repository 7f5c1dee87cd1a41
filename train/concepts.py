"""Write into a checkpoint's manifest what it was taught: ``python -m train.concepts --model FOLDER --records FILE``.

Counted on the train split of the records that it was trained on: films and boxes of each concept, and how its presence
was taught. ``--source`` names the sources that were used, ``--own-boxes`` leaves out boxes that another set added
later, ``--figures`` takes what train.evaluate measured. The weights stay as they are.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lofi.network.checkpoint import note_concepts
from lofi.network.concepts import Concept, Concepts, Presence
from lofi.report.concepts import FINDINGS, PAIRED, canonical
from train.data.lexicon import PHRASES
from train.data.records import PSEUDO, BoxRecord, FilmRecord, parse

MACHINE = frozenset({PSEUDO, "inferred"})
"""Qualities of boxes that no reader drew."""
_LABELS = {"pleural thickening": "pleural thickening", "zone opacity": "lung opacity", "diffuse nodule": "nodule"}


def concept_of(label: str) -> str:
    """The name under which phrases know a label of the records (lofi.report.concepts): "Pleural_Thickening"."""
    name = label.replace("_", " ").lower()
    return _LABELS.get(name, name.removeprefix("left ").removeprefix("right "))


def counted(records: Iterable[FilmRecord], labels_teach: bool = False) -> Concepts:
    """What films of the train split teach. ``labels_teach`` says that a label without a box was shown as presence, too;
    the mini recipe asked only for the absence of such.
    """
    films: Counter[str] = Counter()
    boxes: Counter[str] = Counter()
    machine: Counter[str] = Counter()
    asked: set[str] = set()
    for record in records:
        boxed = [box for box in record.boxes if _asked_for(box)]
        named = {concept_of(label) for label in record.findings if label != "No Finding"}
        named |= {name for box in boxed for name in _of_box(box)}
        films.update(named)
        asked |= {concept_of(label) for label in record.known()}
        for box in boxed:
            (machine if box.quality in MACHINE else boxes).update(_of_box(box))
    found = {}
    for name in sorted({*films, *asked}):
        presence = _presence(boxes[name], machine[name], labels_teach and films[name] > 0)
        if presence != "absence" or name in asked:
            found[name] = Concept(_name(name), films[name], boxes[name] + machine[name], presence)
    return found


def _asked_for(box: BoxRecord) -> bool:
    """Whether training asks for a box: findings that the lexicon has, zones and parts of the chest."""
    return box.kind in ("anatomy", "zone") or (box.kind == "finding" and box.label in PHRASES)


def _of_box(box: BoxRecord) -> tuple[str, ...]:
    """The concepts that a box teaches; a lung's box teaches its zones as well (train.feeding.episodes)."""
    name = concept_of(box.label)
    return (name, "lung zone") if name == "lung" else (name,)


def _presence(boxes: int, machine: int, labels: bool) -> Presence:
    return "boxes" if boxes else "machine" if machine else "labels" if labels else "absence"


def _name(concept: str) -> str:
    return f"left or right {concept}" if concept in PAIRED else canonical(concept)


def with_figures(concepts: Concepts, metrics: Mapping[str, Any]) -> Concepts:
    """The concepts with the figures of train.evaluate's metrics.json: where boxes lie, and whether they are there."""
    found = dict(concepts)
    for key, concept in concepts.items():
        measured = {**_boxed(metrics, key), **_present(metrics, key)}
        found[key] = Concept(concept.name, concept.films, concept.boxes, concept.presence, measured)
    return found


def _boxed(metrics: Mapping[str, Any], concept: str) -> dict[str, tuple[float, float, float, float]]:
    for label, figures in metrics.get("by label", {}).get("side", {}).items():
        if concept_of(label) == concept and "model: mean IoU" in figures:
            names = ("mean IoU", "IoU≥0.5", "IoU≥0.3")
            return {name: _figure(figures[f"model: {name}"]) for name in names if f"model: {name}" in figures}
    return {}


def _present(metrics: Mapping[str, Any], concept: str) -> dict[str, tuple[float, float, float, float]]:
    for label, figures in metrics.get("presence by label", {}).items():
        if concept_of(label) == concept and "AUROC, films without a finding" in figures:
            return {"AUROC": _figure(figures["AUROC, films without a finding"])}
    return {}


def _figure(values: Mapping[str, Any]) -> tuple[float, float, float, float]:
    return tuple(round(float(values[name]), 3) for name in ("value", "low", "high", "n"))  # type: ignore[return-value]


def read(path: Path, sources: Sequence[str], own_boxes: bool) -> list[FilmRecord]:
    """The films of the train split that were trained on."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            values = json.loads(line)
            if own_boxes:
                values["boxes"] = [box for box in values.get("boxes") or () if not box.get("by")]
            record = parse(values, path.parent)
            if record.split == "train" and (not sources or record.source in sources):
                found.append(record)
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m train.concepts", description=__doc__.splitlines()[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder")
    options.add_argument("--records", required=True, type=Path, help="records.jsonl that it was trained on")
    options.add_argument("--source", action="append", default=[], help="a source that was used; may be given again")
    options.add_argument("--own-boxes", action="store_true", help="without boxes that another set added to a film")
    options.add_argument("--labels-teach", action="store_true", help="labels without a box were shown as presence")
    options.add_argument("--figures", type=Path, help="metrics.json of train.evaluate")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = parser().parse_args(arguments)
    concepts = counted(read(given.records, given.source, given.own_boxes), given.labels_teach)
    if given.figures is not None:
        concepts = with_figures(concepts, json.loads(given.figures.read_text("utf-8")))
    note_concepts(given.model, concepts)
    for key, concept in concepts.items():
        print(f"{key:24} {concept.films:6} films {concept.boxes:6} boxes  {concept.presence}")
    left = [key for key in FINDINGS if key not in concepts]
    print(f"Not taught at all: {', '.join(left)}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
