from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lofi.errors import GalleryMismatch
from lofi.gallery import tuning
from lofi.gallery.exact import ExactIndex
from lofi.gallery.hnsw import Costs, HnswIndex
from lofi.gallery.tuning import measured
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


def test_copies_of_a_film_do_not_hide_the_others(tmp_path: Path) -> None:
    """With 300 copies among 2,600 the recall was 0.85: their links all led to one another."""
    vectors = clustered(2_600, 64)
    vectors[100:400] = vectors[7]
    index = HnswIndex.build(vectors)
    exact = ExactIndex(vectors)
    found = [set(index.search(query, 10).rows) & set(exact.search(query, 10).rows) for query in QUERIES]
    assert np.mean([len(rows) for rows in found]) / 10 >= 0.98
    assert index.search(vectors[7], 301).rows.tolist() == sorted([7, *range(100, 400)])
    index.write(tmp_path / "index")
    loaded = HnswIndex.load(tmp_path / "index", vectors)
    assert loaded.search(vectors[7], 5).rows.tolist() == [7, 100, 101, 102, 103]
    with pytest.raises(GalleryMismatch):
        HnswIndex.load(tmp_path / "index", vectors, distinct=True)


def test_a_graph_is_added_to(index: HnswIndex, tmp_path: Path) -> None:
    index.write(tmp_path / "index")
    more = np.concatenate([VECTORS, clustered(300, 64, seed=5)])
    extended = HnswIndex.extended(tmp_path / "index", len(VECTORS), more)
    assert extended is not None
    assert all(extended.search(more[row], 1).rows.tolist() == [row] for row in range(3_900, 4_300))
    extended.write(tmp_path / "more")
    assert HnswIndex.load(tmp_path / "more", more, distinct=True).search(more[4_250], 1).rows.tolist() == [4_250]
    assert HnswIndex.extended(tmp_path / "index", len(VECTORS) - 1, more) is None
    assert HnswIndex.extended(tmp_path / "index", len(VECTORS), np.concatenate([VECTORS, VECTORS[:2]])) is None


def test_measured_costs_reach_the_recall_that_is_wanted(index: HnswIndex) -> None:
    costs, _ = measured(index, QUERIES)
    tuned = index.with_costs(costs)
    assert recall(tuned) >= 0.97
    assert 64 <= costs.ef <= 1_024
    assert costs.candidate > 0
    assert costs.gathered >= 1
    index.with_costs(Costs())


@pytest.mark.parametrize(
    ("shallow", "deep", "candidate", "entry"),
    [(3 * 64, 10 * 64, 1.0, 2.0 * 64), (3 * 64, 2 * 64, 3.0, 0.0)],
    ids=["told apart", "a busy moment: deeper is not free"],
)
def test_an_entry_and_a_candidate_lie_on_a_line(
    index: HnswIndex, shallow: int, deep: int, candidate: float, entry: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search among 64 candidates and one among eight times as many, a row of the exact search taking a second."""
    monkeypatch.setattr(tuning, "_recall", lambda *_: 1.0)
    monkeypatch.setattr(tuning, "_times", lambda *_: [shallow, deep, len(VECTORS), 2 * len(VECTORS) / 50])
    costs, quicker = measured(index)
    assert costs == Costs(64, candidate, entry, 2.0)
    assert quicker
    assert index.with_costs(costs).cost(10) == shallow
    index.with_costs(Costs())
