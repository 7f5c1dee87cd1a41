"""The index of a gallery's boxes: built, saved, opened, damaged, searched."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lofi.errors import BadQuery, GalleryMismatch
from lofi.gallery import Gallery, RegionIndex, Where
from lofi.gallery.regions import side_named, sided_phrase
from lofi.results import RegionBox, Study
from tests.doubles import TinyEmbedder, noise_film

LEFT, RIGHT, HEART = (0.6, 0.5, 0.9, 0.9), (0.1, 0.5, 0.4, 0.9), (0.3, 0.5, 0.7, 0.8)
BOXES = {
    "a": (RegionBox("pleural effusion", LEFT, "Effusion"), RegionBox("pleural effusion", RIGHT, "Effusion")),
    "b": (RegionBox("cardiomegaly", HEART, "Cardiomegaly"),),
    "c": (),
    "d": (RegionBox("left lung", (0.5, 0.1, 0.9, 0.8), "Left Lung", "anatomy", "inferred"),),
    "gone": (RegionBox("mass", LEFT, "Mass"),),
}


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Four films, three of them boxed, and a boxed study without a film."""
    from PIL import Image

    studies = []
    for number, (name, boxes) in enumerate(BOXES.items()):
        film = noise_film(number)
        image = f"{name}.png"
        if name != "gone":
            Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)).save(tmp_path / image)
        patient = "p1" if name in "ab" else name
        studies.append(Study(name, "Text.", view="PA", patient_key=patient, image=image, boxes=boxes))
    vectors = np.eye(len(studies), 16, dtype=np.float32)
    return Gallery(tuple(studies), vectors, TinyEmbedder().fingerprint, folder=tmp_path).save(tmp_path)


@pytest.fixture
def regions(gallery: Gallery) -> RegionIndex:
    return RegionIndex.build(gallery, TinyEmbedder())


def saved(regions: RegionIndex) -> Gallery:
    """The gallery, saved with its regions."""
    return regions.gallery.save(regions.gallery.folder, regions=regions.to_bytes())


def test_each_box_of_a_readable_film_is_in(regions: RegionIndex) -> None:
    assert [(regions.gallery.studies[s].study_id, n) for s, n in zip(regions.study, regions.number, strict=True)] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("d", 0),
    ]
    assert regions.said[:2] == (
        ("pleural effusion", "left pleural effusion"),
        ("pleural effusion", "right pleural effusion"),
    )
    assert regions.said[2:] == (("cardiomegaly", "cardiomegaly"), ("left lung", "left lung"))
    assert regions.weights.tolist() == [1, 1, 1, 0.5]
    assert len(regions.phrase_vectors) == 5


def test_saved_and_opened_it_is_the_same(regions: RegionIndex) -> None:
    opened = RegionIndex.open(saved(regions))
    assert opened.boxes == regions.boxes
    assert opened.vectors == pytest.approx(regions.vectors, abs=1e-3)
    assert np.array_equal(opened.tokens, regions.tokens)
    assert opened.canvas == pytest.approx(regions.canvas)
    with pytest.raises(ValueError, match="read-only"):
        opened.vectors[0] = 0


def test_a_region_finds_itself_first_and_each_study_once(regions: RegionIndex) -> None:
    hits = regions.search(regions.vectors[1], 9)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].study.study_id == "a"
    assert hits[0].box.box == RIGHT
    assert hits[0].similarity == pytest.approx(1, abs=1e-5)
    assert len({hit.study.study_id for hit in hits}) == 3


@pytest.mark.parametrize(
    ("where", "kinds", "expected"),
    [
        pytest.param(Where(not_patient=("p1",)), (), {"d"}, id="a patient left out"),
        pytest.param(None, ("finding",), {"a", "b"}, id="findings alone"),
        pytest.param(Where(view=("AP",)), (), set(), id="nothing left"),
    ],
)
def test_filters(regions: RegionIndex, where: Where | None, kinds: tuple[str, ...], expected: set[str]) -> None:
    assert {hit.study.study_id for hit in regions.search(regions.vectors[0], 9, where, kinds)} == expected


@pytest.mark.parametrize("vector", [[1, 2], [0] * 6, [np.nan] * 6, [[1] * 6]], ids=["size", "zero", "nan", "matrix"])
def test_a_useless_vector_is_refused(regions: RegionIndex, vector: list[float]) -> None:
    with pytest.raises(BadQuery, match="6 numbers"):
        regions.search(vector)


def test_a_gallery_without_boxes_has_an_empty_index(gallery: Gallery) -> None:
    plain = replace(gallery, studies=tuple(replace(study, boxes=()) for study in gallery.studies))
    empty = RegionIndex.build(plain, TinyEmbedder())
    assert len(RegionIndex.open(saved(empty))) == 0
    assert empty.search([1.0] * 6) == ()


def test_without_a_file_there_is_no_index(gallery: Gallery) -> None:
    assert RegionIndex.open(gallery) is None


def test_saving_the_gallery_again_drops_the_index(regions: RegionIndex, gallery: Gallery) -> None:
    saved(regions)
    assert RegionIndex.open(gallery.save(gallery.folder)) is None


def test_regions_of_another_gallery_or_model_are_refused(regions: RegionIndex, gallery: Gallery) -> None:
    with pytest.raises(GalleryMismatch, match="another gallery or model"):
        RegionIndex.open(replace(saved(regions), fingerprint="0" * 64))
    with pytest.raises(GalleryMismatch, match="built the gallery"):
        RegionIndex.build(replace(gallery, fingerprint="0" * 64), TinyEmbedder())


@pytest.mark.parametrize("damage", ["byte", "gone"])
def test_damage_is_refused_in_words(regions: RegionIndex, damage: str) -> None:
    gallery = saved(regions)
    (tensors,) = gallery.folder.glob("regions-*")
    if damage == "byte":
        data = bytearray(tensors.read_bytes())
        data[-1] ^= 1
        tensors.write_bytes(bytes(data))
    else:
        tensors.unlink()
    with pytest.raises(GalleryMismatch, match=r"regions are (damaged|missing)"):
        RegionIndex.open(gallery)


def test_the_pooled_boxes_come_back_by_row(regions: RegionIndex) -> None:
    opened = RegionIndex.open(saved(regions))
    again = RegionIndex.of(opened.gallery, opened.pooled(), TinyEmbedder().embed_text)
    assert again.study.tolist() == opened.study.tolist() == [0, 0, 1, 3]
    assert again.number.tolist() == opened.number.tolist()
    assert np.array_equal(again.tokens, opened.tokens)


def test_whoever_has_an_older_state_open_still_finds_its_regions(regions: RegionIndex) -> None:
    older = saved(regions)
    replace(older, studies=older.studies[:1], vectors=older.vectors[:1]).save(older.folder)
    assert len(RegionIndex.open(older)) == len(regions)


@pytest.mark.parametrize(
    ("phrase", "side"),
    [("left mass", "left"), ("Mass on the RIGHT", "right"), ("left and right", ""), ("leftover", ""), ("mass", "")],
)
def test_side_that_a_phrase_names(phrase: str, side: str) -> None:
    assert side_named(phrase) == side


def test_anatomy_and_phrases_with_a_side_keep_their_words() -> None:
    assert sided_phrase(RegionBox("left lung", RIGHT, kind="anatomy")) == "left lung"
    assert sided_phrase(RegionBox("right mass", RIGHT)) == "right mass"
