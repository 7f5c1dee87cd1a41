"""Files of a study that another hand was in: one sentence, nothing lost, nothing written over."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lofi.cli import main
from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.study import ReviewStore, review_file
from lofi.study.definition import Definition
from tests.study.verdicts import on_box

REVIEWS: dict[str, str] = {
    "a table gone": "DROP TABLE verdict",
    "a column gone": "ALTER TABLE verdict DROP COLUMN comment",
    "a decision unknown": "UPDATE verdict SET decision = 'perhaps'",
    "a film that is none": "UPDATE verdict SET film = 'x'",
    "a number that is text": "UPDATE verdict SET number = 'one'",
    "a box of three": "UPDATE verdict SET model_box = '[1, 2, 3]'",
    "a box without end": "UPDATE verdict SET model_box = '" + "[" * 50_000 + "'",
    "a box beyond any float": "UPDATE verdict SET model_box = '[0, 0, 1" + "0" * 400 + ", 1]'",
    "a time that is bytes": "UPDATE verdict SET time = x'ff00'",
    "a text that is no UTF-8": "UPDATE verdict SET comment = CAST(x'ff' AS TEXT)",
    "a score that is text": "UPDATE verdict SET score = 'high'",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    store.record(on_box("accepted"))
    store.database.close()
    return tmp_path / "reviews.sqlite"


@pytest.mark.parametrize("statement", REVIEWS.values(), ids=REVIEWS.keys())
def test_reviews_that_were_changed(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
    store = ReviewStore(file)
    with pytest.raises(LofiError, match="damaged"):
        store.export_json()
    store.database.close()


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8])
def test_reviews_with_a_page_of_noise(file: Path, share: float) -> None:
    data = bytearray(file.read_bytes())
    at = int(share * len(data))
    data[at : at + 512] = b"\xa5" * min(512, len(data) - at)
    file.write_bytes(data)
    store = ReviewStore(file)
    try:
        outcome = "1" if len(store.all()) == 1 else "lost"
    except LofiError as error:
        outcome = str(error)
    store.database.close()
    assert outcome == "1" or outcome.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{", "\udcff", "[" * 50_000, '{"name": "a", "name": "b", "phrases": ["c"]}', '{"seed": NaN}',
        '{"name": "a", "phrases": {"b": 1}}', '{"name": "a", "phrases": [["b"]]}', '{"name": "a", "limit": 1e9}',
        '{"name": "a", "phrases": ["b"], "cases": [{"film": {"a": 1}}]}', '{"name": "a", "readers": [1]}',
        '{"name": "a", "phrases": ["b"], "folder": "~nobody-of-this-name/films"}', '{"name": "a", "hits": -1}',
        '{"name": "a", "phrases": ["b"], "where": "' + "x" * 3_000 + '"}', '{"name": "a", "blind": "no"}',
    ],
)  # fmt: skip
def test_definitions(tmp_path: Path, text: str) -> None:
    (tmp_path / "DOE.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LofiError) as caught:
        Definition.read(tmp_path / "DOE.json")
    assert "DOE" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('{"name": "a", "phrases": ["b"], "folder": "' + "x" * 5_000 + '"}')
    assert main(["study", "status", str(tmp_path / "a.json"), "--reviews", str(tmp_path)]) == 1
    assert "folder is not there" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["LOFI_GALLERY", "LOFI_STUDY", "LOFI_REVIEWS"])
def test_settings_that_name_files_of_nobody(name: str) -> None:
    with pytest.raises(LofiError, match=f"{name} begins with ~"):
        review_file(Settings.from_environment({name: "~nobody-of-this-name/x"}).reviews)


SPOILT: dict[str, Callable[[dict[str, object]], object]] = {
    "a part gone": lambda stored: stored.pop("mean"),
    "a mean too short": lambda stored: stored.update(mean=[0.5]),
    "a mean of texts": lambda stored: stored.update(mean=["a"] * 1024),
    "weights an object": lambda stored: stored.update(weights={}),
    "a scale of nothing": lambda stored: stored.update(scale=[0.0] * len(stored["scale"])),  # type: ignore[arg-type]
    "components of another length": lambda stored: stored.update(components="AAAA"),
    "components no base64": lambda stored: stored.update(components="%"),
    "components a number": lambda stored: stored.update(components=3),
    "a step true": lambda stored: stored.update(step=True),
    "a threshold a text": lambda stored: stored.update(threshold="high"),
}
