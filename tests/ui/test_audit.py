"""The audit log: who did what to which film; never a phrase, a name of a file or a patient."""

import json
import logging
import stat
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.audit import KEPT, Audit, audit_to, note, noted
from lofi.ui.caller import Caller, answering_to
from lofi.ui.logs import Line
from tests.ui.built import built

FILM = "ab" * 32


@pytest.fixture(autouse=True)
def _no_audit_after() -> object:
    yield
    audit_to(None)


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_says_who_when_what_and_which_film(tmp_path: Path) -> None:
    file = tmp_path / "new" / "audit.jsonl"
    audit_to(file)
    with answering_to(Caller("anna", "10.0.0.7", "5e1f")):
        note("ground", FILM)
        note("ground", "no film's hash", "refused")
    first, second = lines(file)
    assert set(first) == {"time", "request", "user", "address", "what", "film", "outcome"}
    assert (first["user"], first["request"], first["film"], first["what"]) == ("anna", "5e1f", FILM, "ground")
    assert "film" not in second
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_fails_is_noted_as_refused(tmp_path: Path) -> None:
    audit_to(tmp_path / "a")
    with noted("open") as film:
        film(FILM)
    with pytest.raises(ValueError, match="x"), noted("open"):
        raise ValueError("x")
    assert [(line["outcome"], line.get("film")) for line in lines(tmp_path / "a")] == [
        ("done", FILM),
        ("refused", None),
    ]


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "a", most_bytes=300)
    for number in range(60):
        audit.write(f"step {number}")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a", *(f"a.{number}" for number in range(1, KEPT + 1))}
    assert all(path.stat().st_size <= 300 and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
    kept = [line["what"] for number in range(KEPT, 0, -1) for line in lines(tmp_path / f"a.{number}")]
    kept += [line["what"] for line in lines(tmp_path / "a")]
    assert kept == [f"step {number}" for number in range(60 - len(kept), 60)]


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "a")
    threads = [threading.Thread(target=lambda: [audit.write("x") for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path / "a")) == 400


def test_where_it_cannot_be_written_it_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for file in (tmp_path, tmp_path / "link"):
        with pytest.raises(LofiError, match="LOFI_AUDIT cannot be written"):
            Audit(file)
    audit = Audit(tmp_path / "a")
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    with caplog.at_level(logging.ERROR, "lofi"):
        audit.write("x")
    assert "audit log cannot be written" in caplog.text


def test_a_line_holds_one_line_whatever_is_said(tmp_path: Path) -> None:
    audit_to(tmp_path / "a")
    with answering_to(Caller('an"na\n{"what": "forged"}', "10.0.0.7", "1")):
        note("x")
    assert len((tmp_path / "a").read_text().splitlines()) == 1


def test_requests_are_noted_with_their_id(tmp_path: Path) -> None:
    app = built(Settings(reviews=str(tmp_path / "kept"), audit=tmp_path / "a"))
    client = TestClient(app, base_url="http://localhost", client=("10.0.0.7", 5))
    answer = client.post("/lofi/open", content=b"no film", headers={"Content-Type": "application/octet-stream"})
    (line,) = lines(tmp_path / "a")
    assert line["request"] == answer.headers["x-request-id"]
    assert (line["what"], line["outcome"], line["address"]) == ("open", "refused", "10.0.0.7")
    client.get(f"/lofi/film?sha256={FILM}")
    assert lines(tmp_path / "a")[1]["film"] == FILM


def test_a_log_record_is_one_line_of_json_without_the_errors_text() -> None:
    try:
        raise ValueError("/uploads/secret-patient.png")
    except ValueError as error:
        told = (type(error), error, error.__traceback__)
    record = logging.LogRecord("lofi", logging.ERROR, "file", 1, "it\nfailed %s", ("here",), told)
    with answering_to(Caller(request="5e1f")):
        line = Line().format(record)
    assert "\n" not in line
    assert "secret" not in line
    known = json.loads(line)
    assert (known["level"], known["request"], known["error"]) == ("ERROR", "5e1f", "ValueError")
    assert known["message"] == "it\nfailed here"
