import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import train.data.__main__ as command
from lofi.gallery import read_jsonl, study_from_record
from tests.train.data.sets import picture
from train.data.film import SCHEMA, Film, read_parquet
from train.data.records import BoxRecord, check_leaks, parse, read
from train.data.request import Request

BOX = BoxRecord("left mass", "Mass", "finding", "left", (0.6, 0.2, 0.8, 0.4), "exact")


def film(path: Path, patient: str, split: str = "train") -> Film:
    return Film(
        path=path,
        patient=patient,
        source="mini",
        split=split,
        study="s1",
        view="PA",
        sex="F",
        age=67.0,
        findings=("Mass",),
        absent=("Effusion",),
        report="Left mass.\nNo effusion.",
        report_kind="report",
        sentences=("Left mass.", "No effusion."),
        boxes=(BOX,),
    )


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Film]:
    """A set named "folder" whose adapter yields this list: two films of two patients."""
    films = [film(picture(tmp_path / "set" / f"{n}.png", seed=n), f"p{n}", ("train", "test")[n]) for n in range(2)]

    def adapter(request: Request) -> Iterator[Film]:
        yield from films

    monkeypatch.setitem(command.SETS, "folder", (adapter, "as it comes"))
    return films


def run(tmp_path: Path, *more: str) -> int:
    return command.main(["folder", "--root", str(tmp_path / "set"), "--out", str(tmp_path / "out"), *more])


def test_records_and_parquet_hold_the_same(
    mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 0
    out = tmp_path / "out"
    rows = list(read_jsonl(out / "records.jsonl"))
    assert list(read_parquet(out / "records.parquet")) == rows
    assert set(rows[0]) == set(SCHEMA.names)
    assert not list(out.glob("*.partial"))
    printed = capsys.readouterr().out
    assert "2 films (2 abnormal) of 2 patients, 4 sentences, 2 boxes (train 1, test 1)." in printed
    assert "Split: as it comes." in printed
    assert (out / "summary.txt").read_text() == printed


def test_both_readers_of_the_format_understand_it(mini: list[Film], tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "out" / "records.jsonl"
    record = next(read(path))
    assert (record.path, record.patient, record.boxes, record.findings) == (mini[0].path, "p0", (BOX,), ("Mass",))
    study = study_from_record(next(read_jsonl(path)))
    assert (study.report, study.age, study.sex, study.view) == ("Left mass.\nNo effusion.", 67.0, "F", "PA")
    assert study.boxes[0].box == BOX.box


def test_films_below_the_records_have_relative_paths(tmp_path: Path) -> None:
    inner = film(picture(tmp_path / "films" / "ä b.png"), "p")
    assert inner.record(tmp_path)["image"] == "films/ä b.png"
    assert inner.record(tmp_path / "elsewhere")["image"] == str(tmp_path / "films" / "ä b.png")
    assert parse(json.loads(json.dumps(inner.record(tmp_path))), tmp_path).path == inner.path


def test_a_patient_in_two_splits_writes_nothing(
    mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 0
    before = (tmp_path / "out" / "records.jsonl").read_bytes()
    mini[1] = replace(mini[1], patient="p0")
    assert run(tmp_path) == 1
    assert "stands in two splits" in capsys.readouterr().err
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == before
    assert not list((tmp_path / "out").glob("*.partial"))


def test_patients_that_another_set_tests_with_do_not_train(
    mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    rows = [film(mini[0].path, "p0", "val"), film(mini[0].path, "p1", "train")]
    other.write_text("".join(json.dumps(row.record(tmp_path)) + "\n" for row in rows))
    assert run(tmp_path, "--apart-from", str(other)) == 0
    kept = list(read(tmp_path / "out" / "records.jsonl"))
    assert [record.patient for record in kept] == ["p1"]
    assert "1 × a patient that the other records test with" in capsys.readouterr().out
    check_leaks([record for record in [*kept, *read(other)] if record.patient == "p0"])


@pytest.mark.parametrize("text", ["not json\n", "{}\n", None], ids=["text", "no fields", "no file"])
def test_other_records_must_be_records(
    mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    other = tmp_path / "other.jsonl"
    if text is not None:
        other.write_text(text)
    assert run(tmp_path, "--apart-from", str(other)) == 1
    assert "no record file" in capsys.readouterr().err


def test_tiny_and_mute_films_stay_out(mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mini += [
        film(picture(tmp_path / "set" / "tiny.png", (300, 90)), "p2"),
        Film(mini[0].path.with_name("mute.png"), "p3", "mini", "train"),
        replace(mini[0], path=mini[0].path.with_name("nowhere"), split=""),
    ]
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    for reason in ("shorter side below 128 pixels", "nothing is said of the film", "in no split"):
        assert f"1 × {reason}" in printed


def test_nothing_usable_is_an_error_that_says_why(
    mini: list[Film], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in mini:
        one.path.unlink()
    assert run(tmp_path) == 1
    assert "2 × the film's file is missing" in capsys.readouterr().err
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_interrupted_run_leaves_nothing_partial(
    mini: list[Film], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(request: Request) -> Iterator[Film]:
        yield mini[0]
        raise KeyboardInterrupt

    monkeypatch.setitem(command.SETS, "folder", (stopped, ""))
    assert run(tmp_path) == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_every_set_states_its_split_and_root_must_be_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(command.SETS) == 15
    assert all(split for _, split in command.SETS.values())
    assert run(tmp_path) == 1
    assert "--root is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["unknown", "--root", ".", "--out", "."])


def test_the_page_on_training_names_sets_that_are_read() -> None:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text("utf-8")
    assert "reads fourteen published sets" in page
    published = set(command.SETS) - {"folder"}
    assert len(published) == 14
    named = re.findall(r"-m (train\.data \w+ --root .*)", page)
    assert {"rsna", "kermany", "covid_chestxray", "hannover", "jsrt", "nih14"} <= {line.split()[1] for line in named}
    for line in named:
        command.parser().parse_args(line.partition("#")[0].split()[1:])
