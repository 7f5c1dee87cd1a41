"""The towers compiled by OpenVINO: the same vectors, and nothing where it is of no use."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import lofi
from tests.doubles import noise_film
from train.indexing import compiled
from train.indexing import model as indexing_model
from train.indexing.compiled import hasten

# Not importorskip: whoever imports OpenVINO himself lets it tell its makers.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed: pip install .[scale]"
)
MODEL = Path(__file__).resolve().parents[2] / "assets" / "lofi-mini"
FILM = [noise_film(0)]


@pytest.fixture(scope="module")
def loaded() -> lofi.LofiModel:
    return lofi.load(MODEL, "cpu")


@pytest.fixture
def model(loaded: lofi.LofiModel) -> Iterator[lofi.LofiModel]:
    own, placed = loaded.towers.own, loaded.towers.placed
    yield loaded
    loaded.towers.own, loaded.towers.placed = own, placed


def quicker(monkeypatch: pytest.MonkeyPatch, copy: float) -> None:
    """Whatever this machine does beside: an original takes a second, its copy so many."""
    monkeypatch.setattr(compiled, "_seconds", lambda f, _: 1.0 if hasattr(f, "__self__") else copy)


def copying(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[object, object], object]:
    return lambda module, picture: lambda canvases: change(module(canvases))  # type: ignore[operator]


def test_vectors_stay_the_same(model: lofi.LofiModel, monkeypatch: pytest.MonkeyPatch) -> None:
    quicker(monkeypatch, 0.5)
    films = [noise_film(seed) for seed in range(3)]
    before = model.embed(films)
    assert hasten(model) == 2.0
    after = model.embed(films)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert not np.array_equal(after, before)  # another has computed them
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)
    teller = importlib.import_module("openvino.tools.ovc.telemetry_utils").tm
    assert teller.__name__ == "openvino.tools.ovc.telemetry_stub", "OpenVINO would tell its makers"


@pytest.mark.parametrize(
    ("change", "takes"),
    [(torch.clone, 0.95), (torch.neg, 0.1)],
    ids=["no quicker", "sees something else"],
)
def test_a_copy_of_no_use_is_not_taken(
    model: lofi.LofiModel,
    change: Callable[[torch.Tensor], torch.Tensor],
    takes: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quicker(monkeypatch, takes)
    monkeypatch.setattr(compiled, "_compiled", copying(change))
    before = model.embed(FILM)
    assert hasten(model) == 1.0
    np.testing.assert_array_equal(model.embed(FILM), before)


def test_a_tower_that_cannot_be_compiled_stays(model: lofi.LofiModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(compiled, "_compiled", fails)
    before = model.embed(FILM)
    assert hasten(model) == 1.0
    np.testing.assert_array_equal(model.embed(FILM), before)


def test_a_few_films_are_not_worth_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[lofi.LofiModel] = []
    monkeypatch.setattr(compiled, "hasten", asked.append)
    monkeypatch.setattr(indexing_model, "HASTENED_AFTER", 2)
    checkpoint = indexing_model.Checkpoint(MODEL)
    checkpoint.embed([noise_film(0), noise_film(1)])
    assert not asked
    checkpoint.embed(FILM)
    checkpoint.embed(FILM)
    assert len(asked) == 1
