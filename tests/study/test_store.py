"""Reviews are kept whole, in order, beside other writers; what cannot be kept is told in a sentence."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lofi.errors import BadQuery, LofiError
from lofi.study import Decision, ReviewStore, Verdict, review_file
from lofi.study import database as databases
from tests.study.verdicts import BOX, MODEL, OTHER, film, on_box, on_hit

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return ReviewStore(tmp_path / "kept" / "reviews.sqlite")


def comment(text: str, **fields: str) -> Verdict:
    made = {"film": film(1), "reader": "AB", "fingerprint": MODEL, "kind": "comment", **fields}
    return Verdict(**made, decision=Decision.COMMENTED, comment=text)  # type: ignore[arg-type]


def test_nothing_is_written_before_the_first_verdict(store: ReviewStore, tmp_path: Path) -> None:
    assert store.of(film(1), "AB") == {}
    assert store.all() == ()
    assert list(tmp_path.iterdir()) == []


def test_the_last_verdict_on_a_subject_counts(store: ReviewStore) -> None:
    store.record(on_box("rejected"), on_box("accepted", number=1))
    store.record(on_box("moved", box=OTHER), on_hit("relevant"))
    found = store.of(film(1), "ab ")
    assert [(v.kind, v.number, str(v.decision)) for v in found.values()] == [
        ("box", 0, "moved"),
        ("box", 1, "accepted"),
        ("hit", -1, "relevant"),
    ]
    assert found["box", "mass", 0, ""].shown_box == OTHER
    assert found["box", "mass", 1, ""].shown_box == BOX
    assert len(store.all()) == 4


def test_what_is_withdrawn_is_gone_and_yet_kept(store: ReviewStore) -> None:
    store.record(on_hit("relevant"))
    store.record(on_hit("withdrawn"))
    assert store.of(film(1), "AB") == {}
    assert [str(verdict.decision) for verdict in store.all()] == ["relevant", "withdrawn"]


@pytest.mark.parametrize(
    "asked",
    [{"film": film(2)}, {"reader": "CD"}, {"study": "s"}, {"fingerprint": "f"}],
    ids=lambda asked: next(iter(asked)),
)
def test_films_readers_studies_and_models_are_kept_apart(store: ReviewStore, asked: dict[str, str]) -> None:
    store.record(on_hit("relevant"))
    assert store.of(**{"film": film(1), "reader": "AB", **asked}) == {}


def test_several_verdicts_are_stored_all_or_none(store: ReviewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record(on_hit("relevant"))
    monkeypatch.setattr("lofi.study.store._row", lambda verdict: {"one": verdict}[verdict.hit])
    with pytest.raises(KeyError):
        store.record(on_hit("relevant", hit="one"), on_hit("relevant", hit="two"))
    assert len(store.all()) == 1


def test_a_verdict_comes_back_as_it_went_in(store: ReviewStore) -> None:
    [stored] = store.record(on_box("redrawn", box=OTHER, score=0.25, study="lungs"))
    assert store.all() == (stored,)
    assert stored.time.endswith("+00:00")


def test_threads_and_processes_write_at_once(store: ReviewStore) -> None:
    """Two servers on one file, each with several browsers: every click is there in the end."""
    program = (
        "import sys; from pathlib import Path; from lofi.study import ReviewStore; "
        "from tests.study.verdicts import on_hit; store = ReviewStore(Path(sys.argv[1])); "
        "[store.record(on_hit('relevant', hit=f'p{n}')) for n in range(20)]"
    )
    file = store.database._file
    other = subprocess.Popen([sys.executable, "-c", program, file], cwd=REPOSITORY)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.record(on_hit("relevant", hit=f"t{n}")), range(40)))
    assert other.wait(60) == 0
    assert len(store.of(film(1), "AB")) == 60


def test_csv_is_one_line_a_verdict_with_the_box_that_stands(store: ReviewStore) -> None:
    store.record(on_box("accepted"), on_box("moved", number=1, box=OTHER), on_box("rejected", number=2))
    rows = list(csv.DictReader(io.StringIO(store.export_csv())))
    assert [(row["decision"], row["x0"], row["model_x0"]) for row in rows] == [
        ("accepted", "0.1", "0.1"),
        ("moved", "0.15", "0.1"),
        ("rejected", "", "0.1"),
    ]


def test_a_comment_is_no_formula_in_a_spreadsheet(store: ReviewStore) -> None:
    store.record(comment('=HYPERLINK("http://x", "y")\nsecond line, with "quotes"'))
    [row] = csv.DictReader(io.StringIO(store.export_csv()))
    assert row["comment"].startswith("'=HYPERLINK")
    assert json.loads(store.export_json())["verdicts"][0]["comment"].startswith("=HYPERLINK")


def test_export_counts_or_keeps_history(store: ReviewStore) -> None:
    store.record(on_hit("relevant"), on_hit("not relevant"))
    assert [v["decision"] for v in json.loads(store.export_json())["verdicts"]] == ["not relevant"]
    assert len(json.loads(store.export_json(history=True))["verdicts"]) == 2
    assert len(store.export_csv(history=True).splitlines()) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"film": "patient-name.png"},
        {"reader": "Dr. A. Longname"},
        {"reader": ""},
        {"reader": "<b>"},
        {"kind": "person"},
        {"decision": "relevant"},
        {"decision": "moved"},
        {"box": OTHER},
        {"phrase": ""},
        {"number": -1},
        {"number": 10**9},
        {"model_box": (2, 2, 3, 3)},
        {"model_box": (0.5, 0.5, 0.1, 0.9)},
        {"score": 7.0},
        {"score": float("nan")},
        {"score": "high"},
        {"number": "0"},
        {"number": 0.5},
        {"kind": ["box"]},
        {"decision": {"accepted": 1}},
        {"film": 5},
        {"reader": None},
        {"hit": "s1"},
    ],
    ids=lambda fields: f"{next(iter(fields))}={next(iter(fields.values()))}"[:24],
)
def test_a_verdict_that_does_not_fit_together_is_refused(fields: dict[str, object]) -> None:
    plain = on_box("accepted").to_json()
    with pytest.raises(BadQuery):
        Verdict(**{**plain, **fields})


@pytest.mark.parametrize(
    "content",
    [b"no database at all, but long enough to look at" * 50, b"SQLite format 3\x00" + b"\xff" * 5000],
    ids=["text", "broken header"],
)
def test_a_damaged_file_is_told_and_left_alone(store: ReviewStore, content: bytes) -> None:
    file = store.database._file
    file.parent.mkdir()
    file.write_bytes(content)
    for use in (lambda: store.record(on_hit("relevant")), store.all):
        with pytest.raises(LofiError, match="damaged or is none of LoFi's"):
            use()
    assert file.read_bytes() == content


def test_a_page_damaged_inside_is_told(store: ReviewStore) -> None:
    store.record(*(on_hit("relevant", hit=f"h{n}") for n in range(300)))
    store.database.close()
    data = bytearray(store.database._file.read_bytes())
    data[4096 : 4096 + 3000] = b"\x5a" * 3000
    store.database._file.write_bytes(data)
    with pytest.raises(LofiError, match="damaged"):
        store.all()


def test_somebody_elses_database_is_told_and_left_alone(store: ReviewStore) -> None:
    file = store.database._file
    file.parent.mkdir()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = file.read_bytes()
    with pytest.raises(LofiError, match="none of LoFi's"):
        store.record(on_hit("relevant"))
    assert file.read_bytes() == before


def test_a_file_of_a_newer_lofi_is_told(store: ReviewStore) -> None:
    store.record(on_hit("relevant"))
    store.database.close()
    with sqlite3.connect(store.database._file) as later:
        later.execute(f"PRAGMA user_version = {databases.VERSION + 1}")
    later.close()
    with pytest.raises(LofiError, match="newer LoFi"):
        store.all()


def test_a_full_disk_is_told_and_keeps_what_was_there(store: ReviewStore) -> None:
    store.record(on_hit("relevant"))
    with store.database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LofiError, match="disk is full"):
        store.record(*(comment("x" * 1900, film=film(n)) for n in range(50)))
    assert len(store.all()) == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LofiError, match="cannot be written") as told:
        ReviewStore(tmp_path / "file" / "reviews.sqlite").record(on_hit("relevant"))
    assert str(tmp_path) not in str(told.value)


@pytest.mark.skipif(not hasattr(os, "setreuid"), reason="needs users")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    """In a child process: root may write anywhere, so it becomes nobody first."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    program = (
        "import os, sys; from pathlib import Path; from lofi.errors import LofiError\n"
        "from lofi.study import ReviewStore; "
        "from tests.study.verdicts import on_hit; os.getuid() or os.setreuid(65534, 65534)\n"
        "try: ReviewStore(Path(sys.argv[1])).record(on_hit('relevant'))\nexcept LofiError as error: print(error)"
    )
    for path in [tmp_path, *tmp_path.parents[:2]]:
        path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", program, folder / "reviews.sqlite"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert "cannot be written" in done.stdout, done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("", {"XDG_DATA_HOME": "/data"}, Path("/data/lofi/reviews.sqlite")),
        ("", {"XDG_DATA_HOME": "relative"}, Path("~/.local/share/lofi/reviews.sqlite").expanduser()),
        ("~/r", {"SPACE_ID": "a/b"}, Path("~/r/reviews.sqlite").expanduser()),
    ],
    ids=["data home", "usual", "set in a Space"],
)
def test_where_reviews_are_kept(setting: str, environ: dict[str, str], expected: Path) -> None:
    assert review_file(setting, environ) == expected


@pytest.mark.parametrize(
    ("setting", "environ", "told"),
    [("", {"SPACE_ID": "a/b"}, "public demo"), ("OFF", {}, "LOFI_REVIEWS is off")],
    ids=["in a Space", "off"],
)
def test_where_they_are_not_kept_it_is_said(setting: str, environ: dict[str, str], told: str) -> None:
    with pytest.raises(LofiError, match=told):
        review_file(setting, environ)
