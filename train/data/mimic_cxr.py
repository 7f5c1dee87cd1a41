"""MIMIC-CXR-JPG with the findings as rewritten for LLaVA-Rad: ``--root`` MIMIC-CXR-JPG, ``--reports`` the annotations.

Format read in: the dataset's page on PhysioNet (llava-rad-mimic-cxr-annotation 1.0.0) as copied into a public
repository, with an example entry, and training scripts that name
``chat_{train,dev,test}_MIMIC_CXR_all_gpt4extract_rulebased_v1.json``: a JSON list of {id: "<subject>_<study>", image:
"mimic/p10/p…/s…/<dicom_id>.jpg", generate_method: "gpt4" or another for rule-based text, reason, impression,
indication, history, view, orientation, chexpert_labels, conversations: [{from: "human", …}, {from: "gpt", value: the
findings}]}. A film of the train and dev files may stand there twice, by rule and as rewritten: the rewritten one is
taken; the test file has rule-based text only. Not confirmed: the exact name of the rule-based method (anything but
"gpt4" is taken for it).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lofi.errors import BadQuery
from train.data.archive import listed, objects
from train.data.film import Film
from train.data.mimic import SPLIT, Mimic, MimicFilm, read_mimic
from train.data.request import Request
from train.data.sentences import report_text, split, usable
from train.data.tables import find, read_json

__all__ = ["SPLIT", "films"]
NAME = "chat_{}_MIMIC_CXR_all_gpt4extract_rulebased_v1.json"
REWRITTEN = "gpt4"


def films(request: Request) -> Iterator[Film]:
    """Frontal films that have findings."""
    mimic, found = read_mimic(request), texts(request)
    request.tally.expected = len(mimic.films)
    for film in mimic.films.values():
        method, report = found.get(film.dicom, ("", ""))
        if film.view != "LATERAL" and film.dicom not in found:
            request.tally.drop("no entry in the annotations")
            continue
        if film.view != "LATERAL" and not report:
            request.tally.drop("empty findings")
            continue
        yield told(film, mimic, method, report, request)
    known = found.keys() - mimic.films.keys()
    if known:
        request.tally.drop("an entry for a film that the metadata lack", len(known))


def told(film: MimicFilm, mimic: Mimic, method: str, report: str, request: Request) -> Film:
    """A film with its findings."""
    present, absent = mimic.labels_of(film.study)
    return Film(
        path=film.path,
        patient=film.patient,
        source="mimic_cxr",
        split=film.split,
        study=film.study,
        view=film.view,
        findings=present,
        absent=absent,
        report=report,
        report_kind="findings, rewritten" if method == REWRITTEN else "findings",
        sentences=usable(split(report), request.tally),
    )


def texts(request: Request) -> dict[str, tuple[str, str]]:
    """DICOM id → (method, findings), the rewritten one where there are two and it says something."""
    places = [request.reports] if request.reports else [request.root]
    paths: list[Path] = [p for root in places for n in ("train", "dev", "test") if (p := find(root, NAME.format(n)))]
    if not paths:
        raise BadQuery(f"No {NAME.format('train')} here: name the folder of LLaVA-Rad's annotations with --reports.")
    found: dict[str, tuple[str, str]] = {}
    for path in paths:
        for entry in listed(read_json(path)):
            dicom, method, report = _entry(entry)
            if not dicom:
                request.tally.notes["entry of the annotations without an image"] += 1
            elif dicom not in found or not found[dicom][1] or (method == REWRITTEN and report):
                found[dicom] = (method, report)
    return found


def _entry(entry: object) -> tuple[str, str, str]:
    """(DICOM id, method, findings) of one entry; "" for what it lacks."""
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        return "", "", ""
    answers = [turn.get("value") for turn in objects(entry.get("conversations")) if turn.get("from") == "gpt"]
    return PurePosixPath(entry["image"]).stem, str(entry.get("generate_method")), report_text((answers or [""])[0])
