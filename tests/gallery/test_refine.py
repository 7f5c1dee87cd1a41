"""Query vectors from several wishes: counted by hand on four vectors, then on the real gallery."""

from pathlib import Path

import numpy as np
import pytest

from lofi.engine import Engine
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.gallery.refine import Wish, combined, wishes

EAST, NORTH = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
NOTHING = np.zeros((0, 2), dtype=np.float32)


@pytest.fixture(scope="module")
def film(film_file: Path) -> Radiograph:
    return Radiograph.read(film_file)


def test_one_part_is_the_query_itself() -> None:
    gallery = np.stack([EAST, NORTH])
    np.testing.assert_array_equal(combined(wishes(EAST, None, NOTHING, NOTHING), gallery), EAST)


def test_parts_count_by_how_far_their_similarities_vary() -> None:
    # Similarities to EAST are ±1 (deviation 1), to NORTH ±0.1 (deviation 0.1): NORTH is scaled up tenfold.
    gallery = np.array([[1, 0.1], [-1, -0.1]], dtype=np.float32)
    found = combined([Wish(EAST, 1.0), Wish(NORTH, 1.0)], gallery)
    np.testing.assert_allclose(found, np.array([1, 10]) / np.sqrt(101), rtol=1e-6)


def test_liked_studies_are_averaged_and_unliked_ones_pushed_away() -> None:
    gallery = np.array([[1, 1], [-1, -1]], dtype=np.float32)  # every part varies by 1 here
    found = combined(wishes(EAST, None, np.stack([NORTH, NORTH]), EAST[None]), gallery)
    np.testing.assert_allclose(found, np.array([0.85, 0.75]) / np.hypot(0.85, 0.75), rtol=1e-6)


def test_parts_that_cancel_leave_the_first() -> None:
    np.testing.assert_array_equal(combined([Wish(EAST, 1.0), Wish(EAST, -1.0)], np.stack([EAST, NORTH])), EAST)


def test_a_gallery_of_one_study_divides_by_nothing() -> None:
    assert np.isfinite(combined([Wish(EAST, 1.0), Wish(NORTH, 1.0)], EAST[None])).all()


def test_a_film_alone_searches_as_ever(engine: Engine, film: Radiograph) -> None:
    assert engine.search_mixed(film, k=5) == engine.search(film, 5)


def test_pages_join_without_gap_or_repeat(engine: Engine, film: Radiograph) -> None:
    pages = [hit for offset in (0, 3, 6) for hit in engine.search_mixed(film, k=3, offset=offset)]
    assert pages == list(engine.search(film, 9))
    assert engine.search_mixed(film, offset=10_000) == ()


def rank_of(engine: Engine, study_id: str, hits: int = 200, **wish: object) -> int:
    found = engine.search_mixed(k=hits, **wish)  # type: ignore[arg-type]
    return next(hit.rank for hit in found if hit.study.study_id == study_id)


@pytest.mark.parametrize("place", [10, 30], ids=str)
def test_more_like_this_lifts_it_and_less_like_this_removes_it(engine: Engine, film: Radiograph, place: int) -> None:
    chosen = engine.search(film, 60)[place].study.study_id
    assert rank_of(engine, chosen, film=film, like=[chosen]) < place
    assert chosen not in {hit.study.study_id for hit in engine.search_mixed(film, unlike=[chosen], k=200)}


def test_less_like_this_lowers_what_is_most_like_it(engine: Engine, film: Radiograph) -> None:
    first = engine.search(film, 1)[0].study
    vectors = {study.study_id: engine.gallery.vectors[row] for row, study in enumerate(engine.gallery.studies)}

    def likeness(**wish: object) -> float:
        hits = engine.search_mixed(film, k=6, **wish)  # type: ignore[arg-type]
        others = [vectors[hit.study.study_id] for hit in hits if hit.study.study_id != first.study_id][:5]
        return float(np.mean(np.stack(others) @ vectors[first.study_id]))

    assert likeness(unlike=[first.study_id]) <= likeness()
    assert likeness(like=[first.study_id]) >= likeness()


def test_a_text_moves_the_hits_towards_itself(engine: Engine, film: Radiograph) -> None:
    text = "pneumothorax"
    wanted = engine.model.embed_query([text])[0]
    vectors = {study.study_id: engine.gallery.vectors[row] for row, study in enumerate(engine.gallery.studies)}
    plain, mixed = engine.search(film, 8), engine.search_mixed(film, text, k=8)
    fit = [np.mean([vectors[hit.study.study_id] @ wanted for hit in hits]) for hits in (plain, mixed)]
    assert fit[1] > fit[0]


def test_studies_alone_are_a_query_without_their_own_patients(engine: Engine) -> None:
    study = engine.gallery.studies[0]
    hits = engine.search_mixed(like=[study.study_id], k=5)
    assert study.study_id not in {hit.study.study_id for hit in hits}
    assert not study.patient_key or study.patient_key not in {hit.study.patient_key for hit in hits}


@pytest.mark.parametrize(
    "wish", [{}, {"unlike": ["x"]}, {"like": ["no such study"]}], ids=["nothing", "only unlike", "unknown study"]
)
def test_wishes_that_cannot_be_used(engine: Engine, wish: dict[str, object]) -> None:
    with pytest.raises(BadQuery):
        engine.search_mixed(**wish)  # type: ignore[arg-type]
