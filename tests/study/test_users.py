"""Verdicts belong to their user; files of an older version, or that may only be read, are read all the same."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from lofi.errors import BadQuery, LofiError
from lofi.study import Decision, ReviewStore, Verdict
from lofi.study.database import read_only
from lofi.study.sitting import Superseded, seen, sit

FILM, MODEL = "a" * 64, "m"
VERSION_1 = """
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, study TEXT NOT NULL, film TEXT NOT NULL, reader TEXT NOT NULL,
    fingerprint TEXT NOT NULL, kind TEXT NOT NULL, phrase TEXT NOT NULL, number INTEGER NOT NULL, hit TEXT NOT NULL,
    decision TEXT NOT NULL, model_box TEXT, box TEXT, score REAL, comment TEXT NOT NULL
);
CREATE TABLE study (name TEXT PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL, begun TEXT NOT NULL);
CREATE TABLE answer (study TEXT NOT NULL, film TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (study, film));
CREATE TABLE sitting (
    study TEXT NOT NULL, reader TEXT NOT NULL, token TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (study, reader)
);
PRAGMA application_id = 0x4C6F4669;
PRAGMA user_version = 1;
"""


def said(user: str, decision: Decision = Decision.ABSENT, reader: str = "AB") -> Verdict:
    return Verdict(FILM, reader, MODEL, "phrase", decision, phrase="mass", user=user)


def older(file: Path) -> None:
    """A file as version 1 wrote it, with one verdict."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(VERSION_1)
        row = ("2026-01-01T00:00:00.000+00:00", "", FILM, "AB", MODEL, "phrase", "mass", -1, "", "absent", "")
        names = "time, study, film, reader, fingerprint, kind, phrase, number, hit, decision, comment"
        connection.execute(f"INSERT INTO verdict ({names}) VALUES ({', '.join('?' * len(row))})", row)
        connection.commit()


def test_two_users_with_the_same_initials_have_verdicts_of_their_own(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "r.sqlite")
    store.record(said("anna"))
    assert store.of(FILM, "AB", user="ben") == {}
    store.record(said("ben", Decision.WITHDRAWN))
    assert [one.user for one in store.of(FILM, "AB", user="anna").values()] == ["anna"]
    assert store.of(FILM, "AB") == {}
    assert "anna" in store.export_csv().splitlines()[1]
    assert len(store.export_csv().splitlines()) == 2


def test_initials_in_a_study_are_those_of_the_user_who_began(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "r.sqlite")
    with store.database.writing() as connection:
        token = sit(connection, "s", "AB", False, "anna")
        with pytest.raises(BadQuery, match="another reader's"):
            sit(connection, "s", "AB", True, "ben")
        assert seen(connection, "s", token, "anna") == "AB"
        for other in ("ben", ""):
            with pytest.raises(Superseded):
                seen(connection, "s", token, other)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "r.sqlite"
    store = ReviewStore(file)
    store.record(said(""))
    assert [stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()] == [0o600] * 3
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    store.database.close()
    file.chmod(0o644)
    ReviewStore(file).record(said(""))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_of_version_1_is_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite"
    older(file)
    store = ReviewStore(file)
    assert [one.user for one in store.all()] == [""]
    store.record(said("anna"))
    assert [one.user for one in store.all()] == ["", "anna"]
    assert next(iter(store.of(FILM, "AB").values())).decision is Decision.ABSENT


def test_a_file_of_version_1_is_read_where_nothing_may_be_written(tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite"
    older(file)
    before = file.read_bytes()
    with closing(read_only(file)) as connection:
        assert [row["user"] for row in connection.execute("SELECT * FROM verdict")] == [""]
        with pytest.raises(sqlite3.Error):
            connection.execute("DELETE FROM main.verdict")
    assert file.read_bytes() == before


@pytest.mark.parametrize("logged", [False, True], ids=["closed", "with a log"])
def test_a_folder_that_may_only_be_read_is_read(tmp_path: Path, logged: bool) -> None:
    folder = tmp_path / "kept"
    store = ReviewStore(folder / "r.sqlite")
    store.record(said("anna"))
    if logged:
        names = ("r.sqlite", "r.sqlite-wal")
        copies = {name: (folder / name).read_bytes() for name in names}  # as it lies while another process writes
        store.database.close()
        for name in folder.iterdir():
            name.unlink()
        for name, data in copies.items():
            (folder / name).write_bytes(data)
    else:
        store.database.close()
    for path in folder.iterdir():
        path.chmod(0o444)
    for path in (folder, *folder.parents):
        if path.is_relative_to(tempfile.gettempdir()) and path != Path(tempfile.gettempdir()):
            path.chmod(0o555 if path == folder else 0o755)
    program = (
        "import os, sys; from pathlib import Path; from lofi.study import ReviewStore, Verdict, Decision\n"
        "from lofi.errors import LofiError\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "store = ReviewStore(Path(sys.argv[1]))\n"
        "print([one.user for one in store.all()])\n"
        "try: store.record(store.all()[0])\n"
        "except LofiError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program, str(folder / "r.sqlite")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": "/nonexistent"}
    )
    folder.chmod(0o755)
    assert done.stdout.splitlines()[:1] == ["['anna']"], done.stderr
    assert "cannot be written" in done.stdout


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite"
    older(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LofiError, match="newer LoFi"):
        ReviewStore(file).all()
