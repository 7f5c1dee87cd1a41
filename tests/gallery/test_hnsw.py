from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lofi.errors import GalleryMismatch
from lofi.gallery.exact import ExactIndex
from lofi.gallery.hnsw import HnswIndex
from tests.doubles import clustered

VECTORS = clustered(4_000, 64)
QUERIES = clustered(100, 64, seed=3)


@pytest.fixture(scope="module")
def index() -> HnswIndex:
    return HnswIndex.build(VECTORS)


def recall(index: HnswIndex, allowed: np.ndarray | None = None) -> float:
    """Share of the oracle's ten that the index finds."""
    exact = ExactIndex(VECTORS)
    found = [
        len(set(index.search(query, 10, allowed).rows) & set(exact.search(query, 10, allowed).rows)) / 10
        for query in QUERIES
    ]
    return float(np.mean(found))


def test_recall_against_the_oracle(index: HnswIndex) -> None:
    assert recall(index) >= 0.95


def test_recall_under_a_filter(index: HnswIndex) -> None:
    allowed = np.flatnonzero(np.random.default_rng(4).random(len(VECTORS)) < 0.5)
    assert recall(index, allowed) >= 0.95


def test_hits_are_allowed_sorted_and_exactly_scored(index: HnswIndex) -> None:
    allowed = np.arange(0, 4_000, 3)
    found = index.search(QUERIES[0], 10, allowed)
    assert np.isin(found.rows, allowed).all()
    assert (np.diff(found.similarities) <= 0).all()
    assert found.similarities == pytest.approx(VECTORS[found.rows] @ QUERIES[0], abs=1e-6)


def test_more_than_there_are_is_no_error(index: HnswIndex) -> None:
    assert len(index.search(QUERIES[0], 10_000).rows) <= 4_000
    assert len(index.search(QUERIES[0], 5, np.zeros(0, dtype=np.int64)).rows) == 0


def test_written_and_loaded_finds_the_same(index: HnswIndex, tmp_path: Path) -> None:
    # hnswlib saves no ef: a loaded index that kept its default of 10 would find less.
    index.write(tmp_path / "index")
    loaded = HnswIndex.load(tmp_path / "index", VECTORS)
    for query in QUERIES[:20]:
        assert loaded.search(query, 10).rows.tolist() == index.search(query, 10).rows.tolist()


@pytest.mark.parametrize(
    "shape", [(3_999, 64), (4_001, 64), (4_000, 32), (4_000, 128)], ids=["fewer", "more", "narrower", "wider"]
)
def test_index_over_other_vectors_is_refused(index: HnswIndex, tmp_path: Path, shape: tuple[int, int]) -> None:
    index.write(tmp_path / "index")
    with pytest.raises(GalleryMismatch, match="other vectors"):
        HnswIndex.load(tmp_path / "index", clustered(*shape))


@pytest.mark.parametrize("data", [b"", b"x" * 31], ids=["empty", "short"])
def test_stub_of_a_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "index").write_bytes(data)
    with pytest.raises(GalleryMismatch):
        HnswIndex.load(tmp_path / "index", VECTORS)


def test_partly_written_file_is_an_error(index: HnswIndex) -> None:
    # hnswlib itself reports nothing when the disk is full.
    with pytest.raises(OSError, match="part"):
        index.write(Path("/dev/full"))


def test_threads_find_what_one_thread_finds(index: HnswIndex) -> None:
    def search(query: np.ndarray) -> list[int]:
        return index.search(query, 10).rows.tolist()

    alone = [search(query) for query in QUERIES]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(search, np.concatenate([QUERIES] * 5))) == alone * 5
