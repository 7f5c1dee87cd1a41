"""Open-i: the Indiana University collection, 7,470 pictures with 3,955 reports, as published or as the CSVs made of it.

Format read in: public code that reads it, and ``../shared/text/openi_reports.jsonl``, made from the same XML. As
published: ``ecgen-radiology/<n>.xml`` (also below NLMCXR_reports/) with uId/@id "CXR1", AbstractText of Label
COMPARISON, INDICATION, FINDINGS and IMPRESSION, MeSH/major ("normal", "Cardiomegaly/borderline") and parentImage/@id
"CXR1_1_IM-0001-3001"; pictures ``NLMCXR_png/<id>.png``. As CSVs: ``indiana_reports.csv`` (uid, MeSH, Problems, image,
indication, comparison, findings, impression; MeSH and Problems joined by ";") and ``indiana_projections.csv`` (uid,
filename "1_IM-0001-4001.dcm.png", projection Frontal or Lateral); pictures in ``images/images_normalized/``. The XML
does not say which picture is lateral: where the projections lie beside it they tell, else all pictures are kept, their
view unknown. The report is findings and impression. "XXXX" stands for what was removed: sentences with it stay in the
report, not in ``sentences``. Split: none official, so by hash of the report's number; one report is taken for one
patient (not confirmed).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from train.data import splits
from train.data.film import Film
from train.data.labels import labels
from train.data.request import Request
from train.data.sentences import report_text, split, usable
from train.data.tables import find, need, table

SPLIT = "by hash of the report's number (the collection has no official split and no patient numbers)"
_SECTIONS = ("FINDINGS", "IMPRESSION")
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)


@dataclass(frozen=True)
class _Report:
    uid: str
    text: str
    mesh: tuple[str, ...]
    pictures: tuple[tuple[Path, str], ...]
    """(path, projection)"""


def films(request: Request) -> Iterator[Film]:
    """A film for each picture of each report."""
    folder = find(request.root, "ecgen-radiology", "*/ecgen-radiology")
    for report in _from_xml(folder, request) if folder else _from_csv(request):
        patient = f"openi-{report.uid}"
        if not report.text:
            request.tally.drop("empty report", len(report.pictures))
            continue
        if not report.pictures:
            request.tally.notes["report without a picture"] += 1
        for path, projection in report.pictures:
            yield Film(
                path=path,
                patient=patient,
                source="openi",
                split=splits.hashed(patient),
                study=report.uid,
                view="LATERAL" if projection.casefold() == "lateral" else "",
                findings=labels(term.split("/")[0] for term in report.mesh),
                report=report_text(report.text),
                report_kind="report",
                sentences=usable(split(report.text), request.tally),
            )


def _from_xml(folder: Path, request: Request) -> Iterator[_Report]:
    paths = sorted(folder.glob("*.xml"))
    request.tally.expected = len(paths)
    projections = _projections(request.root)
    pictures = find(request.root, "NLMCXR_png", "images/images_normalized") or request.root / "NLMCXR_png"
    for request.tally.at, path in enumerate(paths, start=1):
        data = path.read_bytes()
        try:
            if _ENTITY.search(data):
                raise ElementTree.ParseError  # an entity can unfold to gigabytes
            tree = ElementTree.fromstring(data)
        except ElementTree.ParseError:
            request.tally.drop("a report that is no XML")
            continue
        said = {node.get("Label"): (node.text or "").strip() for node in tree.iter("AbstractText")}
        ids = [node.get("id", "") for node in tree.iter("parentImage")]
        number = next((node.get("id", "") for node in tree.iter("uId")), "") or path.stem
        uid = number.removeprefix("CXR")
        yield _Report(
            uid=uid,
            text="\n".join(said[name] for name in _SECTIONS if said.get(name)),
            mesh=tuple(node.text.strip() for node in tree.findall(".//MeSH/major") if node.text),
            pictures=tuple(
                (pictures / f"{Path(name).name}.png", projections.get((uid, _tail(name)), "")) for name in ids if name
            ),
        )


def _tail(name: str) -> str:
    """What both forms have in common: IM-0001-3001 of CXR1_1_IM-0001-3001 and of 1_IM-0001-3001.dcm.png."""
    return name[name.find("IM-") :].removesuffix(".dcm.png")


def _projections(root: Path) -> dict[tuple[str, str], str]:
    """(report, picture) → Frontal or Lateral."""
    path = find(root, "indiana_projections.csv")
    rows = table(path, ["uid", "filename", "projection"]) if path else ()
    return {(row["uid"], _tail(row["filename"])): row["projection"] for row in rows}


def _from_csv(request: Request) -> Iterator[_Report]:
    reports = list(table(need(request.root, "indiana_reports.csv"), ["uid", "findings", "impression"]))
    pictures: dict[str, list[tuple[Path, str]]] = {}
    folder = find(request.root, "images/images_normalized") or request.root / "images"
    for row in table(need(request.root, "indiana_projections.csv"), ["uid", "filename", "projection"]):
        pictures.setdefault(row["uid"], []).append((folder / Path(row["filename"]).name, row["projection"]))
    request.tally.expected = sum(map(len, pictures.values()))
    for row in reports:
        yield _Report(
            uid=row["uid"],
            text="\n".join(row[name.casefold()] for name in _SECTIONS if row[name.casefold()]),
            mesh=tuple(term.strip() for term in row.get("mesh", "").split(";") if term.strip()),
            pictures=tuple(pictures.get(row["uid"], ())),
        )
