"""Galleries whose hashes were renewed after damage, as whoever damages them can: refused in one sentence."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from lofi.errors import GalleryMismatch
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.storage import sha256_of
from lofi.gallery.table import PARQUET_SCHEMAS, table_of
from tests.doubles import TinyEmbedder, clustered, noise_film
from tests.fuzz.seeds import STUDIES
from tests.gallery.formats import as_format_1

DIM = 16
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vouched") / "gallery"
    model = TinyEmbedder()
    gallery = Gallery(STUDIES[:4], clustered(4, DIM), model.fingerprint).save(folder)
    pooled = {row: model.embed_regions(noise_film(row), np.array([[0.1, 0.1, 0.4, 0.5]])) for row in range(4)}
    gallery.save(folder, regions=RegionIndex.of(gallery, pooled, model.embed_text).to_bytes())
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


@pytest.fixture
def old(folder: Path) -> Path:
    """The gallery as format 1 had it."""
    as_format_1(folder)
    return folder


def test_a_gallery_of_format_1_opens_with_its_regions(old: Path, tmp_path: Path) -> None:
    gallery = Gallery.open(old)
    assert gallery.studies == STUDIES[:4]
    assert len(RegionIndex.open(gallery)) == 4
    assert Gallery.open(old).save(tmp_path / "new").studies == STUDIES[:4]


def test_saving_over_a_gallery_of_format_1_leaves_nothing_of_it(old: Path) -> None:
    Gallery.open(old).save(old)
    assert not {"records.parquet", "vectors.safetensors", "regions.safetensors", "regions.json"} & {
        path.name for path in old.iterdir()
    }
    assert Gallery.open(old).studies == STUDIES[:4]


def records(folder: Path, data: bytes) -> None:
    (folder / "records.parquet").write_bytes(data)
    change(folder, "gallery.json", records_sha256=sha256_of(data))


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "records.parquet").to_pylist())


def written(made: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(made, schema=PARQUET_SCHEMAS[0]), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def arrow(folder: Path, data: bytes) -> None:
    """Put other records in the place of the gallery's, vouched for."""
    next(folder.glob("records-*")).unlink()
    (folder / f"records-{sha256_of(data)[:16]}.arrow").write_bytes(data)
    change(folder, "gallery.json", records_sha256=sha256_of(data))


def streamed(table: pa.Table, options: pa.ipc.IpcWriteOptions | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_columns(folder: Path, codec: str) -> None:
    """A few kilobytes that stand for a report of 300 MB: never unpacked, whatever it holds."""
    table = table_of([replace(study, report="a" * 10_000) for study in STUDIES[:4]])
    arrow(folder, streamed(table, pa.ipc.IpcWriteOptions(compression=codec)))
    refused(folder)


@pytest.mark.parametrize("column", ["report", "labels", "boxes"])
@pytest.mark.parametrize("offset", [-5, 2**30], ids=["below nothing", "beyond the end"])
def test_columns_whose_offsets_lead_elsewhere(folder: Path, column: str, offset: int) -> None:
    """Arrow follows them: its own quick check sees the first and the last alone."""
    table = table_of(STUDIES[:4]).combine_chunks()
    chunk = table[column].chunk(0)
    offsets = np.frombuffer(chunk.buffers()[1], np.int32)[:5].copy()
    data = streamed(table)
    offsets[2] = offset
    spoilt = data.replace(chunk.buffers()[1].to_pybytes()[:20], offsets.tobytes())
    assert spoilt != data
    arrow(folder, spoilt)
    refused(folder)


@pytest.mark.parametrize(
    "data",
    [b"", b"ARROW1", b"\xff" * 400, streamed(pa.table({"study_id": ["a"] * 4})), streamed(table_of(STUDIES[:3]))],
    ids=["nothing", "a stub", "noise", "other columns", "another count"],
)
def test_columns_that_are_none(folder: Path, data: bytes) -> None:
    arrow(folder, data)
    refused(folder)


def test_columns_whose_text_is_none_end_in_a_sentence(folder: Path) -> None:
    data = streamed(table_of(STUDIES[:4])).replace(b"Left effusion.", b"\xff\xfe\xfd\xfc effusion.")
    arrow(folder, data.replace(b"Effusion", b"\xff\xfe\xfdusion"))
    gallery = Gallery.open(folder)
    for look in (lambda: list(gallery.studies), lambda: gallery.columns.values("label")):
        with pytest.raises(GalleryMismatch, match="records are damaged"):
            look()


def test_records_that_unpack_to_more_than_they_may(old: Path) -> None:
    """A few kilobytes that stand for a report of 300 MB."""
    data = written([row | {"report": "a" * 300_000_000 if number == 0 else ""} for number, row in enumerate(rows(old))])
    assert len(data) < 1_000_000
    records(old, data)
    refused(old)


def test_records_of_another_count(old: Path) -> None:
    records(old, written(rows(old) * 1_000))
    refused(old)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"\xff" * 400], ids=str)
def test_records_that_are_none(old: Path, data: bytes) -> None:
    records(old, data)
    refused(old)


def test_records_with_nothing_in_their_fields_open(old: Path) -> None:
    empty = [dict.fromkeys(row) | {"study_id": row["study_id"]} for row in rows(old)]
    records(old, written(empty))
    study = Gallery.open(old).studies[0]
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
    (path,) = folder.glob("regions-*")
    arrays = dict(safetensors.numpy.load(path.read_bytes()))
    spoil(arrays)
    data = bytes(safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    regions(folder, data)
    refused(folder, regions=True)


def regions(folder: Path, data: bytes) -> None:
    """Put other regions in the place of the gallery's, vouched for."""
    next(folder.glob("regions-*")).unlink()
    (folder / f"regions-{sha256_of(data)[:16]}.safetensors").write_bytes(data)
    change(folder, "gallery.json", regions_sha256=sha256_of(data))


HEADER = '{"vectors": {"dtype": "F32", "shape": %s, "data_offsets": %s}}'


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff" * 8, (2**62).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]"),
        *(
            len(text).to_bytes(8, "little") + text.encode() + bytes(64)
            for text in (
                HEADER % ("[4, 4]", "[0, 6400]"),
                HEADER % ("[4, 4]", "[-64, 0]"),
                HEADER % ("[4, 4]", "[64, 0]"),
                HEADER % ("[4, 400]", "[0, 64]"),
                HEADER % ("[-4, -4]", "[0, 64]"),
                HEADER % ('"4"', "[0, 64]"),
                HEADER % ("[4, 4]", "null"),
                '{"vectors": 3}',
            )
        ),
    ],
)
def test_tensors_that_reach_beyond_their_file(folder: Path, data: bytes) -> None:
    regions(folder, data)
    refused(folder, regions=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff", b"[" * 50_000, b"{}", b'{"format": 2, "format": 2}', b" " * 200_000],
    ids=["empty", "a list", "null", "not UTF-8", "deep", "nothing", "twice", "long"],
)
def test_manifests_of_regions_of_format_1(old: Path, data: bytes) -> None:
    (old / "regions.json").write_bytes(data)
    refused(old, regions=True)
