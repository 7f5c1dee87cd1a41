"""The films beside the project that the dense network learns from, and what they teach, counted."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.densely import concepts as c
from train.densely.answers import GROUPS, Film, film_of
from train.densely.balance import FEWEST, films_by_answer

SUSPECTED = 0.7
"""Share of the films rated by a network trained on NIH's labels that it rates lower: above that it suspects."""
RSNA_FILMS = 700
"""Of several thousand alike: enough for regions and for drawing into."""


def films(shared: Path, split: str) -> list[Film]:
    """Frontal films of adults of a split, in the order of the records."""
    lines = (shared / "cxr" / "anatomy.jsonl").read_text().splitlines()
    anatomy = {entry["image"]: entry["boxes"] for entry in map(json.loads, lines)}
    suspects = suspected(shared / "cxr" / "nih_teacher.csv")
    out, rsna = [], 0
    for record in map(json.loads, (shared / "cxr" / "records.jsonl").read_text().splitlines()):
        if record["split"] != split or record["source"] not in GROUPS or record.get("view") == "L":
            continue
        rsna += record["source"] == "rsna_normal"
        if split != "train" or record["source"] != "rsna_normal" or rsna <= RSNA_FILMS:
            more = suspects.get(Path(record["image"]).stem, frozenset())
            out.append(film_of(record, anatomy.get(record["image"], {}), more))
    return out


def suspected(table: Path) -> dict[str, frozenset[str]]:
    """Film's name without ending → the findings that a network trained on NIH's labels rates high on it."""
    with table.open(newline="") as rows:
        rated = list(csv.DictReader(rows))
    columns = {name: name.removeprefix("prob_") for name in rated[0] if name.startswith("prob_")}
    lines = {name: float(np.quantile([float(row[name]) for row in rated], SUSPECTED)) for name in columns}
    concepts = {name: concept for name, label in columns.items() if (concept := c.of_label(label))}
    return {
        Path(row["Image Index"]).stem: frozenset(
            concept for name, concept in concepts.items() if float(row[name]) > lines[name]
        )
        for row in rated
    }


def taught(films: Sequence[Film]) -> dict[str, dict[str, Any]]:
    """Concept → what it was taught by: films and boxes, by hand and by machine, yes and no by group, and a word."""
    answers = films_by_answer(films)
    out: dict[str, dict[str, Any]] = {}
    for concept in c.CONCEPTS:
        regions = [film.regions[concept] for film in films if concept in film.regions]
        by_hand = [found for found in regions if not found[0].made]
        groups = sorted({group for name, group, _ in answers if name == concept})
        presence = {g: [len(answers.get((concept, g, there), ())) for there in (True, False)] for g in groups}
        out[concept] = {
            "films_with_boxes": len(by_hand),
            "boxes": sum(map(len, by_hand)),
            "machine_made_films": len(regions) - len(by_hand),
            "yes_no_films": presence,
            "presence": _word(concept, presence, bool(by_hand)),
        }
    return out


def _word(concept: str, presence: dict[str, list[int]], boxed: bool) -> str:
    if concept in c.ANATOMY:
        return "not taught"
    if not any(min(both) >= FEWEST for both in presence.values()):
        return "not taught: too few of yes or of no in any one source"
    return "boxes and labels" if boxed else "labels only"
