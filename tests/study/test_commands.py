"""``python -m lofi study``: from a new definition to figures, and a sentence for whatever is wrong."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofi.cli import main
from lofi.study.reading import ReaderStudy

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], films: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the folder that holds the films; reviews are kept below it."""
    monkeypatch.chdir(films.parent)
    monkeypatch.setenv("LOFI_REVIEWS", "kept")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["study", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


NEW = ("new", "s.json", "--folder", "films", "--phrase", "mass", "--phrase", "effusion", "--seed", "3", "--unasked")


def read_all(study: ReaderStudy, reader: str, decision: str) -> None:
    token = study.begin(reader)
    while (sheet := study.sheet(token)) is not None:
        for number in range(2):
            mark = {"kind": "box", "phrase": "mass", "number": number, "decision": decision}
            study.mark(token, sheet.case.film, mark)
        study.mark(token, sheet.case.film, {"kind": "phrase", "phrase": "effusion", "decision": "absent"})
        for hit in ("s1", "s2"):
            study.mark(token, sheet.case.film, {"kind": "hit", "hit": hit, "decision": "relevant"})
        study.finish(token, sheet.case.film)


def test_new_writes_a_definition_that_reads(run: Run) -> None:
    status, out, err = run(*NEW, "--reader", "ab", "--limit", "4")
    assert (status, err) == (0, "")
    assert "A study of 4 cases" in out
    written = json.loads(Path("s.json").read_text())
    assert (written["name"], written["folder"], written["blind"]) == ("s", "films", True)
    assert run("status", "s.json")[1] == "AB: 0 of 4 cases\n"
    assert not Path("kept").exists(), "looking must not make a file"


def test_new_counts_films_that_cannot_be_read(run: Run) -> None:
    Path("films/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert "6 cases is defined. 1 of the films cannot be read" in run(*NEW)[1]


def test_new_takes_the_gallerys_films(run: Run) -> None:
    wanted = ("--where", "label=Cardiomegaly", "--phrase", "cardiomegaly", "--limit", "3")
    status, out, _ = run("new", "g.json", *wanted, "--unasked")
    assert (status, "3 cases" in out) == (0, True)


def test_status_export_and_agreement_tell_what_was_read(run: Run, study: ReaderStudy) -> None:
    run(*NEW, "--name", "lungs")
    read_all(study, "AB", "accepted")
    read_all(study, "CD", "rejected")
    assert run("status", "s.json", "--reviews", "kept")[1] == "AB: 5 of 5 cases\nCD: 5 of 5 cases\n"
    assert run("export", "s.json", "--csv", "o.csv", "--json", "o.json")[1] == "Written: CSV and JSON.\n"
    rows = list(csv.DictReader(Path("o.csv").read_text("utf-8").splitlines()))
    assert len([row for row in rows if row["kind"] == "box" and row["decision"] == "accepted"]) == 10
    assert {row["note"] for row in rows} == {"Research use only. Not for diagnosis."}
    assert len(json.loads(Path("o.json").read_text())["verdicts"]) == len(rows)
    told = run("agreement", "s.json")[1]
    assert "Cohen's κ, boxes accepted as drawn: 0.000" in told
    assert 'Cohen\'s κ, similar studies relevant: not defined: all readers said "yes"' in told
    assert "model's boxes accepted: 0.500" in told
    figures: list[dict[str, Any]] = json.loads(run("agreement", "s.json", "--json")[1])["figures"]
    assert {figure["n"] for figure in figures if "accepted by" in figure["name"]} == {10}


def test_serve_becomes_the_app_with_the_study(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    become: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: become.append(given) or _end())  # type: ignore[func-returns-value]
    run(*NEW)
    run("serve", "s.json", "--port", "7999")
    (_, [_, *command], environment) = become[0]
    assert command == ["-m", "lofi", "app"]
    assert (environment["LOFI_PORT"], environment["LOFI_STUDY"]) == ("7999", str(Path("s.json").resolve()))


def _end() -> str:
    return ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("status", "missing.json"), "study file"),
        (("serve", "missing.json"), "study file"),
        (("agreement", "films/0.png"), "study file"),
        (("new", "s.toml", "--folder", "films", "--phrase", "x"), "ends in .json"),
        (("new", "s.json", "--folder", "films"), "at least one phrase"),
        (("new", "s.json", "--folder", "nowhere", "--phrase", "x"), "folder is not there"),
        (("new", "s.json", "--folder", "films", "--where", "view=PA", "--phrase", "x"), "not from both"),
        (("new", "no/such/s.json", "--folder", "films", "--phrase", "x"), "cannot be written"),
        (("new", "s.json", "--folder", "films", "--phrase", "x", "--seed", "-1"), "seed must be"),
        (("new", "s.json", "--folder", "films", "--phrase", "x", "--reader", "too long"), "initials"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_errors_are_one_sentence(run: Run, arguments: tuple[str, ...], told: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1
    assert not Path("s.json").exists()


def test_new_never_overwrites(run: Run) -> None:
    run(*NEW)
    status, _, err = run(*NEW)
    assert (status, "of that name" in err) == (1, True)


def test_a_damaged_database_is_told(run: Run) -> None:
    run(*NEW)
    Path("kept").mkdir()
    Path("kept/reviews.sqlite").write_bytes(b"not a database at all" * 200)
    for action in ("status", "export", "agreement"):
        status, _, err = run(action, "s.json")
        assert (status, "damaged" in err) == (1, True)
