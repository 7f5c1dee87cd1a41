"""What LOFI_DICOMWEB may say, and what it never shows."""

from pathlib import Path

import pytest

from lofi.archive import Place
from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.archive import OPEN_TO_ALL, archive_of


def test_an_address_alone_and_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a secret"
    assert Place.of("https://pacs.example/dicom-web/", {}) == Place("https://pacs.example/dicom-web")
    file.write_text("reader:pass:word\n")
    found = Place.of(f"http://10.0.0.1:8042/d file:{file}", {"SSL_CERT_FILE": "/ca"})
    assert found == Place("http://10.0.0.1:8042/d", "reader", "pass:word", authorities="/ca")
    file.write_text("Bearer abc.def\n")
    assert Place.of(f"https://a/ file:{file}", {}).token == "abc.def"
    assert "abc" not in repr(Place.of(f"https://a/ file:{file}", {}))


@pytest.mark.parametrize(
    "setting",
    [
        *("pacs.example", "ftp://a/b", "https://", "https://u:secret@a/b", "https://a/b?c=secret", "https://a:x/"),
        *("https://a/../b", "https://a/b token:secret", "https://a/b file:/no/such/secret", "https://a/b%20c"),
    ],
)
def test_what_is_no_place_is_told_without_showing_it(setting: str) -> None:
    with pytest.raises(LofiError, match="LOFI_DICOMWEB") as told:
        Place.of(setting, {})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("said", ["", "\n", "a\nb", "\0"])
def test_a_file_of_other_than_one_line(tmp_path: Path, said: str) -> None:
    (tmp_path / "user").write_text(said)
    with pytest.raises(LofiError, match="one line"):
        Place.of(f"https://a/b file:{tmp_path / 'user'}", {})


def test_an_archive_is_not_opened_to_everybody() -> None:
    assert archive_of(Settings()) is None
    assert archive_of(Settings(dicomweb="https://a/b")) is not None
    assert archive_of(Settings(dicomweb="https://a/b", host="0.0.0.0", auth="header:X-User")) is not None
    assert archive_of(Settings(dicomweb="https://a/b", hosts="lofi.example", auth="header:X-User")) is not None
    for reached in ({"host": "0.0.0.0"}, {"hosts": "lofi.example"}, {"proxies": "127.0.0.1"}):
        with pytest.raises(LofiError, match=OPEN_TO_ALL[:30]):
            archive_of(Settings(dicomweb="https://a/b", **reached))
