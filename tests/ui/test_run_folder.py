"""Folders of runs that died are removed; of runs that live, of others and of nobody, they are not."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lofi.ui.run_folder import MARKER, remove_dead, run_folder

LIVE = """
import sys, time
from lofi.ui.run_folder import run_folder
with run_folder() as uploads:
    (uploads / "film").write_text("x")
    print(uploads, flush=True)
    time.sleep(600)
"""


def begun(place: Path) -> "tuple[subprocess.Popen[str], Path]":
    environment = {**os.environ, "TMPDIR": str(place)}
    process = subprocess.Popen([sys.executable, "-c", LIVE], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip()).parent


def test_a_run_that_was_killed_leaves_nothing_for_long(tmp_path: Path) -> None:
    process, folder = begun(tmp_path)
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert remove_dead(tmp_path) == 0
        assert (folder / "uploads" / "film").is_file()
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert folder.is_dir()
        assert remove_dead(tmp_path) == 1
        assert not folder.exists()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", ["no marker", "another's marker", "link", "open to all", "marker is a link", "pipe"])
def test_what_is_not_ours_stays(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "lofi-x"
    folder.mkdir(mode=0o700)
    (folder / "film").write_text("x")
    good = json.dumps({"pid": 1, "boot": "", "start": 0})
    marker = folder / MARKER
    if kind == "another's marker":
        marker.write_text('{"name": "another program"}')
    elif kind == "marker is a link":
        (tmp_path / "elsewhere").write_text(good)
        marker.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(marker)
    elif kind != "no marker":
        marker.write_text(good)
    if kind == "open to all":
        folder.chmod(0o755)
    if kind == "link":
        folder.rename(tmp_path / "other")
        folder.symlink_to(tmp_path / "other")
    assert remove_dead(tmp_path) == 0
    assert (folder / "film").is_file()


def test_a_folder_with_a_dead_runs_marker_goes_and_what_a_link_in_it_names_stays(tmp_path: Path) -> None:
    folder = tmp_path / "lofi-x"
    folder.mkdir(mode=0o700)
    (folder / MARKER).write_text(json.dumps({"pid": 1, "boot": "", "start": 0}))
    (tmp_path / "victim").write_text("x")
    (folder / "link").symlink_to(tmp_path / "victim")
    assert remove_dead(tmp_path) == 1
    assert (tmp_path / "victim").is_file()


def test_a_run_takes_its_folder_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with run_folder() as uploads:
        assert list(uploads.iterdir()) == []
        assert uploads.parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
