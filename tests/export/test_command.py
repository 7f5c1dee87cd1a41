"""``python -m lofi export``, with the bundled model."""

import json
from pathlib import Path
from typing import Any

import pytest

from lofi.cli import main, parser
from lofi.engine import Engine
from lofi.errors import LofiError
from lofi.export.command import run
from lofi.film.radiograph import Radiograph
from tests.export import cases
from tests.export.test_structured_report import chest


def export(engine: Engine, film: Path, *arguments: object) -> dict[str, Any]:
    """The command's answer, with an engine that is open already: opening one takes seconds."""
    chosen = parser().parse_args(["export", str(film), *map(str, arguments)])
    return run(chosen, engine, Radiograph.read(film))


def test_json_with_hits_and_draft(engine: Engine, film_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    said = export(engine, film_file, "--phrases", "cardiomegaly; mass", "-k", "2", "--draft", "--out", out)
    assert said["bytes"] == out.stat().st_size
    values = json.loads(out.read_text())
    assert [finding["phrase"] for finding in values["findings"]] == ["cardiomegaly", "mass"]
    assert len(values["hits"]) == 2
    assert values["report_draft"] is not None


def test_default_name(engine: Engine, film_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = film_file.resolve()
    monkeypatch.chdir(tmp_path)
    said = export(engine, film, "--kind", "hits-csv", "-k", "1")
    assert [path.name for path in tmp_path.iterdir()] == [said["file"]]


def test_dicom_of_dicom(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    film, out = tmp_path / "film", tmp_path / "report.dcm"
    film.write_bytes(chest())
    words = ["export", film, "--phrases", "mass", "--kind", "sr", "--out", out, "--identified", "--anyway"]
    assert main([str(word) for word in words]) == 0
    assert json.loads(capsys.readouterr().out)["media_type"] == "application/dicom"
    assert cases.parsed(out.read_bytes()).PatientID == "INV7"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "sr", "--phrases", "mass", "--out", "a.dcm"], "end in .zip"),
        (["--kind", "png", "--phrases", "mass", "--out", "nowhere/a.png"], "cannot be written"),
        (["--kind", "png"], "at least one phrase"),
        (["--kind", "gsps", "--phrases", "mass", "--identified"], "names no patient"),
    ],
    ids=["ending", "folder", "nothing-asked", "no-patient"],
)
def test_refusals(engine: Engine, film_file: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(LofiError, match=words):
        export(engine, film_file, *arguments)
