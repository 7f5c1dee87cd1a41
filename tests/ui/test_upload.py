"""Uploads are read once, do not stay on disk, and nothing else is ever read or removed."""

import io
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from lofi.errors import UnreadableFilm
from lofi.film.exposure import MAX_BYTES
from lofi.ui.upload import film_upload
from lofi.ui.uploads import WAIT_SECONDS, Uploads


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path / "uploads")


def sent(uploads: Uploads, data: bytes = b"pixels") -> Path:
    return Path(uploads.keep(io.BytesIO(data)))


def test_an_upload_is_read_once_and_gone(uploads: Uploads) -> None:
    path = sent(uploads)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    take = film_upload(uploads).preprocess
    assert take(SimpleNamespace(path=str(path))) == b"pixels"
    assert not path.exists()
    with pytest.raises(UnreadableFilm, match="send the film again"):
        take(SimpleNamespace(path=str(path)))
    assert take(None) is None


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "another file", "hard link"])
def test_what_was_put_in_the_place_of_an_upload_is_not_opened_and_stays(
    uploads: Uploads, tmp_path: Path, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"a letter")
    path = sent(uploads)
    path.unlink()
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)  # opened to read, it would wait for ever for somebody who writes
    elif kind == "folder":
        path.mkdir()
    elif kind == "hard link":
        path.hardlink_to(victim)
    else:
        victim.rename(path)
        victim = path
    with pytest.raises(UnreadableFilm, match="send the film again"):
        uploads.take(str(path))
    assert victim.read_bytes() == b"a letter"
    assert os.path.lexists(path)


@pytest.mark.parametrize(
    "written", ["{folder}/../uploads/{name}", "{folder}//{name}", "{name}", "{folder}/./{name}", "/etc/passwd", "", 7]
)
def test_a_path_is_known_only_as_it_was_told(uploads: Uploads, written: object) -> None:
    path = sent(uploads)
    if isinstance(written, str):
        written = written.format(folder=path.parent, name=path.name)
    assert not uploads.knows(written)
    with pytest.raises(UnreadableFilm, match="send the film again"):
        uploads.take(written)
    assert path.exists()


def test_a_folder_that_became_a_link_is_not_followed(uploads: Uploads, tmp_path: Path) -> None:
    path = sent(uploads)
    path.parent.rename(tmp_path / "moved")
    path.parent.symlink_to(tmp_path / "moved")
    with pytest.raises(UnreadableFilm):
        uploads.take(str(path))


def test_a_file_larger_than_any_film_is_refused_before_it_is_read(uploads: Uploads) -> None:
    path = sent(uploads)
    os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(UnreadableFilm, match="too large"):
        uploads.take(str(path))
    assert not path.exists()


def test_uploads_that_nobody_asks_about_go_after_a_minute(tmp_path: Path) -> None:
    now = [0.0]
    uploads = Uploads(tmp_path, lambda: now[0])
    first, waiting = sent(uploads), sent(uploads)
    now[0] = WAIT_SECONDS - 1
    late = sent(uploads)
    assert uploads.sweep() == 0
    now[0] = WAIT_SECONDS
    assert uploads.sweep({str(waiting)}) == 1
    assert {path for path in (first, waiting, late) if path.exists()} == {waiting, late}
    assert not uploads.knows(str(first))
    assert uploads.take(str(waiting)) == b"pixels"
