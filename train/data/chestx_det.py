"""ChestX-Det: 3,578 films of ChestX-ray14 with boxes and outlines of 13 findings by three radiologists.

Format read in: the README of the authors' repository (Deepwise-AILab/ChestX-Det-Dataset) and public code that reads it.
``ChestX_Det_train.json`` and ``ChestX_Det_test.json`` are lists of {file_name: "36346.png", syms: ["Effusion", …],
boxes: [[x1, y1, x2, y2], …] in pixels of the picture, polygons}, syms and boxes one to one, both empty for a normal
film. Pictures lie in ``train/`` and ``test/`` (or train_data/, test_data/, or train_data/train/ as unpacked). Pixels
are divided by the size of the file, so use the published pictures (1024 × 1024, as far as is known), not resized ones.

Split: the official train and test; a tenth of train, by hash of the film, is validation. The file names are running
numbers that hide the patient of ChestX-ray14: each film stands for a patient, and leaks between this set and nih14
cannot be seen.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from lofi.errors import BadQuery
from train.data import splits
from train.data.archive import listed
from train.data.film import NO_FINDING, Film
from train.data.labels import labels
from train.data.lexicon import CANONICAL
from train.data.quality import size_wh
from train.data.records import BoxRecord
from train.data.regions import boxed, on_film
from train.data.request import Request, Tally
from train.data.tables import find, read_json

SPLIT = "ChestX-Det's official train and test; a tenth of train, by hash of the film, is validation (patients unknown)"


def films(request: Request) -> Iterator[Film]:
    """A film for each entry of both files."""
    entries = [(part, entry) for part in ("train", "test") for entry in _entries(request.root, part)]
    if not entries:
        raise BadQuery("The folder of the set lacks ChestX_Det_train.json and ChestX_Det_test.json.")
    request.tally.expected = len(entries)
    for part, entry in entries:
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name or PurePosixPath(name).name != name:
            request.tally.drop("an entry without a file name")
            continue
        path = _place(request.root, part, name)
        patient = f"chestxdet-{PurePosixPath(name).stem}"
        size = size_wh(path) if path.is_file() else None
        yield Film(
            path=path,
            patient=patient,
            source="chestx_det",
            split=splits.hashed(patient) if request.hashed else splits.carved(part, patient),
            study=PurePosixPath(name).stem,
            findings=labels(listed(entry.get("syms"))) or (NO_FINDING,),
            boxes=tuple(_boxes(entry, size, request.tally)) if size else (),
        )


def _entries(root: Path, part: str) -> list[Any]:
    path = find(root, f"ChestX_Det_{part}.json")
    return listed(read_json(path)) if path else []


def _place(root: Path, part: str, name: str) -> Path:
    folders = (f"{part}", f"{part}_data/{part}", f"{part}_data")
    return next((path for folder in folders if (path := root / folder / name).is_file()), root / part / name)


def _boxes(entry: dict[str, Any], size: tuple[int, int], tally: Tally) -> Iterator[BoxRecord]:
    names, corners = listed(entry.get("syms")), listed(entry.get("boxes"))
    if len(names) != len(corners):
        tally.notes["entry whose findings and boxes are not one to one: its boxes are left out"] += 1
        return
    for name, drawn in zip(names, corners, strict=True):
        label = (labels([name]) or ("",))[0]
        if (box := on_film(drawn, size, tally)) and label:
            yield boxed(CANONICAL.get(label, label.casefold()), label, box, tally)
