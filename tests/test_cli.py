"""The command line gives the API's JSON, or one sentence on stderr and status 1."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lofi.cli import main

REPOSITORY = Path(__file__).resolve().parent.parent


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def test_read_says_what_is_known_and_no_name(capsys: pytest.CaptureFixture[str], film_file: Path) -> None:
    status, out, err = run(capsys, "read", str(film_file))
    film = json.loads(out)["film"]
    assert (status, err) == (0, "")
    assert {
        "size",
        "view",
        "kind",
        "flags",
        "sha256",
        "tags",
        "spacing_mm",
        "spacing_at",
        "bits",
        "sides",
        "unfit",
    } == set(film)
    assert film_file.name not in out


def test_read_needs_no_torch(film_file: Path) -> None:
    program = "import sys; from lofi.cli import main; main(['read', sys.argv[1]]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, film_file], cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_search(capsys: pytest.CaptureFixture[str], film_file: Path) -> None:
    status, out, _ = run(capsys, "search", str(film_file), "-k", "3")
    answer = json.loads(out)
    assert status == 0
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert {"study_id", "similarity", "report", "labels", "view", "source", "boxes"} <= set(answer["hits"][0])


def test_search_with_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "search", "--text", "pleural effusion", "-k", "2")
    assert status == 0
    assert len(json.loads(out)["hits"]) == 2


def test_ground(capsys: pytest.CaptureFixture[str], film_file: Path) -> None:
    _, out, _ = run(capsys, "ground", str(film_file), "cardiomegaly", "--phrases", "left pleural effusion\nmass")
    groundings = json.loads(out)["groundings"]
    assert [g["phrase"] for g in groundings] == ["cardiomegaly", "left pleural effusion", "mass"]
    known = {"phrase", "asked", "state", "note", "found", "confidence", "boxes", "scores", "evidence"}
    assert all(known | {"likely", "guess", "concepts", "warning"} == set(g) for g in groundings)


def test_describe_and_report(capsys: pytest.CaptureFixture[str], film_file: Path) -> None:
    _, out, _ = run(capsys, "describe", str(film_file), "[[0.1, 0.2, 0.5, 0.6]]")
    assert len(json.loads(out)["phrases"]) == 1
    _, out, _ = run(capsys, "report", str(film_file))
    assert all({"sentence", "boxes", "scores"} == set(s) for s in json.loads(out)["sentences"])


@pytest.mark.parametrize(
    "command",
    [["read"], ["search"], ["ground", "cardiomegaly"], ["describe", "[[0,0,1,1]]"], ["report"]],
    ids=lambda command: command[0],
)
def test_tables_are_text(capsys: pytest.CaptureFixture[str], film_file: Path, command: list[str]) -> None:
    status, out, _ = run(capsys, command[0], str(film_file), *command[1:], "--table")
    assert status == 0
    assert "pixels" in out.splitlines()[0]
    assert "{" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "secret-patient.png"],
        ["read", "."],
        ["search"],
        ["ground", "FILM"],
        ["ground", "FILM", "x" * 400],
        ["describe", "FILM", "not json"],
        ["describe", "FILM", "[[2,2,3,3]]"],
        ["search", "FILM", "-k", "0"],
        ["search", "FILM", "--where", "colour=blue"],
        ["search", "FILM", "--gallery", "secret-gallery"],
        ["report", "FILM", "--model", "./secret-model"],
        ["report", "FILM", "--device", "cuda:99"],
    ],
    ids=" ".join,
)
def test_errors_are_one_sentence(capsys: pytest.CaptureFixture[str], film_file: Path, arguments: list[str]) -> None:
    status, out, err = run(capsys, *[str(film_file) if word == "FILM" else word for word in arguments])
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert film_file.name not in err
    assert "secret-patient" not in err
