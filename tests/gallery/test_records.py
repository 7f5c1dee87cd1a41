import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lofi.errors import BadQuery, GalleryMismatch
from lofi.gallery.records import read_jsonl, region_boxes, study_from_record
from lofi.gallery.table import Records, from_parquet, map_records, table_of, write_records
from lofi.results import RegionBox, Study
from tests.fuzz.seeds import STUDIES, parquet

RECORD = {
    "image": "images/nih/00000072_000.webp",
    "patient_id": "nih-00072",
    "source": "nih_bbox",
    "view": "AP Supine",
    "age": "67",
    "sex": "f",
    "findings": ["Effusion", "todo", "Effusion", "Mass"],
    "label_text": "AP chest radiograph. Findings: effusion.",
    "boxes": [{"phrase": "pleural effusion", "label": "Effusion", "kind": "finding", "box": [0.1, 0.5, 0.4, 0.9]}],
}


def test_study_from_record() -> None:
    study = study_from_record(RECORD)
    assert study == Study(
        study_id=study.study_id,
        report="AP chest radiograph. Findings: effusion.",
        labels=("Effusion", "Mass"),
        view="AP",
        source="nih_bbox",
        sex="F",
        age=67.0,
        patient_key="nih-00072",
        image="images/nih/00000072_000.webp",
        boxes=(RegionBox("pleural effusion", (0.1, 0.5, 0.4, 0.9), "Effusion", "finding"),),
    )


def test_study_id_is_stable_and_shows_no_file_name() -> None:
    first = study_from_record(RECORD).study_id
    assert first == study_from_record(RECORD).study_id
    assert first != study_from_record(RECORD | {"image": "images/nih/00000072_001.webp"}).study_id
    assert "00072" not in first


@pytest.mark.parametrize(
    ("given", "kept"),
    [("sim-0007", True), ("../../etc/passwd", False), ("", False), (7, False), ("x" * 65, False), ("a b", False)],
)
def test_own_study_id_only_where_it_is_plain(given: object, kept: bool) -> None:
    assert (study_from_record(RECORD | {"study_id": given}).study_id == given) is kept


def test_report_goes_before_label_text() -> None:
    assert study_from_record(RECORD | {"report": "Large\x00 left effusion."}).report == "Large left effusion."
    assert study_from_record(RECORD | {"report": "  "}).report == RECORD["label_text"]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="empty"),
        pytest.param(dict.fromkeys(RECORD), id="nulls"),
        pytest.param({name: {"a": [1]} for name in RECORD}, id="objects everywhere"),
        pytest.param({name: [["x"], {}, None] for name in RECORD}, id="lists everywhere"),
        pytest.param(dict.fromkeys(RECORD, 1e300), id="numbers everywhere"),
    ],
)
def test_malformed_fields_are_not_known(record: dict[str, object]) -> None:
    study = study_from_record(record)
    assert (study.report, study.view, study.sex, study.age, study.boxes) == ("", "", "", None, ())
    assert Records(table_of([study])) == (study,)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param([0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 0.3, 0.4), id="good"),
        pytest.param([-0.1, 0.2, 1.7, 0.4], (0.0, 0.2, 1.0, 0.4), id="beyond the film: cut"),
        pytest.param([0.3, 0.2, 0.1, 0.4], None, id="inverted"),
        pytest.param([0.1, 0.2, 0.1, 0.4], None, id="no width"),
        pytest.param([0.1, 0.2, float("nan"), 0.4], None, id="not a number"),
        pytest.param([0.1, 0.2, 0.3], None, id="three corners"),
        pytest.param(["0.1", 0.2, 0.3, 0.4], None, id="text"),
        pytest.param("0.1 0.2 0.3 0.4", None, id="a string"),
    ],
)
def test_region_boxes(box: object, expected: tuple[float, ...] | None) -> None:
    good = {"phrase": "mass", "box": [0.5, 0.5, 0.6, 0.6]}
    found = region_boxes([{"phrase": "x", "box": box}, good])
    assert [region.box for region in found] == [b for b in (expected, (0.5, 0.5, 0.6, 0.6)) if b is not None]


def test_columns_keep_everything(tmp_path: Path) -> None:
    full = study_from_record(RECORD | {"report": "Über\nzwei Zeilen", "simulated": True})
    studies = (Study("bare", ""), replace(full, film_sha256="1f" * 32, film_print="a0" * 32))
    write_records(studies, tmp_path / "two")
    found = map_records(tmp_path / "two", 2)
    assert found == studies
    assert found[1] == found[-1] == studies[1]
    assert found[:1] == studies[:1]
    assert [found.row_of(name) for name in ("bare", full.study_id, "other", "")] == [0, 1, None, None]
    assert found.prints.tobytes() == bytes(32) + b"\xa0" * 32
    with pytest.raises(IndexError):
        found[2]
    write_records((), tmp_path / "none")
    assert map_records(tmp_path / "none", 0) == ()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated_parquet_is_refused(share: float) -> None:
    data = parquet()
    with pytest.raises(GalleryMismatch, match="records"):
        from_parquet(data[: int(share * len(data))], 2)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_truncated_columns_are_refused(tmp_path: Path, share: float) -> None:
    write_records(STUDIES, tmp_path / "records")
    data = (tmp_path / "records").read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(share * len(data))])
    with pytest.raises(GalleryMismatch, match="records"):
        map_records(tmp_path / "cut", len(STUDIES))


def test_other_columns_are_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"study_id": ["a"]}), sink)
    with pytest.raises(GalleryMismatch, match="columns"):
        from_parquet(sink.getvalue().to_pybytes(), 1)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param('{"image": "DOE^JANE.dcm"', "Line 2 .* not JSON", id="cut"),
        pytest.param('["DOE^JANE"]', "Line 2 .* not a JSON object", id="a list"),
        pytest.param("[" * 100_000, "Line 2 .* not JSON", id="deeply nested"),
    ],
)
def test_read_jsonl_names_the_line_but_no_value(tmp_path: Path, second: str, message: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(RECORD) + "\n" + second + "\n")
    with pytest.raises(BadQuery, match=message) as caught:
        list(read_jsonl(path))
    assert "DOE" not in str(caught.value)


def test_read_jsonl_refuses_what_is_no_text_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "DOE.jsonl"
    with pytest.raises(BadQuery, match="cannot be read") as caught:
        list(read_jsonl(path))
    assert "DOE" not in str(caught.value)
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(BadQuery, match="UTF-8"):
        list(read_jsonl(path))


@pytest.mark.shared
def test_real_records(shared: Path) -> None:
    """Nothing is lost: counted against the file, whose films come and go. The age "?" is none."""
    file = shared / "cxr" / "records.jsonl"
    written = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    studies = [study_from_record(record) for record in read_jsonl(file)]
    assert len(studies) == len({study.study_id for study in studies}) == len(written) > 10_000
    assert {study.view for study in studies} == {"PA", "AP", "LATERAL", ""}
    ages = [age for record in written if (age := str(record.get("age") or "")).isdigit()]
    assert sum(study.age is not None for study in studies) == len(ages) > 1_000
    assert not any("todo" in study.labels for study in studies)
    assert sum(len(study.boxes) for study in studies) == sum(len(record["boxes"]) for record in written) > 5_000
