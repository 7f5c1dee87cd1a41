"""Search with a part of a film, by the index of a gallery's boxes."""

from pathlib import Path

import numpy as np
import pytest

from lofi.engine import Engine
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex

WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def film(film_file: Path) -> Radiograph:
    return Radiograph.read(film_file)


@pytest.fixture(scope="module")
def few(engine: Engine) -> Engine:
    """An engine on the first ten studies of the gallery that bring a box, their boxes indexed."""
    rows = [row for row, study in enumerate(engine.gallery.studies) if study.boxes][:10]
    whole = engine.gallery
    gallery = Gallery([whole.studies[row] for row in rows], whole.vectors[rows], whole.fingerprint, folder=whole.folder)
    made = Engine(engine.model, gallery)
    made.__dict__["regions"] = RegionIndex.build(gallery, engine.model)
    return made


def test_the_whole_film_as_a_region_finds_what_the_film_finds(engine: Engine, film: Radiograph) -> None:
    alone = Engine(engine.model, engine.gallery)
    alone.__dict__["regions"] = None
    whole, region = alone.search(film, 200), alone.search_region(film, WHOLE, 200)
    ranks = {hit.study.study_id: hit.rank for hit in region}
    order = np.array([ranks[hit.study.study_id] for hit in whole])
    assert np.corrcoef(order, np.arange(len(order)))[0, 1] > 0.9
    assert len({hit.study.study_id for hit in whole[:8]} & {hit.study.study_id for hit in region[:8]}) >= 5


def test_another_part_of_the_film_finds_other_studies(engine: Engine, film: Radiograph) -> None:
    first, second = (engine.search_region(film, box) for box in ((0.05, 0.5, 0.45, 0.95), (0.55, 0.05, 0.95, 0.4)))
    assert [hit.study for hit in first] != [hit.study for hit in second]


def test_the_gallerys_own_region_is_found_first(few: Engine) -> None:
    study = few.gallery.studies[3]
    path = few.gallery.image_path(study)
    assert path is not None
    # Told that the film is another study's, the engine does not leave it out as the gallery's own.
    film = Radiograph.read(path)
    hit = few.search_region(film, study.boxes[0].box, 3, leave_out=few.gallery.studies[0])[0]
    assert (hit.study, hit.region, hit.rank) == (study, study.boxes[0], 1)
    assert hit.similarity > 0.99
    assert hit.to_json()["region"]["box"] == list(study.boxes[0].box)


def test_the_querys_own_patient_is_left_out(few: Engine) -> None:
    study = few.gallery.studies[3]
    film = few.encode_study(study.study_id).sha256
    hits = few.search_region(film, study.boxes[0].box, 20)
    assert study.study_id not in {hit.study.study_id for hit in hits}
    assert [hit.rank for hit in hits] == list(range(1, 10))


def test_regions_are_filtered(few: Engine, film: Radiograph) -> None:
    label = few.search_region(film, WHOLE, 20)[-1].study.labels[0]
    hits = few.search_region(film, WHOLE, 20, f'label="{label}"')
    assert hits
    assert all(label in hit.study.labels for hit in hits)
