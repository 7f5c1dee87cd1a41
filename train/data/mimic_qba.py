"""MIMIC-Ext-CXR-QBA scene graphs: sentences that the report supports, with machine-made boxes; films from ``--mimic``.

Format read in: the dataset's page on PhysioNet (mimic-ext-cxr-qba 1.0.0, "Scene Graph Format") as copied into a public
repository, and public code that reads it. ``scene_data.zip``, or ``scene_data/`` once unpacked, holds
``p10/p10000032/s50414267.scene_graph.json``: {patient_id: "p…", study_id: "s…", sentences: {S01: {section_type,
sentence}}, observations: {O01: {name, summary_sentence, obs_entities: […], positiveness: "pos" or "neg", from_report:
bool, localization: {<dicom_id>: {bboxes: [[x1, y1, x2, y2], …] in pixels, is_fallback, …}}}}}. As PAPER.md has it:
observations that are positive and from the report; the boxes of one are fused at IoU 0.1. Fallback boxes (a default
region, because none was resolved) are quality "weak", the others "inferred": all are extents of anatomy named in the
report, drawn by a segmentation model, not of the finding. Child observations count as their parents do. Not confirmed:
that pixels are those of the film at full size (the page's example fits); whether ids within "localization" are plain
DICOM ids; how ``obs_quality`` is coded (quality_mappings.csv), so no grade is asked for.

With ``--reports`` (LLaVA-Rad's annotations, as mimic_cxr reads them) a film gets both, joined by its DICOM id: report
and sentences as rewritten, regions from the scene graph; films without a scene graph come with their report alone.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lofi.boxes import fuse
from train.data import mimic_cxr
from train.data.archive import listed, members, objects
from train.data.film import NO_FINDING, Film
from train.data.labels import labels
from train.data.mimic import SPLIT, Mimic, MimicFilm, read_mimic
from train.data.quality import size_wh
from train.data.records import BoxRecord
from train.data.regions import boxed, corner_tuple, on_film
from train.data.request import Request, Tally
from train.data.sentences import report_text, split, usable

__all__ = ["SPLIT", "films"]
FUSE_IOU = 0.1
_SECTIONS = ("FINDINGS", "IMPRESSION")


def films(request: Request) -> Iterator[Film]:
    """A film for each frontal picture of each study that has a scene graph."""
    mimic = read_mimic(request)
    told = mimic_cxr.texts(request) if request.reports is not None else {}
    studies, done = mimic.of_study(), set()
    folder, archive = request.root / "scene_data", request.root / "scene_data.zip"
    for name, graph in members(folder, archive, ".scene_graph.json", request.tally):
        study = name.removeprefix("s")
        if not isinstance(graph, dict):
            request.tally.drop("a scene graph that cannot be read")
        elif study not in studies:
            request.tally.drop("a scene graph of a study that the metadata lack")
        else:
            for film, found in zip(studies[study], _of_study(graph, studies[study], mimic, request.tally), strict=True):
                done.add(film.dicom)
                yield _with_report(found, *told.get(film.dicom, ("", "")), request.tally)
    for film in mimic.films.values():
        if film.dicom in done or film.dicom not in told:
            continue
        method, report = told[film.dicom]
        if report:
            yield mimic_cxr.told(film, mimic, method, report, request)
        else:
            request.tally.drop("neither findings nor a scene graph")


def _with_report(film: Film, method: str, report: str, tally: Tally) -> Film:
    """The film with a report of the annotations, where they have one, in place of the scene graph's sentences."""
    if not report:
        return film
    kind = "findings, rewritten" if method == mimic_cxr.REWRITTEN else "findings"
    return replace(film, report=report, report_kind=kind, sentences=usable(split(report), tally) or film.sentences)


def _of_study(graph: dict[str, Any], films: list[MimicFilm], mimic: Mimic, tally: Tally) -> Iterator[Film]:
    observations = [value for value in objects(graph.get("observations")) if _supported(value)]
    said = [row.get("sentence") for row in objects(graph.get("sentences")) if row.get("section_type") in _SECTIONS]
    report = report_text(" ".join(text for text in said if isinstance(text, str)))
    findings = labels(name for value in observations for name in listed(value.get("obs_entities")))
    chexpert, absent = mimic.labels_of(films[0].study)
    for film in films:
        size = film.size_wh or size_wh(film.path)
        yield Film(
            path=film.path,
            patient=film.patient,
            source="mimic_qba",
            split=film.split,
            study=film.study,
            view=film.view,
            findings=findings or tuple(label for label in chexpert if label == NO_FINDING),
            absent=tuple(label for label in absent if label not in findings),
            report=report,
            report_kind="report" if report else "",
            sentences=usable((value.get("summary_sentence") for value in observations), tally),
            boxes=tuple(_boxes(observations, film.dicom, size, tally)) if size else (),
        )


def _supported(observation: dict[str, Any]) -> bool:
    """Whether the observation is positive and comes from the report."""
    return observation.get("positiveness") == "pos" and observation.get("from_report") is True


def _boxes(
    observations: list[dict[str, Any]], dicom: str, size: tuple[float, float], tally: Tally
) -> Iterator[BoxRecord]:
    done: set[tuple[str, tuple[float, ...]]] = set()
    for observation in observations:
        phrases = usable([observation.get("summary_sentence")], Tally())
        places = observation.get("localization")
        place = places.get(dicom) if isinstance(places, dict) else None
        if not phrases or not isinstance(place, dict):
            continue
        corners = [box for row in listed(place.get("bboxes")) if (box := on_film(row, size, tally))]
        fused = fuse(np.asarray(corners, dtype=np.float64).reshape(-1, 4), FUSE_IOU)
        label = (labels(listed(observation.get("obs_entities"))) or ("",))[0]
        for row in range(len(fused)):
            box = corner_tuple(fused, row)
            if (phrases[0], box) not in done:
                done.add((phrases[0], box))
                quality = "weak" if place.get("is_fallback") else "inferred"
                yield boxed(phrases[0], label, box, tally, quality=quality)
