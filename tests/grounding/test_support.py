"""How far an example shows, by the model's own heat map, what is asked for: by another route, and with real weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lofi.boxes import as_boxes
from lofi.engine import Engine
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex
from lofi.grounding import ShotFinder, ground
from lofi.grounding.incontext import InContext
from lofi.network.heat import shows
from lofi.results import RegionBox, Study
from tests import tiny
from tests.doubles import noise_film

BOX = (0.25, 0.25, 0.75, 0.5)


@pytest.mark.parametrize(("local", "share"), [(True, 0.8), (True, 0.0), (False, 0.0)])
def test_support_is_the_heat_in_the_examples_own_boxes(tmp_path: Path, local: bool, share: float) -> None:
    model, film = tiny.model(local=local), noise_film(3, (64, 64))
    model.heat_share = share
    Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)).save(tmp_path / "film.png")
    study = Study("s", "", patient_key="p", image="film.png", boxes=(RegionBox("mass", BOX, "Mass"),))
    kept = Radiograph.read(tmp_path / "film.png")
    gallery = Gallery.build([(study, lambda: kept)], model, thumbs_in=None, image_root=tmp_path)
    gallery.save(tmp_path / "gallery", regions=RegionIndex.build(gallery, model).to_bytes())
    regions = RegionIndex.open(Gallery.open(tmp_path / "gallery", model.fingerprint))
    assert regions is not None
    found = ShotFinder(model, regions).shots(noise_film(4), "left pleural effusion", 1, "random")[0].support
    if not share:  # without a map, or with one that nobody has found to be of use
        assert found is None
        return
    with torch.no_grad():
        encoded = model.encode(kept)
        text = torch.from_numpy(model.embed_text(["left pleural effusion"]))
        heat = model.network.heat(encoded.patches, text)[0].numpy()
    side = round(len(heat) ** 0.5)
    x0, y0, x1, y1 = (encoded.frame.to_canvas(as_boxes([BOX]))[0] * side * 50).round().astype(int)
    inside = np.kron(heat.reshape(side, side), np.ones((50, 50)))[y0:y1, x0:x1].mean()
    assert found == pytest.approx(1 / (1 + np.exp(-inside)), abs=0.005)


def test_what_shows_something_else_stands_out_by_its_support(engine: Engine, film_file: Path) -> None:
    """With the bundled model and gallery: examples found for another finding show hardly anything of the one asked."""
    grounder = engine.grounder
    assert grounder.finder is not None
    assert isinstance(grounder.answerer, InContext)
    film = engine.model.encode(Radiograph.read(film_file))
    regions = grounder.finder.regions
    asked = engine.model.embed_text(["cardiomegaly"])[0]
    by_label: dict[str, list[float]] = {"Cardiomegaly": [], "Pneumothorax": []}
    for row, box in enumerate(regions.boxes):
        if box.label in by_label:
            by_label[box.label].append(float(shows(engine.model.network, regions.seen[[row]], asked)[0]))
    assert all(by_label.values())
    assert np.median(by_label["Cardiomegaly"]) > 5 * np.median(by_label["Pneumothorax"])
    answer = ground(grounder.answerer, film, "cardiomegaly", grounder.finder.shots(film, "cardiomegaly", 4))
    told = [item["support"] for item in answer.to_json()["evidence"]]
    assert len(told) == 4
    assert all(0 <= support <= 1 for support in told)
