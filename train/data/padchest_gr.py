"""PadChest-GR: 4,555 films with sentences that radiologists boxed, in English and Spanish.

Format read in: public loaders of the release of 2024-08-19 that state its schema, and PAPER.md.
``grounded_reports_*.json`` is a list of {StudyID, ImageID: "….png", PreviousStudyID, findings: [{sentence_en,
sentence_es, abnormal: bool, boxes: [[x0, y0, x1, y1], …] in 0–1 of the film, extra_boxes, labels: […], locations: […],
progression}]}; normal sentences may lack boxes and labels. ``master_table.csv`` has a row a sentence and label:
StudyID, ImageID, PatientID, split (train, validation, test), PatientSex_DICOM, PatientAge. Films lie in
``Padchest_GR_files/``, directly or one folder deeper (16-bit PNG). Not confirmed: what ``extra_boxes`` add (only
``boxes`` are read), and whether the view is stated (it is left open). A finding may have several boxes, or none;
sentences that are not abnormal never give a box.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from lofi.errors import BadQuery
from lofi.gallery.text import age_in_years, sex_letter
from train.data import splits
from train.data.archive import listed, objects
from train.data.film import NO_FINDING, Film
from train.data.labels import labels
from train.data.records import BoxRecord
from train.data.regions import boxed, on_film
from train.data.request import Request, Tally
from train.data.sentences import report_text, usable
from train.data.tables import find, need, read_json, table

SPLIT = "PadChest-GR's official split by patient (master_table.csv)"


def films(request: Request) -> Iterator[Film]:
    """A film for each grounded report."""
    studies = read_json(need(request.root, "grounded_reports_*.json"))
    if not isinstance(studies, list):
        raise BadQuery("The grounded reports are no list.")
    path = need(request.root, "master_table.csv", "master_table.csv.gz")
    facts = {row["imageid"]: row for row in table(path, ["imageid", "patientid", "split"])}
    request.tally.expected = len(studies)
    for study in studies:
        name = study.get("ImageID") if isinstance(study, dict) else None
        if not isinstance(name, str) or not name or PurePosixPath(name).name != name:
            request.tally.drop("a report without an image")
        elif name not in facts:
            request.tally.drop("a report that the master table lacks")
        else:
            yield _film(study, facts[name], _place(request.root, name), request)


def _place(root: Path, name: str) -> Path:
    folder = root / "Padchest_GR_files"
    direct = folder / name
    return direct if direct.is_file() else find(folder, f"*/{name}") or direct


def _film(study: dict[str, Any], facts: dict[str, str], path: Path, request: Request) -> Film:
    findings = objects(study.get("findings"))
    abnormal = [finding for finding in findings if finding.get("abnormal") is True]
    sentences = [finding.get("sentence_en") for finding in findings]
    patient = f"padchest-{facts['patientid']}"
    return Film(
        path=path,
        patient=patient,
        source="padchest_gr",
        split=splits.hashed(patient) if request.hashed else splits.official(facts["split"]),
        study=str(study.get("StudyID", "")),
        sex=sex_letter(facts.get("patientsex_dicom")),
        age=age_in_years(facts.get("patientage")),
        findings=labels(name for finding in abnormal for name in listed(finding.get("labels")))
        or ((NO_FINDING,) if findings and not abnormal else ()),
        report=report_text(" ".join(text for text in sentences if isinstance(text, str))),
        report_kind="grounded report, translated",
        sentences=usable(sentences, request.tally),
        boxes=tuple(box for finding in abnormal for box in _boxes(finding, request.tally)),
    )


def _boxes(finding: dict[str, Any], tally: Tally) -> Iterator[BoxRecord]:
    phrase = usable([finding.get("sentence_en")], Tally())
    label = (labels(listed(finding.get("labels"))) or ("",))[0]
    for corners in listed(finding.get("boxes")):
        if (box := on_film(corners, (1.0, 1.0), tally)) and phrase:
            yield boxed(phrase[0], label, box, tally)
