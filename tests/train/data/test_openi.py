from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_csv
from train.data.splits import hashed

Run = Any
REPORTS = ["uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression"]
FRONTAL, LATERAL = "1_IM-0001-4001", "1_IM-0001-3001"
FINDINGS = "The heart is enlarged. There are no XXXX of a pleural effusion."
XML = """<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR1"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Pain</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">Cardiomegaly.</AbstractText>
</Abstract></Article></MedlineCitation>
<MeSH><major>Cardiomegaly/borderline</major><major>Markings/bronchovascular</major><automatic>heart</automatic></MeSH>
<parentImage id="CXR1_1_IM-0001-3001"><figureId>F1</figureId></parentImage>
<parentImage id="CXR1_1_IM-0001-4001"><figureId>F2</figureId></parentImage></eCitation>"""


def projections(root: Path) -> None:
    rows = [(1, f"{FRONTAL}.dcm.png", "Frontal"), (1, f"{LATERAL}.dcm.png", "Lateral")]
    write_csv(root / "indiana_projections.csv", ["uid", "filename", "projection"], rows)


def published(root: Path, text: str = XML.format(findings=FINDINGS), folder: str = "ecgen-radiology") -> Path:
    (root / folder).mkdir(parents=True)
    (root / folder / "1.xml").write_text(text)
    for name in (FRONTAL, LATERAL):
        picture(root / "NLMCXR_png" / f"CXR1_{name}.png")
    return root


def tables(root: Path, **changed: str) -> Path:
    row = {"uid": "1", "MeSH": "Cardiomegaly/borderline;Markings/bronchovascular", "findings": FINDINGS}
    row |= {"impression": "Cardiomegaly.", "Problems": "Cardiomegaly", **changed}
    write_csv(root / "indiana_reports.csv", REPORTS, [[row.get(name, "") for name in REPORTS]])
    projections(root)
    for name in (FRONTAL, LATERAL):
        picture(root / "images" / "images_normalized" / f"{name}.dcm.png")
    return root


@pytest.mark.parametrize("form", ["xml", "xml deeper", "csv"])
def test_both_forms_say_the_same(convert: Run, tmp_path: Path, form: str) -> None:
    root = tmp_path / "openi"
    if form == "csv":
        tables(root)
    else:
        published(root, folder="ecgen-radiology" if form == "xml" else "NLMCXR_reports/ecgen-radiology")
        projections(root)
    records, tally = convert("openi", root)
    (record,) = records
    assert record["report"] == f"{FINDINGS}\nCardiomegaly."
    assert record["sentences"] == ["The heart is enlarged.", "Cardiomegaly."]
    assert record["findings"] == ["Cardiomegaly", "Markings"]
    assert (record["patient_id"], record["split"]) == ("openi-1", hashed("openi-1"))
    assert FRONTAL in record["image"]
    assert tally.dropped == {"lateral view": 1}


def test_without_projections_every_picture_is_kept(convert: Run, tmp_path: Path) -> None:
    records, _ = convert("openi", published(tmp_path / "openi"))
    assert [record["view"] for record in records] == ["", ""]


def test_normal_is_no_finding(convert: Run, tmp_path: Path) -> None:
    records, _ = convert("openi", tables(tmp_path / "openi", MeSH="normal"))
    assert records[0]["findings"] == ["No Finding"]


@pytest.mark.parametrize(
    "text",
    [
        "<eCitation>",
        "",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><eCitation>&b;</eCitation>',
    ],
    ids=["cut", "empty", "entities that unfold"],
)
def test_hostile_xml_is_counted(convert: Run, tmp_path: Path, text: str) -> None:
    root = published(tmp_path / "openi")
    (root / "ecgen-radiology" / "2.xml").write_text(text)
    _, tally = convert("openi", root)
    assert tally.dropped == {"a report that is no XML": 1}


@pytest.mark.parametrize("form", ["xml", "csv"])
def test_empty_reports_drop_their_pictures(convert: Run, tmp_path: Path, form: str) -> None:
    if form == "csv":
        root = tables(tmp_path / "openi", findings="", impression=" ")
    else:
        root = published(tmp_path / "openi", XML.format(findings="").replace("Cardiomegaly.<", "<"))
    with pytest.raises(BadQuery, match="2 × empty report"):
        convert("openi", root)


def test_picture_names_do_not_lead_out(convert: Run, tmp_path: Path) -> None:
    root = published(tmp_path / "openi", XML.format(findings=FINDINGS).replace("CXR1_1_IM-0001-3001", "../../secret"))
    picture(tmp_path / "secret.png")
    records, tally = convert("openi", root)
    assert len(records) == 1
    assert tally.dropped == {"the film's file is missing": 1}
