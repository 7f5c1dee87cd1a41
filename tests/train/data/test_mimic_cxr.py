import gzip
from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import (
    DICOM,
    LATERAL,
    OTHER,
    OTHER_DICOM,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    llava_rad,
    mimic,
    mimic_path,
    reports,
)
from train.data.request import Tally

Run = Any
FINDINGS = "Large right effusion. It measures 1.6 cm. Compared to ___ it has grown."


def test_rewritten_findings_labels_and_official_split(convert: Run, tmp_path: Path) -> None:
    root = mimic(tmp_path / "mimic")
    said = reports(
        tmp_path / "llava",
        train=[
            llava_rad(SUBJECT, STUDY, DICOM, "By rule, before the other.", "rule-based"),
            llava_rad(SUBJECT, STUDY, DICOM, FINDINGS),
            llava_rad(SUBJECT, STUDY, DICOM, "By rule, after the other.", "rule-based"),
        ],
        dev=[llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Clear lungs.", "rule-based")],
    )
    records, tally = convert("mimic_cxr", root, reports=said)
    first, second = records
    assert first["image"] == str((root / mimic_path(SUBJECT, STUDY, DICOM)).resolve())
    assert (first["width"], first["height"]) == (250, 200)
    assert (first["patient_id"], first["split"], first["view"]) == (f"mimic-{SUBJECT}", "train", "PA")
    assert first["report"] == FINDINGS
    assert first["report_kind"] == "findings, rewritten"
    assert first["sentences"] == ["Large right effusion.", "It measures 1.6 cm."]
    assert (first["findings"], first["absent"]) == (["Effusion"], ["Pneumothorax"])
    assert (second["split"], second["findings"], second["report_kind"]) == ("val", ["No Finding"], "findings")
    assert dict(tally.dropped) == {"lateral view": 1}
    assert tally.done == tally.expected == 3
    assert dict(tally.dropped_sentences) == {"a gap left by de-identification": 1}


def test_empty_rewriting_does_not_hide_the_rule_based_text(convert: Run, tmp_path: Path) -> None:
    entries = [llava_rad(SUBJECT, STUDY, DICOM, "Kept.", "rule-based"), llava_rad(SUBJECT, STUDY, DICOM, "  \n")]
    said = reports(tmp_path / "llava", train=entries)
    records, _ = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said)
    assert [record["report"] for record in records] == ["Kept."]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            lambda root: (root / mimic_path(OTHER, OTHER_STUDY, OTHER_DICOM)).unlink(), "missing", id="missing"
        ),
        pytest.param(
            lambda root: (root / mimic_path(OTHER, OTHER_STUDY, OTHER_DICOM)).write_bytes(b"\xff\xd8\xff no picture"),
            "cannot be read",
            id="damaged",
        ),
    ],
)
def test_spoilt_films_are_dropped(convert: Run, tmp_path: Path, spoil: Any, reason: str) -> None:
    root = mimic(tmp_path / "mimic")
    spoil(root)
    entries = [llava_rad(SUBJECT, STUDY, DICOM, "One."), llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Two.")]
    records, tally = convert("mimic_cxr", root, reports=reports(tmp_path / "llava", train=entries))
    assert [record["study"] for record in records] == [STUDY]
    assert [drop for drop in tally.dropped if reason in drop]


@pytest.mark.parametrize(
    "entry",
    [None, "text", {}, {"image": 3}, {"image": ""}, {"image": f"x/{DICOM}.jpg", "conversations": "no list"}],
    ids=["null", "text", "empty", "number for an image", "no image", "no conversation"],
)
def test_hostile_entries_say_nothing(convert: Run, tmp_path: Path, entry: object) -> None:
    good = llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Fine.")
    said = reports(tmp_path / "llava", train=[entry, good])
    records, _ = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said)
    assert [record["report"] for record in records] == ["Fine."]


def test_entries_for_unknown_films_are_counted(convert: Run, tmp_path: Path) -> None:
    entries = [
        llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Fine."),
        llava_rad("19999999", "59999999", "nobody", "Lost."),
    ]
    _, tally = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=reports(tmp_path / "llava", train=entries))
    assert tally.dropped["an entry for a film that the metadata lack"] == 1


def test_lateral_views_are_kept_on_request(convert: Run, tmp_path: Path) -> None:
    said = reports(tmp_path / "llava", train=[llava_rad(SUBJECT, STUDY, LATERAL, "Seen from the side.")])
    records, _ = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said, laterals=True)
    assert [record["view"] for record in records] == ["LATERAL"]


def test_hashed_split_is_that_of_the_patient(convert: Run, tmp_path: Path) -> None:
    from train.data.splits import hashed

    said = reports(tmp_path / "llava", train=[llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Fine.")])
    records, _ = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said, hashed=True)
    assert records[0]["split"] == hashed(f"mimic-{OTHER}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mimic-cxr-2.0.0-split.csv.gz", "-split.csv"),
        ("mimic-cxr-2.0.0-metadata.csv.gz", "--mimic"),
        ("chat_train", "--reports"),
    ],
)
def test_what_is_missing_is_named(convert: Run, tmp_path: Path, name: str, message: str) -> None:
    root = mimic(tmp_path / "mimic")
    if name != "chat_train":
        reports(root)
        (root / name).unlink()
    with pytest.raises(BadQuery, match=message):
        convert("mimic_cxr", root)


def test_damaged_gzip_is_a_sentence(convert: Run, tmp_path: Path) -> None:
    root = mimic(tmp_path / "mimic")
    path = root / "mimic-cxr-2.0.0-split.csv.gz"
    path.write_bytes(gzip.compress(b"dicom_id,study_id\n" * 50)[:40])
    with pytest.raises(BadQuery, match="cannot be read"):
        convert("mimic_cxr", root)


def test_summary_holds_no_identifier(convert: Run, tmp_path: Path) -> None:
    said = reports(tmp_path / "llava", train=[llava_rad(SUBJECT, STUDY, DICOM, FINDINGS), {"image": "secret name"}])
    _, tally = convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said)
    assert isinstance(tally, Tally)
    for secret in (SUBJECT, STUDY, DICOM, "secret name"):
        assert secret not in tally.text()
    assert "1 films (1 abnormal) of 1 patients" in tally.text()
