"""Galleries that were changed, cut or mixed up on disk: refused in a sentence or repaired, never a crash."""

import json
import logging
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from lofi.errors import GalleryMismatch
from lofi.gallery import Gallery, index_file, stamps, tuning
from lofi.gallery.hnsw import Costs, HnswIndex
from lofi.gallery.index_file import EXACT_BELOW
from lofi.gallery.storage import file_sha256, write_vectors
from lofi.results import Study
from tests.doubles import clustered

COUNT, DIM = EXACT_BELOW + 500, 16  # Enough that searches go by the graph.
FINGERPRINT = "0123456789abcdef" * 4
TRUTH = ["vectors-*.safetensors", "records-*.arrow"]


@pytest.fixture(scope="module", autouse=True)
def _graph_wins() -> Iterator[None]:
    """Vectors of 16 numbers are searched more quickly without a graph: here it is the graph that is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "measured", lambda index, probes=None: (Costs(), True))
        yield


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    Gallery([Study(f"s{row}", "DOE^JANE") for row in range(COUNT)], clustered(COUNT, DIM), FINGERPRINT).save(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "gallery")


def change_manifest(folder: Path, name: str = "gallery.json", **changes: Any) -> None:
    path = only(folder, name)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def replace_truth(folder: Path, kind: str, made: Path) -> None:
    """Put another file in the place of one, and let the manifest vouch for it."""
    digest, old = file_sha256(made), only(folder, f"{kind}-*")
    shutil.copy(made, folder / f"{kind}-{digest[:16]}{old.suffix}")
    old.unlink()
    if kind == "vectors":
        for path in folder.glob("index-*"):
            path.rename(folder / f"index-{digest[:16]}{path.suffix}")
    change_manifest(folder, **{f"{kind}_sha256": digest})


def finds_itself(gallery: Gallery) -> bool:
    return gallery.search(gallery.vectors[77], 1)[0].study.study_id == "s77"


def flip(path: Path, share: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(share * (len(data) - 1))] ^= 0x41
    path.write_bytes(data)


def test_index_of_a_sound_gallery_is_loaded_not_built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HnswIndex, "build")
    assert finds_itself(Gallery.open(folder, FINGERPRINT))


@pytest.mark.parametrize("share", [0, 0.01, 0.2, 0.5, 0.8, 1])
@pytest.mark.parametrize("name", TRUTH)
def test_flipped_byte_in_the_truth_is_refused(folder: Path, name: str, share: float) -> None:
    flip(only(folder, name), share)
    with pytest.raises(GalleryMismatch, match="damaged") as caught:
        Gallery.open(folder)
    assert "build the gallery again" in str(caught.value)
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
@pytest.mark.parametrize("name", TRUTH)
def test_cut_truth_is_refused(folder: Path, name: str, share: float) -> None:
    path = only(folder, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(GalleryMismatch, match="damaged"):
        Gallery.open(folder)


@pytest.mark.parametrize("name", TRUTH)
def test_missing_truth_is_refused(folder: Path, name: str) -> None:
    only(folder, name).unlink()
    with pytest.raises(GalleryMismatch, match="missing"):
        Gallery.open(folder)


@pytest.mark.parametrize("share", [0, 0.00001, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 1])
def test_flipped_byte_in_the_index_is_seen_before_hnswlib_opens_it(
    folder: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(only(folder, "index-*.hnsw"), share)
    with monkeypatch.context() as patch:
        patch.delattr(HnswIndex, "load")
        assert finds_itself(Gallery.open(folder))
    monkeypatch.delattr(HnswIndex, "build")  # It was repaired on disk, too.
    assert finds_itself(Gallery.open(folder))


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "not vouched for", "older settings"])
def test_unusable_index_is_made_again(folder: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = only(folder, "index-*.hnsw")
    match how:
        case "missing":
            path.unlink()
        case "cut":
            path.write_bytes(path.read_bytes()[:-100])
        case "empty":
            path.write_bytes(b"")
        case "not vouched for":
            change_manifest(folder, "index-*.json", sha256=None)
        case "older settings":
            change_manifest(folder, "index-*.json", m=4)
    assert finds_itself(Gallery.open(folder))
    monkeypatch.delattr(HnswIndex, "build")
    assert finds_itself(Gallery.open(folder))


@pytest.mark.parametrize("shape", [(100, DIM), (COUNT + 1, DIM), (COUNT, DIM // 2), (COUNT, 2 * DIM)], ids=str)
def test_index_of_another_gallery_that_the_manifest_vouches_for(folder: Path, shape: tuple[int, int]) -> None:
    path = only(folder, "index-*.hnsw")
    HnswIndex.build(clustered(*shape)).write(path)
    change_manifest(folder, "index-*.json", sha256=file_sha256(path))
    assert finds_itself(Gallery.open(folder))


def test_folder_that_cannot_be_written_keeps_the_index_in_memory(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A folder where the file should be makes the write fail for root as well, whom permissions do not stop.
    path = only(folder, "index-*.hnsw")
    path.unlink()
    path.mkdir()
    manifest = (folder / "gallery.json").read_bytes()
    with caplog.at_level(logging.INFO):
        gallery = Gallery.open(folder)
    assert gallery.index is not None
    assert finds_itself(gallery)
    assert "stays in memory" in caplog.text
    assert str(folder) not in caplog.text
    assert (folder / "gallery.json").read_bytes() == manifest
    assert not list(folder.glob(".writing-*"))


def test_another_model_is_refused_and_both_are_named(folder: Path) -> None:
    with pytest.raises(GalleryMismatch, match=r"another model \(01234567\).*\(ffffffff\)"):
        Gallery.open(folder, "f" * 64)


def test_no_gallery_at_all(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "DOE"):
        with pytest.raises(GalleryMismatch, match=r"no readable gallery\.json") as caught:
            Gallery.open(place)
        assert "DOE" not in str(caught.value)


def test_missing_manifest_is_refused(folder: Path) -> None:
    (folder / "gallery.json").unlink()
    with pytest.raises(GalleryMismatch, match=r"no readable gallery\.json"):
        Gallery.open(folder)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"x"', '{"format": 1}', "[" * 100_000, " " * 5_000_000, "\udcff"],
    ids=["empty", "cut", "a list", "null", "a string", "without hashes", "deep", "long", "not UTF-8"],
)
def test_damaged_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "gallery.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(GalleryMismatch, match=r"damaged|format"):
        Gallery.open(folder)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"count": COUNT - 1}, id="other count"),
        pytest.param({"count": -1}, id="negative count"),
        pytest.param({"count": str(COUNT)}, id="count as text"),
        pytest.param({"dim": DIM * 2}, id="other dimension"),
        pytest.param({"dim": 0}, id="no dimension"),
        pytest.param({"vectors_sha256": "0" * 64}, id="other vectors"),
        pytest.param({"records_sha256": None}, id="no hash"),
        pytest.param({"dropped": []}, id="dropped as list"),
        pytest.param({"surplus": 1}, id="unknown key"),
        pytest.param({"format": 3}, id="newer format"),
        pytest.param({"format": 1}, id="older format"),
        pytest.param({"regions_sha256": "x"}, id="no hash of regions"),
        pytest.param({"format": True}, id="format true"),
    ],
)
def test_manifest_that_does_not_fit_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    change_manifest(folder, **changes)
    with pytest.raises(GalleryMismatch):
        Gallery.open(folder)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda v: v * 3, id="not of length 1"),
        pytest.param(lambda v: np.where(np.arange(len(v))[:, None] == 5, np.nan, v), id="NaN"),
        pytest.param(lambda v: v * np.float32(1e30), id="too large to square"),
        pytest.param(lambda v: v.astype(np.float64), id="64 bits"),
        pytest.param(lambda v: v.T, id="turned"),
    ],
)
def test_vouched_for_but_unusable_vectors_are_refused(folder: Path, tmp_path: Path, spoil: Any) -> None:
    write_vectors(spoil(clustered(COUNT, DIM)), False, tmp_path / "spoilt")
    replace_truth(folder, "vectors", tmp_path / "spoilt")
    with pytest.raises(GalleryMismatch, match="vectors"):
        Gallery.open(folder)


def test_records_of_another_gallery_are_refused(folder: Path, tmp_path: Path) -> None:
    Gallery([Study("x", "")], clustered(1, DIM), FINGERPRINT).save(tmp_path / "other")
    replace_truth(folder, "records", only(tmp_path / "other", "records-*"))
    with pytest.raises(GalleryMismatch, match="do not fit"):
        Gallery.open(folder)


def test_saving_a_small_gallery_over_a_large_one_leaves_no_index(folder: Path) -> None:
    Gallery([Study("x", "")], clustered(1, DIM), FINGERPRINT).save(folder)
    assert not list(folder.glob("index-*"))
    assert len(Gallery.open(folder)) == 1


def test_a_large_gallery_is_searched_exactly_until_its_graph_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_file, "LARGE", EXACT_BELOW)
    going_on = Event()
    load = HnswIndex.load
    monkeypatch.setattr(HnswIndex, "load", lambda *arguments: going_on.wait(60) and load(*arguments))
    gallery = Gallery.open(folder)
    assert math.isinf(gallery.index.cost(3))
    assert finds_itself(gallery)
    going_on.set()
    gallery.index.wait()
    assert math.isfinite(gallery.index.cost(3))
    assert gallery.index.search(gallery.vectors[77], 1).rows.tolist() == [77]


def test_large_files_are_hashed_once_and_again_when_they_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SMALL", 0)
    Gallery.open(folder)
    hashed: list[Path] = []
    monkeypatch.setattr(stamps, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
    Gallery.open(folder)
    assert hashed == []
    Gallery.verify(folder)
    assert {path.name.split("-")[0] for path in hashed} == {"vectors", "records"}
    flip(only(folder, "vectors-*"), 0.9)
    with pytest.raises(GalleryMismatch, match="vectors are damaged"):
        Gallery.open(folder)
