"""Record files of several sets are one for every stage of ``train.bundled``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.data.conftest import convert  # noqa: F401 (a fixture)
from tests.train.data.test_hannover import hannover
from tests.train.data.test_kermany import KAGGLE, kermany
from train import bundled
from train.data.records import check_leaks, read, written

Films = tuple[Path, Path]


@pytest.fixture
def files(convert: Callable[..., Any], tmp_path: Path) -> Films:  # noqa: F811
    """Record files of two sets."""
    place, kept = tmp_path / "records of it" / "records.jsonl", tmp_path / "hannover.jsonl"
    convert("hannover", hannover(tmp_path / "hannover"))
    kept.write_bytes(place.read_bytes())
    convert("kermany", kermany(tmp_path / "kermany", *KAGGLE))
    return kept, place


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The stages' commands; each of them succeeds and does nothing."""
    commands: list[list[str]] = []

    def done(command: list[str], **_: bool) -> object:
        commands.append(command)
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr(bundled.subprocess, "run", done)
    return commands


def test_every_stage_takes_the_joined_films(
    files: Films, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    given = ["--records", *map(str, (*files, files[0])), "--shared", str(tmp_path), "--out", str(out)]
    assert bundled.main(given) == 0
    records = list(read(out / "records.jsonl"))
    assert records == [record for path in files for record in read(path)], "a film given twice is one film"
    check_leaks(records)
    asked = {command[command.index("--records") + 1] for command in ran if "--records" in command}
    assert asked == {str(out / "records.jsonl"), str(out / "pseudo.jsonl")}
    assert not [command for command in ran if command[2] == "train.dense"]
    assert "dense network is left out" in capsys.readouterr().err


def test_a_patient_in_two_splits_is_refused(
    files: Films, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = next(read(files[0]))
    moved = {**written(record), "split": "val" if record.split != "val" else "test"}
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({**moved, "image": "another.png"}) + "\n")
    with pytest.raises(SystemExit):
        bundled.main(["--records", *map(str, (*files, other)), "--out", str(tmp_path / "run")])
    assert "stands in two splits" in capsys.readouterr().err
    assert ran == []


def test_a_smoke_run_takes_a_few_films_of_those_whose_labels_deny(ran: list[list[str]], tmp_path: Path) -> None:
    """Of three sources the one of ChestX-ray14 stands last; what one source lacks another gives."""
    box = {"phrase": "mass", "label": "Mass", "kind": "finding", "side": "", "box": [0.1, 0.1, 0.3, 0.3]}
    rows = [
        {"image": f"{number}.png", "patient_id": f"p{number}", "source": source, "split": split, "boxes": boxes}
        for number, (source, split, boxes) in enumerate(
            [(source, "train", boxes) for source in ("openi", "nih_bbox") for boxes in ([], [box]) for _ in range(20)]
            + [("openi", "val", [box])] * 9
        )
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "run"
    assert bundled.main(["--records", str(tmp_path / "all.jsonl"), "--out", str(out), "--smoke"]) == 0
    kept = list(read(out / "records.jsonl"))
    assert [(one.split, one.source, bool(one.boxes)) for one in kept].count(("train", "nih_bbox", True)) == 12
    assert [(one.split, one.source, bool(one.boxes)) for one in kept].count(("train", "nih_bbox", False)) == 6
    assert [(one.split, one.source, bool(one.boxes)) for one in kept].count(("val", "openi", True)) == 4
    assert len(kept) == 22
    assert all(str(out / "records.jsonl") in command for command in ran if command[2] == "train.calibrate")


def test_on_a_gpu_vectors_are_centred_before_anybody_hears_the_network(tmp_path: Path) -> None:
    """A network that makes no vectors, as on a processor, has none to centre."""
    names = {
        device: [stage.name for stage in bundled.dense_stages(tmp_path, tmp_path, tmp_path, tmp_path, device)]
        for device in ("cuda", "cpu")
    }
    trained = ["dense-first", "dense", "dense-small", "dense-partner"]
    assert names["cuda"] == [*trained, "cuts", "released", "centred", "agreed"]
    assert names["cpu"] == ["dense", "cuts", "released", "agreed"]
