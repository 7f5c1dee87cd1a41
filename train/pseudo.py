"""Let a checkpoint box what no one has boxed, and write records to train on: pseudo-labels.

    python -m train.pseudo --model CHECKPOINT --records FILE --out FILE

Only films of the train split get boxes, and only two kinds: findings that the film's own labels name but that nobody
boxed, where the model is sure of them, and lungs, which every film shows. Each is marked ``quality`` "pseudo"; all
other records are passed on as they are, so that the written file takes the place of the first.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lofi.boxes import side_of
from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.checkpoint import load
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.data.lexicon import CANONICAL, UNSIDED
from train.data.records import NIH_SOURCES, PSEUDO, FilmRecord, parse
from train.evaluation.asking import always_answering

LUNGS = ("right lung", "left lung")


@dataclass(frozen=True)
class Unboxed:
    """What a film is asked for: ``labels`` that it has without any box, and whether its ``lungs`` are wanted."""

    labels: tuple[str, ...]
    lungs: bool


def unboxed(record: FilmRecord) -> Unboxed:
    """The labels of a train film that nobody boxed; lungs only where it has no anatomy box either."""
    if record.split != "train" or record.source not in NIH_SOURCES | {"rsna_normal"}:
        return Unboxed((), lungs=False)
    boxed = {box.label for box in record.boxes if box.kind == "finding"}
    labels = tuple(label for label in record.findings if label in CANONICAL and label not in boxed)
    # A film on which some finding was boxed had a reader who left the others out: they may be there, but where?
    return Unboxed(() if boxed else labels, lungs=not any(box.kind == "anatomy" for box in record.boxes))


def box_rows(answer: Grounding, label: str, kind: str) -> list[dict[str, Any]]:
    """The boxes of an answer in the record format."""
    sided = kind == "finding" and label not in UNSIDED
    return [
        {
            "phrase": answer.phrase,
            "label": label,
            "kind": kind,
            "side": side_of(box) if sided else "",
            "quality": PSEUDO,
            "box": [round(float(value), 4) for value in box],
        }
        for box in answer.boxes
    ]


def answers(model: LofiModel, record: FilmRecord, wanted: Unboxed) -> list[tuple[str, Grounding]]:
    """(label, answer) for every label wanted, and for the lungs, whose label is "Lung"."""
    film = model.encode(Radiograph.read(record.path))
    asked = [(label, CANONICAL[label]) for label in wanted.labels]
    asked += [("Lung", phrase) for phrase in LUNGS if wanted.lungs]
    found = model.locate_each([(film, phrase) for _, phrase in asked])
    return [(label, answer) for (label, _), answer in zip(asked, found, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.pseudo", description=(__doc__ or "").split("\n")[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder")
    options.add_argument("--records", required=True, type=Path)
    options.add_argument("--out", required=True, type=Path, help="record file to write")
    options.add_argument("--keep", type=float, default=0.6, help="share of a label's answers kept, the surest (0.6)")
    options.add_argument("--least", type=float, default=0.5, help="confidence that every answer kept has (0.5)")
    options.add_argument("--normals", type=int, default=500, help="normal films whose lungs are boxed (500)")
    given = options.parse_args(arguments)
    model = always_answering(load(given.model))
    rows = [json.loads(line) for line in given.records.read_text("utf-8").splitlines() if line.strip()]
    records = [parse(row, given.records.parent) for row in rows]
    wanted = chosen(records, given.normals)
    found: dict[int, list[tuple[str, Grounding]]] = {}
    unread = 0
    for number in tqdm(wanted, unit="film"):
        try:
            found[number] = answers(model, records[number], wanted[number])
        except LofiError:
            unread += 1
    floors = confidence_floors([pair for pairs in found.values() for pair in pairs], given.keep, given.least)
    counts: dict[str, int] = {}
    for number, pairs in found.items():
        for label, answer in pairs:
            if answer.confidence >= floors[label]:
                rows[number].setdefault("boxes", [])
                rows[number]["boxes"] += box_rows(answer, label, "anatomy" if label == "Lung" else "finding")
                counts[label] = counts.get(label, 0) + 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", encoding="utf-8") as out:
        for row, record in zip(rows, records, strict=True):
            out.write(json.dumps({**row, "image": str(record.path.resolve())}, ensure_ascii=False) + "\n")
    print(f"{len(found)} films asked, {unread} could not be read; answers kept by label:")
    for label, count in sorted(counts.items()):
        print(f"  {label}: {count}, of confidence {floors[label]:.3f} or more")
    return 0


def chosen(records: Sequence[FilmRecord], normals: int) -> dict[int, Unboxed]:
    """Number of a film → what it is asked for; of the normal films only so many, spread evenly over the file."""
    asked = {number: unboxed(record) for number, record in enumerate(records)}
    asked = {number: wanted for number, wanted in asked.items() if wanted.labels or wanted.lungs}
    plain = [number for number in asked if records[number].source == "rsna_normal"]
    kept = {plain[place] for place in np.linspace(0, len(plain) - 1, min(normals, len(plain))).astype(int)}
    return {n: wanted for n, wanted in asked.items() if records[n].source != "rsna_normal" or n in kept}


def confidence_floors(pairs: Sequence[tuple[str, Grounding]], keep: float, least: float) -> dict[str, float]:
    """Label → the confidence that the surest ``keep`` of its answers reach, ``least`` or more.

    Labels differ in how sure one can be; those that no film has boxed were never learnt, and fall below ``least``.
    """
    by_label: dict[str, list[float]] = {}
    for label, answer in pairs:
        by_label.setdefault(label, []).append(answer.confidence)
    return {label: max(least, float(np.quantile(values, 1 - keep))) for label, values in by_label.items()}


if __name__ == "__main__":
    raise SystemExit(main())
