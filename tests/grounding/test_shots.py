"""Which gallery regions become examples."""

from dataclasses import replace

import numpy as np
import pytest

from lofi.errors import BadQuery, GalleryMismatch
from lofi.film.radiograph import Radiograph
from lofi.gallery import RegionIndex, Where
from lofi.grounding import Shot, ShotFinder, shots
from lofi.grounding.shots import RETRIEVERS
from lofi.network.model import LofiModel
from tests.doubles import noise_film
from tests.grounding.conftest import LEFT, RIGHT


def studies(found: tuple) -> set[str]:
    return {shot.study_id for shot in found}


@pytest.mark.parametrize("by", RETRIEVERS)
def test_one_shot_a_patient_and_only_trusted_boxes(finder: ShotFinder, film: Radiograph, by: str) -> None:
    found = finder.shots(film, "pleural effusion", 8, by)
    assert studies(found) in ({"s0", "s1", "s2", "s4"}, {"s0", "s6", "s2", "s4"})
    assert all(shot.trusted for shot in found)


def test_the_phrase_decides_first(finder: ShotFinder, film: Radiograph) -> None:
    for by in ("phrase", "fused"):
        found = finder.shots(film, "mass", 4, by)
        assert [shot.phrase for shot in found[:2]] == ["mass", "mass"], by
        assert found[2].phrase == "pleural effusion"
    assert shots(film, "mass", 2, finder=finder)[0].study_id in ("s2", "s4")


def test_a_side_keeps_the_other_side_out(finder: ShotFinder, film: Radiograph) -> None:
    found = finder.shots(film, "left pleural effusion", 8)
    assert all(box == LEFT for shot in found for box in shot.boxes)
    assert {shot.phrase for shot in found} == {"left pleural effusion", "left mass"}


def test_a_bare_phrase_brings_all_boxes_of_its_film(finder: ShotFinder, film: Radiograph) -> None:
    both = next(shot for shot in finder.shots(film, "pleural effusion", 8) if shot.study_id == "s0")
    assert both.boxes == (LEFT, RIGHT)
    assert both.canvas.shape == (2, 4)
    assert both.tokens.shape == (3, 32)


def test_pseudo_labels_only_when_asked_for_and_marked(finder: ShotFinder, film: Radiograph) -> None:
    found = finder.shots(film, "pleural effusion", 8, trusted_only=False)
    pseudo = next(shot for shot in found if shot.study_id == "s3")
    assert not pseudo.trusted
    assert pseudo.weight == 0.5


def test_the_patient_is_left_out(finder: ShotFinder, film: Radiograph) -> None:
    found = finder.shots(film, "pleural effusion", 8, leave_out=Where(not_patient=("p0", "p1")))
    assert studies(found) == {"s2", "s4"}


def test_the_same_region_of_the_same_film_comes_first(finder: ShotFinder) -> None:
    for by in ("image", "region"):
        assert finder.shots(noise_film(4), "mass", 1, by)[0].study_id == "s4", by


def test_near_duplicates_count_once(finder: ShotFinder, film: Radiograph) -> None:
    gallery = finder.regions.gallery
    vectors = gallery.vectors.copy()
    vectors[4] = vectors[2]
    twins = ShotFinder(finder.model, replace(finder.regions, gallery=replace(gallery, vectors=vectors)))
    assert len(studies(twins.shots(film, "mass", 8)) & {"s2", "s4"}) == 1


def test_random_shots_are_the_same_each_time(finder: ShotFinder, film: Radiograph) -> None:
    first, second = (finder.shots(film, "mass", 3, "random") for _ in range(2))
    assert [shot.study_id for shot in first] == [shot.study_id for shot in second]


@pytest.mark.parametrize(("k", "by"), [(9, "fused"), (-1, "fused"), (2, "best")], ids=["many", "negative", "unknown"])
def test_what_cannot_be_is_refused(finder: ShotFinder, film: Radiograph, k: int, by: str) -> None:
    with pytest.raises(BadQuery):
        finder.shots(film, "mass", k, by)


def test_none_asked_for_or_none_there(finder: ShotFinder, film: Radiograph) -> None:
    assert finder.shots(film, "mass", 0) == ()
    assert finder.shots(film, "mass", 4, leave_out=Where(view=("AP",))) == ()


def test_another_models_gallery_is_refused(finder: ShotFinder, model: LofiModel) -> None:
    other: RegionIndex = replace(finder.regions, gallery=replace(finder.regions.gallery, fingerprint="other"))
    with pytest.raises(GalleryMismatch):
        ShotFinder(model, other)


def test_scores_fall(finder: ShotFinder, film: Radiograph) -> None:
    found = [shot.similarity for shot in finder.shots(film, "pleural effusion", 3, "image")]
    assert found[0] == max(found)
    assert np.isfinite(found).all()


def test_a_machines_box_weighs_less_than_the_same_by_hand(finder: ShotFinder) -> None:
    """The same box of the same film, once drawn by a person and once marked "pseudo"."""

    def first(quality: str) -> Shot:
        gallery = finder.regions.gallery
        studies = list(gallery.studies)
        studies[4] = replace(studies[4], boxes=tuple(replace(box, quality=quality) for box in studies[4].boxes))
        marked = replace(finder.regions, gallery=replace(gallery, studies=tuple(studies)))
        found = ShotFinder(finder.model, marked).shots(noise_film(4), "mass", 8, trusted_only=False)
        return next(shot for shot in found if shot.study_id == "s4")

    hand, machine = first("exact"), first("pseudo")
    assert (hand.trusted, machine.trusted) == (True, False)
    assert hand.similarity - machine.similarity == pytest.approx(np.log(2), abs=1e-5)
