"""Chest ImaGenome (silver): scene graphs of anatomical regions and the findings that the report places in them.

Format read in: public code that reads chest-imagenome 1.0.0 (builders of data for region-wise report generation,
RadHarmony's harmonizer, and a script that rebuilds silver JSON from the gold tables).
``silver_dataset/scene_graph/<dicom_id>_SceneGraph.json`` (also one folder deeper, or in ``scene_graph.zip``):
{image_id, patient_id, study_id, viewpoint, gender, age_decile, objects: [{bbox_name, x1 … y2 in the film padded and
resized to 224, original_x1 … original_y2 in pixels of the film, width, original_width: of the BOX}], attributes:
[{bbox_name, attributes: [["anatomicalfinding|yes|lung opacity", …], …], phrases: […] of the same length, phrase_IDs:
["50414267|3", …]}]}. ``original_*`` are divided by the film's size, which is MIMIC-CXR-JPG's (``--mimic``): the graph
does not state it. Films of ``silver_dataset/splits/images_to_avoid.csv`` (the patients of the gold set) are left out.

Split: MIMIC-CXR's own, not the set's train.csv, valid.csv and test.csv, which are another partition of the same
patients: mixed with MIMIC reports it would train on MIMIC's test patients. A finding's box is that of its region, so
quality "weak"; a phrase that names a region and parts of it keeps the parts. The regions themselves are boxes of kind
"anatomy".
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lofi.boxes import Boxes, area
from lofi.gallery.text import clean_line, sex_letter
from train.data.archive import listed, members, objects
from train.data.film import Film
from train.data.labels import labels
from train.data.mimic import SPLIT, MimicFilm, read_mimic
from train.data.quality import size_wh
from train.data.records import BoxRecord
from train.data.regions import Corners, boxed, on_film
from train.data.request import Request, Tally
from train.data.sentences import report_text, usable
from train.data.tables import find, table

__all__ = ["SPLIT", "films"]
FINDINGS = frozenset({"anatomicalfinding", "disease"})
_PART_OF = 0.9
"""A box with this share of its area in another is a part of it."""


def films(request: Request) -> Iterator[Film]:
    """A film for each scene graph."""
    mimic = read_mimic(request)
    avoid = _avoided(request)
    silver = request.root / "silver_dataset"
    for name, graph in members(silver / "scene_graph", silver / "scene_graph.zip", "_SceneGraph.json", request.tally):
        film = mimic.films.get(name)
        if not isinstance(graph, dict):
            request.tally.drop("a scene graph that cannot be read")
        elif film is None:
            request.tally.drop("a scene graph of a film that the metadata lack")
        elif film.dicom in avoid:
            request.tally.drop("a patient of the gold set (images_to_avoid.csv)")
        else:
            yield _film(graph, film, request.tally)


def _avoided(request: Request) -> frozenset[str]:
    path = find(request.root, "silver_dataset/splits/images_to_avoid.csv")
    if path is None:
        request.tally.notes["images_to_avoid.csv is missing: gold films are not left out"] += 1
        return frozenset()
    return frozenset(row["dicom_id"] for row in table(path, ["dicom_id"]))


def _film(graph: dict[str, Any], film: MimicFilm, tally: Tally) -> Film:
    size = film.size_wh or size_wh(film.path)
    regions = dict(_regions(graph, size, tally)) if size else {}
    rows = [row for entry in objects(graph.get("attributes")) for row in _phrases(entry)]
    present = labels(name for row in rows for name in row.present)
    ordered = sorted({(row.order, row.phrase) for row in rows if row.phrase})
    sentences = usable((phrase for _, phrase in ordered), tally)
    anatomy = [boxed(name, name, box, tally, "anatomy", "inferred") for name, box in regions.items()]
    return Film(
        path=film.path,
        patient=film.patient,
        source="imagenome",
        split=film.split,
        study=film.study,
        view=film.view,
        sex=sex_letter(graph.get("gender")),
        findings=present,
        absent=tuple(label for label in labels(n for row in rows for n in row.absent) if label not in present),
        report=report_text(" ".join(dict.fromkeys(phrase for _, phrase in ordered))),
        report_kind="report, sentences with findings",
        sentences=sentences,
        boxes=(*_finding_boxes(rows, regions, frozenset(sentences), tally), *anatomy),
    )


def _regions(graph: dict[str, Any], size: tuple[float, float], tally: Tally) -> Iterator[tuple[str, Corners]]:
    for item in objects(graph.get("objects")):
        name = clean_line(item.get("bbox_name"))
        corners = [item.get(f"original_{corner}") for corner in ("x1", "y1", "x2", "y2")]
        if name and (box := on_film(corners, size, tally)):
            yield name, box


class _Phrase:
    """A sentence of the report with what it says of one region."""

    def __init__(self, region: str, phrase: object, order: object, attributes: list[Any]) -> None:
        self.region, self.phrase = region, clean_line(phrase, 600)
        tail = str(order).rsplit("|", 1)[-1]
        self.order = int(tail) if tail.isdecimal() else 0
        parts = [value.split("|", 2) for value in attributes if isinstance(value, str)]
        stated = [part for part in parts if len(part) == 3 and part[0] in FINDINGS]
        self.present = [name for _, polarity, name in stated if polarity == "yes"]
        self.absent = [name for _, polarity, name in stated if polarity == "no"]


def _phrases(entry: dict[str, Any]) -> Iterator[_Phrase]:
    phrases, groups, ids = (listed(entry.get(name)) for name in ("phrases", "attributes", "phrase_IDs"))
    for number, (phrase, group) in enumerate(zip(phrases, groups, strict=False)):
        order = ids[number] if number < len(ids) else ""
        yield _Phrase(clean_line(entry.get("bbox_name")), phrase, order, listed(group))


def _finding_boxes(
    rows: list[_Phrase], regions: dict[str, Corners], usable_phrases: frozenset[str], tally: Tally
) -> Iterator[BoxRecord]:
    """A box for each phrase and most specific region of which it asserts something."""
    places: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.present and row.phrase in usable_phrases:
            if row.region in regions:
                places.setdefault(row.phrase, {}).setdefault(row.region, labels(row.present)[0])
            else:
                tally.drop_box("a finding in a region without a box")
    for phrase, named in places.items():
        corners = np.asarray([regions[name] for name in named])
        for number, (name, label) in enumerate(named.items()):
            if _most_specific(corners, number):
                yield boxed(phrase, label, regions[name], tally, quality="weak")


def _most_specific(corners: Boxes, number: int) -> bool:
    """Whether none of the other, smaller (M, 4) boxes lies in box ``number``."""
    box, sizes = corners[number], area(corners)
    low, high = np.maximum(corners[:, :2], box[:2]), np.minimum(corners[:, 2:], box[2:])
    within = np.prod(np.clip(high - low, 0, None), axis=1) >= _PART_OF * sizes
    return not bool((within & (sizes < sizes[number] * (1 - 1e-9))).any())
