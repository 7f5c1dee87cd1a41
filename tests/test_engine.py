"""The engine with the real model and gallery: what the app, the API and the command line rely on."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lofi.boxes import as_boxes
from lofi.engine import Engine
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from tests.fuzz.seeds import dicom
from tests.gallery.formats import as_format_1


@pytest.fixture(scope="module")
def film(film_file: Path) -> Radiograph:
    return Radiograph.read(film_file)


def test_a_film_is_encoded_once(engine: Engine, film: Radiograph) -> None:
    assert engine.encode(film) is engine.encode(film) is engine.encode(film.sha256)


def test_a_film_that_is_not_held_is_refused(engine: Engine) -> None:
    with pytest.raises(BadQuery, match="open it again"):
        engine.encode("0" * 64)


def test_hits_are_ranked_and_leave_the_query_and_its_patient_out(engine: Engine, film: Radiograph) -> None:
    hits = engine.search(film, 5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)
    closest = engine.gallery.search(engine.encode(film).embedding, 1)[0].study
    assert closest.study_id not in {hit.study.study_id for hit in hits}
    if closest.patient_key:
        assert closest.patient_key not in {hit.study.patient_key for hit in hits}


def written(film: Radiograph, kind: str) -> bytes:
    """The film as another file."""
    picture = Image.fromarray(np.round(film.pixels * 255).astype(np.uint8))
    sink = io.BytesIO()
    match kind:
        case "JPEG of quality 75":
            picture.save(sink, "JPEG", quality=75)
        case "512 pixels":
            picture.resize((round(512 * picture.width / picture.height), 512)).save(sink, "PNG")
        case "16 bits":
            Image.fromarray(np.round(film.pixels * 65_535).astype(np.uint16)).save(sink, "PNG")
        case _:
            return dicom(np.round(film.pixels * 4_095).astype(np.uint16))
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["JPEG of quality 75", "512 pixels", "16 bits", "DICOM"])
def test_a_film_in_another_file_is_known_again(engine: Engine, kind: str) -> None:
    for study in engine.gallery.studies[:6]:
        copy = Radiograph.read(written(Radiograph.read(engine.gallery.image_path(study)), kind))
        assert study.study_id not in {hit.study.study_id for hit in engine.search(copy, len(engine.gallery))}
        own = engine._own(engine.encode(copy), None)
        assert [found.study_id for found in own] == [study.study_id]


def test_a_gallery_of_format_1_knows_its_films_too(engine: Engine, tmp_path: Path) -> None:
    folder = shutil.copytree(engine.gallery.folder, tmp_path / "gallery")
    as_format_1(folder)
    old = Engine(engine.model, Gallery.open(folder))
    study = old.gallery.studies[0]
    copy = Radiograph.read(written(Radiograph.read(old.gallery.image_path(study)), "JPEG of quality 75"))
    assert [found.study_id for found in old._own(old.encode(copy), None)] == [study.study_id]
    assert old.regions is not None


def test_damaged_regions_cost_the_examples_not_the_answer(engine: Engine, film: Radiograph, tmp_path: Path) -> None:
    folder = shutil.copytree(engine.gallery.folder, tmp_path / "gallery")
    next(folder.glob("regions-*")).write_bytes(b"nothing")
    without = Engine(engine.model, Gallery.open(folder))
    assert without.regions is None
    assert without.search(film, 3) == engine.search(film, 3)
    (answer,) = without.ground(film, ["cardiomegaly"])
    assert answer.evidence == ()
    assert without.search_region(film, (0.1, 0.1, 0.5, 0.5), 2)


def test_more_hits_than_studies(engine: Engine, film: Radiograph) -> None:
    assert 0 < len(engine.search(film, 200)) < 201
    assert engine.search(film, 5, "age=130-") == ()
    with pytest.raises(BadQuery, match="no such label"):
        engine.search(film, 5, "label=nosuchlabel")


def test_phrases_are_answered_one_by_one_in_order(engine: Engine, film: Radiograph) -> None:
    answers = engine.ground(film, ["cardiomegaly", "left pleural effusion."])
    assert next(answers).phrase == "cardiomegaly"
    last = next(answers)
    assert last.phrase == "left pleural effusion."
    assert len(last.boxes) == len(last.scores)
    assert 0 <= last.confidence <= 1
    assert last.found == bool(last.boxes)


def test_the_heat_map_shows_what_the_answer_rests_on(engine: Engine, film: Radiograph) -> None:
    right, left = (engine.heat_map(film, f"{side} lung") for side in ("right", "left"))
    middle = right.values.shape[1] // 2
    for found, hot, cold in (
        (right, slice(0, middle), slice(middle, None)),
        (left, slice(middle, None), slice(0, middle)),
    ):
        assert found.values[:, hot].mean() > 3 * found.values[:, cold].mean()
    (answer,) = engine.ground(film, ["right lung"])
    height, width = right.values.shape
    x0, y0, x1, y1 = (round(v * n) for v, n in zip(answer.boxes[0], (width, height, width, height), strict=True))
    inside = right.values[y0:y1, x0:x1]
    assert inside.sum() > 0.8 * right.values.sum()
    assert "dense network" in right.said
    for phrase in ("no effusion", "xyzzy"):
        with pytest.raises(BadQuery, match="no map"):
            engine.heat_map(film, phrase)


def test_grounding_a_film_again_gives_the_same(engine: Engine, film: Radiograph) -> None:
    assert list(engine.ground(film, ["cardiomegaly"])) == list(engine.ground(film.sha256, ["cardiomegaly"]))


def test_of_no_chest_film_nothing_is_drafted_and_phrases_are_asked_only_anyway(engine: Engine) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8))
    sink = io.BytesIO()
    noise.save(sink, "PNG")
    odd = Radiograph.read(sink.getvalue())
    assert odd.unfit
    box = (0.1, 0.1, 0.5, 0.5)
    for asked in (
        lambda: list(engine.ground(odd, ["cardiomegaly"])),
        lambda: list(engine.ground_within(odd, ["cardiomegaly"], box)),
        lambda: engine.describe_region(odd, box),
        lambda: engine.report(odd),
        lambda: engine.heat_map(odd, "cardiomegaly"),
    ):
        with pytest.raises(BadQuery, match="The picture is noise"):
            asked()
    (answer,) = engine.ground(odd, ["cardiomegaly"], anyway=True)
    assert answer.warning == odd.unfit
    assert engine.heat_map(odd, "cardiomegaly", anyway=True).peak >= 0
    assert engine.search(odd, 2)


def test_text_search_finds_studies(engine: Engine) -> None:
    assert len(engine.search_text("pleural effusion", 3)) == 3


def test_boxes_are_described(engine: Engine, film: Radiograph) -> None:
    assert len(engine.describe(film, as_boxes([[0.1, 0.1, 0.5, 0.5], [0.4, 0.4, 0.9, 0.9]]))) == 2


def test_report_boxes_lie_on_the_film(engine: Engine, film: Radiograph) -> None:
    for sentence in engine.report(film):
        assert np.all((np.asarray(sentence.boxes) >= 0) & (np.asarray(sentence.boxes) <= 1))


def test_an_unknown_study_is_refused(engine: Engine) -> None:
    with pytest.raises(BadQuery):
        engine.study("no such study")


def test_the_same_pixels_from_another_file_are_another_film(engine: Engine, film: Radiograph) -> None:
    other = replace(film, sha256="f" * 64)
    assert engine.encode(other) is not engine.encode(film)


def test_a_region_is_described_as_its_box(engine: Engine, film: Radiograph) -> None:
    box = (0.1, 0.4, 0.5, 0.9)
    assert engine.describe_region(film, box) == engine.describe(film, as_boxes([box]))[0]


def test_phrases_are_grounded_on_a_film_of_the_gallery(engine: Engine, film: Radiograph) -> None:
    study = next(study for study in engine.gallery.studies if engine.gallery.image_path(study))
    found = list(engine.ground_study(study.study_id, ["cardiomegaly"]))
    assert found == list(engine.ground(Radiograph.read(engine.gallery.image_path(study)), ["cardiomegaly"]))
    assert engine.encode_study(study.study_id) is engine.encode_study(study.study_id)


def test_a_study_without_a_film_is_told(engine: Engine) -> None:
    with pytest.raises(BadQuery, match="no such study"):
        list(engine.ground_study("no such study", ["cardiomegaly"]))
