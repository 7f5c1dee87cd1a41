"""Commands of docs/ that stand for another machine or for hours are run here too: small, with places of a test.

`tests/test_readme.py` runs those that can be run as they stand, `tests/train/test_walk.py` the walk from the sets.
"""

import importlib
import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lofi import cli
from lofi.network import checkpoint
from lofi.network.checkpoint import fingerprint, read_manifest
from tests import tiny
from tests.test_readme import COMMANDS, CONSOLE, REPOSITORY

TRAINING = [line for line in CONSOLE if " -m train" in line]
MODEL, GALLERY = REPOSITORY / "assets" / "lofi-mini", REPOSITORY / "assets" / "gallery"


def words_of(line: str) -> tuple[str, list[str]]:
    """The module and the arguments of a training command."""
    words = shlex.split(line)
    at = words.index("-m")
    return words[at + 1], words[at + 2 :]


def has_parser(line: str) -> bool:
    return hasattr(importlib.import_module(words_of(line)[0]), "parser")


@pytest.mark.parametrize("line", [line for line in TRAINING if has_parser(line)])
def test_a_training_command_is_understood(line: str) -> None:
    name, arguments = words_of(line)
    importlib.import_module(name).parser().parse_args(arguments)  # ends the process where it is not


@pytest.mark.parametrize("line", [line for line in TRAINING if "train.publish" in line and "--dry-run" in line])
def test_what_would_be_published_is_written(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "GALLERY").symlink_to(GALLERY)
    (tmp_path / "runs" / "mini" / "alike").mkdir(parents=True)
    (tmp_path / "runs" / "mini" / "alike" / "checkpoint").symlink_to(MODEL)
    (tmp_path / "runs" / "eval").mkdir()
    about = {"fingerprint": fingerprint(read_manifest(MODEL))}
    (tmp_path / "runs" / "eval" / "metrics.json").write_text(json.dumps({"about": about, "grounding": {}}), "utf-8")
    (tmp_path / "CARD.md").write_text("# A model\n\nData, terms, limits.\n", "utf-8")
    name, arguments = words_of(line)
    assert importlib.import_module(name).main(arguments) == 0
    assert (tmp_path / "OUT" / "README.md").is_file()


def test_a_folder_of_films_becomes_a_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    (tmp_path / "FOLDER").mkdir()
    films = sorted((GALLERY / "films").iterdir())[:2]
    for film in films:
        shutil.copy(film, tmp_path / "FOLDER")
    rows = "".join(f"{film.name},No acute finding.\n" for film in films)
    (tmp_path / "REPORTS.csv").write_text(f"file,report\n{rows}", "utf-8")
    (line,) = [line for line in TRAINING if "train.index --films" in line]
    name, arguments = words_of(line)
    checkpoint.save(tmp_path / "model", tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    assert importlib.import_module(name).main([*arguments, "--model", "model"]) == 0
    assert json.loads((tmp_path / "GALLERY" / "gallery.json").read_text("utf-8"))["count"] == 2


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """A command `lofi …` run in this process, in a folder of its own; what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOFI_REVIEWS", str(tmp_path / "kept"))

    def run(line: str) -> str:
        assert cli.main(shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    return run


def test_a_study_is_told_exported_and_compared(told: Callable[[str], str], tmp_path: Path) -> None:
    (new,) = [line for line in COMMANDS if "study new" in line]
    told(f"{re.sub(' --stratum .*', '', new)} --limit 2 --phrase mass --unasked")
    followed = [line for line in CONSOLE if line.startswith("lofi study") and "serve" not in line]
    said = {line.split()[2]: told(line) for line in followed}
    assert set(said) == {"status", "export", "agreement"}
    assert "Nobody has begun" in said["status"]
    assert (tmp_path / "reading.csv").is_file()


def test_users_are_listed(told: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    (add,) = [line for line in COMMANDS if "user add" in line]
    line, _, password = add.partition(" <<< ")
    monkeypatch.setattr("sys.stdin", io.StringIO(password.strip('"') + "\n"))
    told(line)
    (listed,) = [line for line in CONSOLE if line.startswith("lofi user list")]
    assert "anna" in told(listed)


@pytest.mark.parametrize("line", [line for line in CONSOLE if line.startswith("make ")])
def test_make_knows_what_is_to_be_done(line: str) -> None:
    subprocess.run([*shlex.split(line), "--dry-run"], cwd=REPOSITORY, check=True, capture_output=True)
