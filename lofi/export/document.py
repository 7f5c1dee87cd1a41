"""A case as JSON, as ``case.schema.json`` beside this file describes it."""

import json
from typing import Any

import numpy as np

from lofi.answers import film_card
from lofi.export.case import NOTE, TEXT_LIMIT, Case, Finding, Region
from lofi.export.mark import Mark, Measured
from lofi.export.written import Written, named
from lofi.gallery.text import clean_line
from lofi.results import Box, Hit

SCHEMA = "lofi-case/2"


def write_json(case: Case) -> Written:
    """The whole case."""
    return named(case, _encoded(document(case)), "case", "json", "application/json")


def write_hits_json(case: Case) -> Written:
    """The hits alone, with what says where they come from."""
    whole = document(case)
    names = ("schema", "note", "made_at", "model", "gallery", "film", "hits", "reader")
    return named(case, _encoded({name: whole[name] for name in names}), "hits", "json", "application/json")


def document(case: Case) -> dict[str, Any]:
    """Plain JSON values. Strings are cleaned: no control characters, no lone surrogates, no direction marks."""
    film = case.film
    spacing = None if film.spacing_mm is None else [float(value) for value in film.spacing_mm]
    return {
        "schema": SCHEMA,
        "note": NOTE,
        "made_at": case.time,
        "model": {"name": case.model, "checkpoint_sha256": case.fingerprint},
        "gallery": None
        if case.gallery is None
        else {"name": case.gallery.name, "sha256": case.gallery.sha256, "studies": case.gallery.studies},
        "film": {**film_card(film), "bits": film.bits, "spacing_mm": spacing},
        "marks": [_mark(case, *marked) for marked in case.marked],
        "findings": [_finding(case, finding) for finding in case.findings],
        "hits": None if case.hits is None else [_hit(case, hit) for hit in case.hits],
        "report_draft": None
        if case.report is None
        else [
            {"sentence": clean_line(s.sentence, TEXT_LIMIT), "boxes": _boxes(s.boxes), "scores": _scores(s.scores)}
            for s in case.report
        ],
        "reader": case.reader,
        "comment": case.comment,
    }


def pixels(case: Case, box: Box) -> tuple[float, float, float, float]:
    """The box in pixels of the film, edge-based: (0, 0) is the upper left corner of the upper left pixel."""
    height, width = case.film.size_hw
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _finding(case: Case, finding: Finding) -> dict[str, Any]:
    return {
        "phrase": finding.phrase,
        "asked": finding.asked,
        "state": finding.state,
        "note": finding.note,
        "guess": finding.guess,
        "likely": finding.likely,
        "warning": finding.warning,
        "found": finding.found,
        "confidence": round(float(finding.confidence), 4),
        "absent_for_reader": finding.absent_for_reader,
        "boxes": [_region(case, region) for region in finding.regions],
    }


def _mark(case: Case, mark: Mark, measured: Measured, words: str) -> dict[str, Any]:
    height, width = case.film.size_hw
    return {
        "kind": mark.kind,
        "points": [[round(x, 6), round(y, 6)] for x, y in mark.points],
        "points_pixels": [[round(x * width, 2), round(y * height, 2)] for x, y in mark.points],
        "value": None if measured.value is None else round(measured.value, 3),
        "unit": measured.unit,
        "scale": case.scale.at if measured.unit in ("mm", "mm2") else "",
        "words": words,
        "start": mark.start,
    }


def _region(case: Case, region: Region) -> dict[str, Any]:
    return {
        "number": region.number,
        "box": _box(region.box),
        "box_pixels": None if region.box is None else [round(value, 2) for value in pixels(case, region.box)],
        "model_box": _box(region.model_box),
        "score": None if region.score is None else round(float(region.score), 4),
        "verdict": region.verdict,
        "drawn_by": region.reader or "model",
    }


def _hit(case: Case, hit: Hit) -> dict[str, Any]:
    study = hit.study
    return {
        "rank": hit.rank,
        "similarity": round(float(hit.similarity), 4),
        "study_id": clean_line(study.study_id),
        "view": clean_line(study.view),
        "sex": clean_line(study.sex),
        "age": study.age,
        "labels": [clean_line(label) for label in study.labels],
        "source": clean_line(study.source),
        "simulated": study.simulated,
        "report": clean_line(study.report, TEXT_LIMIT),
        "verdict": case.hit_verdict(hit),
    }


def _box(box: Box | None) -> list[float] | None:
    return None if box is None else [round(float(value), 6) for value in box]


def _boxes(boxes: tuple[Box, ...]) -> list[list[float]]:
    return [[round(float(value), 6) for value in box] for box in boxes]


def _scores(scores: tuple[float, ...]) -> list[float]:
    return [round(value, 4) for value in np.asarray(scores, dtype=float).tolist()]


def _encoded(values: dict[str, Any]) -> bytes:
    # allow_nan=False: NaN is no JSON, and a reader would refuse the whole file.
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
