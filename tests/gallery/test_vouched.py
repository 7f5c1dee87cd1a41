"""Galleries whose hashes were renewed after damage, as whoever damages them can: refused in one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from lofi.errors import GalleryMismatch
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.records import SCHEMA
from lofi.gallery.storage import sha256_of
from tests.doubles import TinyEmbedder, clustered, noise_film
from tests.fuzz.seeds import STUDIES

DIM = 16
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vouched") / "gallery"
    model = TinyEmbedder()
    gallery = Gallery(STUDIES[:4], clustered(4, DIM), model.fingerprint).save(folder)
    pooled = {row: model.embed_regions(noise_film(row), np.array([[0.1, 0.1, 0.4, 0.5]])) for row in range(4)}
    RegionIndex.of(gallery, pooled, model.embed_text).save(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "DOE"))


def change(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(folder: Path, regions: bool = False) -> None:
    gallery = Gallery.open(folder) if regions else None
    with pytest.raises(GalleryMismatch) as caught:
        Gallery.open(folder) if gallery is None else RegionIndex.open(gallery)
    told = str(caught.value)
    assert "build" in told
    assert told.endswith(".")
    assert "DOE" not in told


def test_the_untouched_gallery_opens(folder: Path) -> None:
    found = RegionIndex.open(Gallery.open(folder))
    assert found is not None
    assert len(found) == 4


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"dim": 10**9}, id="width of a billion"),
        pytest.param({"count": 10**12}, id="a billion studies"),
        pytest.param({"dropped": {"why": "many"}}, id="dropped counts of text"),
        pytest.param({"dropped": {"why": -1}}, id="dropped counts below nothing"),
        pytest.param({"dropped": {"x" * 10_000: 1}}, id="a reason without end"),
        pytest.param({"model": "x" * 10_000}, id="a name without end"),
        pytest.param({"image_root": "a\x00b"}, id="a root that ends early"),
        pytest.param({"image_root": "x" * 10_000}, id="a root without end"),
        pytest.param({"vectors_sha256": "no hash"}, id="no hash"),
        pytest.param({"dim": True}, id="width true"),
    ],
)
def test_manifests(folder: Path, values: dict[str, Any]) -> None:
    change(folder, "gallery.json", **values)
    refused(folder)


def test_a_manifest_that_says_two_things(folder: Path) -> None:
    path = folder / "gallery.json"
    path.write_text(path.read_text().replace('"count": 4', '"count": 9, "count": 4'))
    refused(folder)


def records(folder: Path, data: bytes) -> None:
    (folder / "records.parquet").write_bytes(data)
    change(folder, "gallery.json", records_sha256=sha256_of(data))


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "records.parquet").to_pylist())


def written(made: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(made, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def test_records_that_unpack_to_more_than_they_may(folder: Path) -> None:
    """A few kilobytes that stand for a report of 300 MB."""
    data = written(
        [row | {"report": "a" * 300_000_000 if number == 0 else ""} for number, row in enumerate(rows(folder))]
    )
    assert len(data) < 1_000_000
    records(folder, data)
    refused(folder)


def test_records_of_another_count(folder: Path) -> None:
    records(folder, written(rows(folder) * 1_000))
    refused(folder)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"\xff" * 400], ids=str)
def test_records_that_are_none(folder: Path, data: bytes) -> None:
    records(folder, data)
    refused(folder)


def test_records_with_nothing_in_their_fields_open(folder: Path) -> None:
    empty = [dict.fromkeys(row) | {"study_id": row["study_id"]} for row in rows(folder)]
    records(folder, written(empty))
    study = Gallery.open(folder).studies[0]
    assert (study.report, study.labels, study.boxes, study.image) == ("", (), (), "")


REGIONS: dict[str, Callable[[Arrays], object]] = {
    "one missing": lambda a: a.pop("canvas"),
    "a number of no array": lambda a: a.update(study=np.array(3, np.int32)),
    "rows as fractions": lambda a: a.update(study=a["study"].astype(np.float32)),
    "rows that are not there": lambda a: a.update(study=a["study"] + 4),
    "rows below nothing": lambda a: a.update(study=a["study"] - 1),
    "boxes that are not there": lambda a: a.update(number=a["number"] + 1),
    "vectors NaN": lambda a: a.update(vectors=a["vectors"] * np.float16(np.nan)),
    "tokens infinite": lambda a: a.update(tokens=a["tokens"] + np.float16(np.inf)),
    "tokens flat": lambda a: a.update(tokens=a["tokens"][:, :, 0]),
    "tokens of two": lambda a: a.update(tokens=a["tokens"][:, :2]),
    "tokens whole numbers": lambda a: a.update(tokens=a["tokens"].astype(np.int32)),
    "vectors deep": lambda a: a.update(vectors=a["vectors"][..., None]),
    "a canvas of three edges": lambda a: a.update(canvas=a["canvas"][:, :3]),
    "phrases of another width": lambda a: a.update(phrase_vectors=a["phrase_vectors"][:, :3]),
    "phrases too few": lambda a: a.update(phrase_vectors=a["phrase_vectors"][:0]),
    "seen of another width": lambda a: a.update(seen=np.zeros((4, 5), np.float16)),
    "fewer vectors": lambda a: a.update(vectors=a["vectors"][:2]),
}


@pytest.mark.parametrize("spoil", REGIONS.values(), ids=REGIONS.keys())
def test_regions(folder: Path, spoil: Callable[[Arrays], object]) -> None:
    arrays = dict(safetensors.numpy.load((folder / "regions.safetensors").read_bytes()))
    spoil(arrays)
    data = bytes(safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    (folder / "regions.safetensors").write_bytes(data)
    change(folder, "regions.json", tensors_sha256=sha256_of(data))
    refused(folder, regions=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff", b"[" * 50_000, b"{}", b'{"format": 2, "format": 2}', b" " * 200_000],
    ids=["empty", "a list", "null", "not UTF-8", "deep", "nothing", "twice", "long"],
)
def test_regions_manifests(folder: Path, data: bytes) -> None:
    (folder / "regions.json").write_bytes(data)
    refused(folder, regions=True)
