"""Galleries in Milvus, asked through the real client of Milvus Lite: they answer as the folder does they came from."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lofi.boxes import as_boxes
from lofi.engine import Engine
from lofi.errors import BadQuery, GalleryMismatch
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, Where, open_gallery
from lofi.gallery.milvus import MilvusGallery
from lofi.gallery.milvus_client import Collection
from lofi.gallery.milvus_place import MilvusPlace
from lofi.results import RegionBox, Study
from lofi.settings import Settings
from lofi.ui.holdings import Holdings
from tests.doubles import clustered
from train import index
from train.indexing.milvus import load_into

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LABELS = ('a"b\\c', "Ünïcode 中", "No Finding", "Pleural_Thickening")


@pytest.fixture(scope="module", autouse=True)
def _milvus() -> None:
    if find_spec("pymilvus") is None or find_spec("milvus_lite") is None:
        reason = "Milvus Lite is not installed (pip install .[scale])"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def small(count: int = 40, dim: int = 16) -> Gallery:
    """A gallery in memory, with labels that are hard to quote, copies of patients and ages that are not known."""
    studies = [
        Study(
            study_id=f"s{number}",
            report="A mass." if number % 5 else "No mass.\nNormal.",
            labels=(LABELS[number % len(LABELS)],),
            view=("PA", "AP", "")[number % 3],
            source="here" if number % 2 else "elsewhere",
            sex=("F", "M", "")[number % 3],
            age=None if number % 4 == 0 else number + 0.5,
            patient_key=f'p"{number // 2}',
            boxes=(RegionBox("mass", (0.1, 0.1, 0.2, 0.2), "Mass"),),
            simulated=number == 3,
            film_print=f"{number + 1:064x}",
        )
        for number in range(count)
    ]
    vectors = clustered(count, dim)
    return Gallery(studies, vectors, "f" * 64, "small")


@pytest.fixture
def place(tmp_path: Path) -> MilvusPlace:
    return MilvusPlace.of(f"milvus://{tmp_path}/all.db/films")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, MilvusGallery]]:
    place = MilvusPlace.of(f"milvus://{tmp_path_factory.mktemp('milvus')}/all.db/films")
    gallery = small()
    load_into(gallery, place, quiet=True)
    found = MilvusGallery.open(place, gallery.fingerprint)
    yield gallery, found
    found.collection.close()


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(None, id="all"),
        pytest.param(Where(view=("PA", "AP"), sex=("F",)), id="view and sex"),
        pytest.param(Where(age=(10.0, 20.0)), id="ages, known ones alone"),
        pytest.param(Where(age=(0.0, np.inf)), id="any age that is known"),
        *(pytest.param(Where(label=(label,)), id=f"label {label}") for label in LABELS),
        pytest.param(Where(label=("pleural thickening",), source=("HERE",)), id="folded"),
        pytest.param(Where(not_patient=('p"0', 'p"3')), id="without patients"),
        pytest.param(Where(sex=("F",), view=("AP",)), id="none"),
    ],
)
def test_a_search_finds_what_the_folder_finds(loaded: tuple[Gallery, MilvusGallery], where: Where | None) -> None:
    gallery, remote = loaded
    for query in clustered(3, 16, seed=5):
        mine, theirs = gallery.search(query, 7, where), remote.search(query, 7, where)
        assert [hit.study for hit in theirs] == [replace(hit.study, terms="") for hit in mine]
        assert [hit.similarity for hit in theirs] == pytest.approx([hit.similarity for hit in mine], abs=1e-5)
        assert [hit.rank for hit in theirs] == [hit.rank for hit in mine]
    assert {study.study_id for study in remote.each(where)} == {study.study_id for study in gallery.each(where)}


def test_reports_are_searched_by_what_they_state(loaded: tuple[Gallery, MilvusGallery]) -> None:
    gallery, remote = loaded
    for where in (None, Where(sex=("F",))):
        mine, theirs = gallery.said(["+mass"], 50, where), remote.said(["+mass"], 50, where)
        terms = {study.study_id for study in gallery.studies_at(mine.rows)}
        assert {study.study_id for study in remote.studies_at(theirs.rows)} == terms
    assert len(remote.said(["nobody wrote this"], 5).rows) == len(remote.said([], 5).rows) == 0


def test_studies_films_and_figures_are_known_as_in_the_folder(loaded: tuple[Gallery, MilvusGallery]) -> None:
    gallery, remote = loaded
    assert len(remote) == len(gallery) == len(remote.first(100))
    row = remote.row_of("s7")
    assert row is not None
    assert remote.studies_at([row])[0].study_id == "s7"
    assert remote.vectors_at([row])[0] == pytest.approx(gallery.vectors[7], abs=1e-6)
    assert remote.row_of("DOE") is None
    assert remote.sample.shape == gallery.sample.shape
    own = remote.of_film(f"{8:064x}", gallery.vectors[7], 0.9)
    assert own is not None
    assert [study.study_id for study in remote.studies_at(own)] == ["s7"]
    assert remote.columns.simulated == 1
    for name in ("view", "sex", "label", "source"):
        assert remote.columns.values(name) == gallery.columns.values(name)


@pytest.mark.parametrize(
    ("vector", "k", "where", "said"),
    [
        pytest.param(np.ones(15), 3, None, "16 numbers", id="another size"),
        pytest.param(np.zeros(16), 3, None, "not zero", id="zero"),
        pytest.param(np.ones(16), 0, None, "at least 1", id="no hits"),
        pytest.param(np.ones(16), 3, Where(label=("Hernia",)), "Its labels: .*No Finding", id="a label nobody has"),
    ],
)
def test_what_cannot_be_asked_is_said(
    loaded: tuple[Gallery, MilvusGallery], vector: np.ndarray, k: int, where: Where | None, said: str
) -> None:
    with pytest.raises(BadQuery, match=said):
        loaded[1].search(vector, k, where)


def test_loading_again_writes_what_changed_alone(place: MilvusPlace) -> None:
    gallery = small(12)
    assert load_into(gallery, place, quiet=True)[:3] == (12, 0, 0)
    assert load_into(gallery, place, quiet=True)[:3] == (0, 0, 12)
    changed = [replace(study, report="A nodule.") if study.study_id == "s4" else study for study in gallery.studies]
    less = Gallery(changed[:10], gallery.vectors[:10], gallery.fingerprint)
    assert load_into(less, place, block=4, quiet=True)[:3] == (1, 2, 9)
    found = MilvusGallery.open(place)
    assert len(found) == 10
    assert next(study.report for study in found.first(20) if study.study_id == "s4") == "A nodule."
    found.collection.close()


def test_more_boxes_than_a_record_holds_are_counted_and_the_rest_is_there(place: MilvusPlace) -> None:
    gallery = small(3)
    many = tuple(RegionBox("x" * 200, (0.1, 0.1, 0.2, 0.2), "y" * 200) for _ in range(256))
    studies = [replace(gallery.studies[0], boxes=many), *gallery.studies[1:]]
    done = load_into(Gallery(studies, gallery.vectors, gallery.fingerprint), place, quiet=True)
    assert (done.written, done.boxless) == (3, 1)
    found = MilvusGallery.open(place)
    assert {study.study_id: len(study.boxes) for study in found.first(3)} == {"s0": 0, "s1": 1, "s2": 1}
    found.collection.close()


def test_another_model_is_refused_at_both_ends(place: MilvusPlace) -> None:
    gallery = small(3)
    load_into(gallery, place, quiet=True)
    with pytest.raises(GalleryMismatch, match="another model"):
        load_into(replace(gallery, fingerprint="e" * 64), place, quiet=True)
    with pytest.raises(GalleryMismatch, match="another model"):
        MilvusGallery.open(place, "e" * 64)


def test_what_is_not_there_or_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GalleryMismatch, match="no gallery of this name"):
        open_gallery(f"milvus://{tmp_path}/new.db/films")
    with pytest.raises(GalleryMismatch, match="Milvus does not answer"):
        open_gallery("milvus://127.0.0.1:9/films")


def test_records_that_somebody_damaged_are_refused(place: MilvusPlace) -> None:
    load_into(small(2), place, quiet=True)
    collection = Collection(place)
    fields = ["key", "report", "words", "state", "view", "sex", "source", "patient", "labels", "years", "simulated"]
    (row, *_) = collection.query("", [*fields, "vector"], 1)
    collection.upsert([{**row, "record": '{"study_id": "x", "film_print": "zz"}'}])
    collection.close()
    found = MilvusGallery.open(place)
    with pytest.raises(GalleryMismatch, match="damaged"):
        found.first(5)
    found.collection.close()


KILLED = """
import os, sys
from lofi.gallery.milvus_client import Collection
from lofi.gallery.milvus_place import MilvusPlace
from tests.gallery.test_milvus import small
from train.indexing.milvus import load_into
left, write = int(sys.argv[2]), Collection.upsert
def upsert(self, rows):
    global left
    left -= 1
    write(self, rows)
    if left == 0:
        os.kill(os.getpid(), 9)
Collection.upsert = upsert
load_into(small(), MilvusPlace.of(sys.argv[1]), block=10, quiet=True)
"""


def test_a_load_that_was_killed_goes_on(tmp_path: Path) -> None:
    text = f"milvus://{tmp_path}/all.db/films"
    ended = subprocess.run([sys.executable, "-c", KILLED, text, "2"], cwd=REPOSITORY, capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr
    done = load_into(small(), MilvusPlace.of(text), quiet=True)
    assert (done.written, done.kept) == (20, 20)


@pytest.fixture(scope="module")
def both(
    engine: Engine, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Engine, Settings]]:
    """The bundled gallery, in its folder and in Milvus by the command."""
    folder = tmp_path_factory.mktemp("milvus")
    shutil.copytree(settings.gallery, folder / "gallery")
    address = f"milvus://{folder}/all.db/films"
    assert index.main(["--out", str(folder / "gallery"), "--to", address]) == 0
    there = replace(settings, gallery=address, image_root=folder / "gallery")
    gallery = open_gallery(address, engine.model.fingerprint, there.image_root)
    assert isinstance(gallery, MilvusGallery)
    yield engine, Engine(engine.model, gallery), there
    gallery.collection.close()


def test_the_engine_answers_the_same_from_both(both: tuple[Engine, Engine, Settings], film_file: Path) -> None:
    near, far, _ = both
    film = Radiograph.read(film_file)
    assert [hit.study.study_id for hit in far.search(film, 5)] == [hit.study.study_id for hit in near.search(film, 5)]
    ids = [hit.study.study_id for hit in near.search(film, 3, "view=PA")]
    assert [hit.study.study_id for hit in far.search(film, 3, "view=PA")] == ids
    mixed = [e.search_mixed(film, "left pleural effusion", ids[:1], ids[1:2], 5) for e in (near, far)]
    assert [hit.study.study_id for hit in mixed[0]] == [hit.study.study_id for hit in mixed[1]]
    assert [hit.closer_than for hit in mixed[1]] == pytest.approx([hit.closer_than for hit in mixed[0]], abs=0.05)
    for text in ("pneumothorax", "normal chest"):
        first = [e.search_text(text, 1)[0].study for e in (near, far)]
        assert first[0].labels == first[1].labels
    with pytest.raises(BadQuery, match="no such study"):
        far.study("DOE")


def test_what_rests_on_indexed_boxes_goes_by_the_film_alone(
    both: tuple[Engine, Engine, Settings], film_file: Path
) -> None:
    _, far, _ = both
    film = Radiograph.read(film_file)
    assert far.regions is None
    assert len(far.search_region(film, tuple(as_boxes([[0.1, 0.5, 0.5, 0.9]])[0]), 3)) == 3
    assert next(iter(far.ground(film, ["cardiomegaly"]))).phrase == "cardiomegaly"


def test_the_app_shows_studies_and_films_of_a_gallery_in_milvus(both: tuple[Engine, Engine, Settings]) -> None:
    near, far, settings = both
    holdings = Holdings(settings)
    holdings._engine.set_result(far)
    holdings._examples.set_result(holdings._open_examples(far.gallery))
    study_id = near.gallery.first(1)[0].study_id
    assert holdings.thumbnail(study_id) == near.gallery.thumbnail_path(near.study(study_id)).read_bytes()
    assert len(holdings.examples) > 0
    assert far.gallery.missing_films() == ""
    assert "LOFI_IMAGE_ROOT" in replace(far.gallery, image_root=None).missing_films()
