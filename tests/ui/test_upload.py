"""Uploads are read once and do not stay on disk."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lofi.errors import UnreadableFilm
from lofi.ui.upload import film_upload


def test_an_upload_is_deleted_with_its_folder_and_a_second_reader_still_gets_it(tmp_path: Path) -> None:
    upload = tmp_path / "hash" / "film.png"
    upload.parent.mkdir()
    upload.write_bytes(b"pixels")
    take = film_upload().preprocess
    assert take(SimpleNamespace(path=str(upload))) == b"pixels"
    assert not upload.parent.exists()
    assert take(SimpleNamespace(path=str(upload))) == b"pixels"


def test_no_upload_and_one_that_is_gone(tmp_path: Path) -> None:
    take = film_upload().preprocess
    assert take(None) is None
    with pytest.raises(UnreadableFilm, match="send the film again"):
        take(SimpleNamespace(path=str(tmp_path / "secret.png")))
