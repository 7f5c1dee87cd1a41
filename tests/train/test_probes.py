"""Probes that may not succeed: cross-fitted over patients, crops on one scale, findings drawn into real films."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lofi.network.dense import DenseConfig, DenseNet
from train.densely.answers import GROUPS
from train.densely.corpus import films
from train.densely.normals import normal_films
from train.densely.shadows import Shadows
from train.evaluation.probe import told_apart
from train.probes import CROP, KINDS, cropped, crops, drawn_told, sources_told


def people(count: int, each: int = 1) -> list[str]:
    return [f"p{number // each}" for number in range(count)]


def test_what_differs_is_told_and_what_does_not_is_not() -> None:
    rng = np.random.default_rng(0)
    kind = np.arange(200) < 80
    noise = rng.normal(size=(200, 6))
    assert told_apart(noise + 3 * kind[:, None], kind, people(200)).value > 0.98
    assert 0.35 < told_apart(noise, kind, people(200)).value < 0.65


def test_a_patient_is_not_asked_about_where_she_was_learnt() -> None:
    """Features name the patient and nothing else: who was learnt would be known again."""
    rng = np.random.default_rng(1)
    names, kind = people(240, each=4), np.arange(240) % 8 < 4
    own = rng.normal(size=(60, 40)).repeat(4, axis=0)
    assert told_apart(own, kind, names).value < 0.65
    assert told_apart(own, kind, people(240)).value > 0.9


def test_too_few_patients_are_told_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least 5 patients of each kind"):
        told_apart(np.zeros((20, 2)), np.arange(20) < 10, people(20, each=5))


def test_sources_by_pair_and_against_the_rest() -> None:
    rng = np.random.default_rng(2)
    vectors = {name: rng.normal(size=(12, 3)) + 9 * (name == "c") for name in "abc"} | {"few": np.zeros((3, 3))}
    patients = {name: [f"{name}{n}" for n in range(len(some))] for name, some in vectors.items()}
    found = sources_told(vectors, patients)
    assert set(found) == {"a / b", "a / c", "b / c", *(f"{name} / all others" for name in "abc")}
    assert found["a / c"].value == found["c / all others"].value == 1
    assert (found["a / b"].n, found["a / all others"].n) == (24, 36)


@pytest.mark.parametrize("side", [40, 300], ids=["made larger", "made smaller"])
def test_a_crop_shows_a_box_and_its_surroundings_on_one_scale(side: int) -> None:
    canvas = np.full((448, 448), 30, np.uint8)
    canvas[60 : 60 + side, 90 : 90 + side] = 220
    crop = cropped(canvas, (90 / 448, 60 / 448, (90 + side) / 448, (60 + side) / 448))
    assert crop.shape == (CROP, CROP)
    for axis in (0, 1):
        (inside,) = np.nonzero(crop.mean(axis) > 100)
        assert len(inside) == pytest.approx(CROP / 1.5, abs=3)
        assert inside.mean() == pytest.approx((CROP - 1) / 2, abs=2)


def test_drawn_into_real_films_and_compared(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.probes.DRAWN", ("nodule",))  # what is cast has tests of its own
    corpus = [film for film in films(shared, "train") if film.group == "nih"]
    found = crops(corpus, shared / "cxr", 6, 0, Shadows(0))
    assert set(found) == {"nodule"}
    for concept, (real, normal, other, before) in found.items():
        assert len(real) == 6, concept
        assert min(map(len, (normal, other))) >= 5, concept
        assert [crop.patient for crop in other] == [crop.patient for crop in before]
        changed = [(a.pixels != b.pixels).any() for a, b in zip(other, before, strict=True)]
        assert all(changed)
    torch.manual_seed(0)
    told = drawn_told(found, DenseNet(DenseConfig(("nodule",), side=64)).eval())
    assert {name.split(" / ")[1] for name in told} <= set(KINDS)
    assert all(0 <= estimate.value <= 1 for estimate in told.values())
    normal_of_val = normal_films(shared / "cxr" / "records.jsonl", "val", GROUPS, 10, 0)
    assert {"nih", "openi", "rsna", "jsrt"} <= set(normal_of_val)
    assert all(film.split == "val" for some in normal_of_val.values() for film in some)
