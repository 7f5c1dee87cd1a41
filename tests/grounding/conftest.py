"""A gallery of noise films with boxes, embedded by the tiny model."""

import numpy as np
import pytest
from PIL import Image

from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex
from lofi.grounding import ShotFinder
from lofi.network.model import LofiModel
from lofi.results import RegionBox, Study
from tests import tiny
from tests.doubles import noise_film

LEFT, RIGHT = (0.6, 0.5, 0.9, 0.9), (0.1, 0.5, 0.4, 0.9)
BOXES = (
    (RegionBox("pleural effusion", LEFT, "Effusion"), RegionBox("pleural effusion", RIGHT, "Effusion")),
    (RegionBox("pleural effusion", LEFT, "Effusion"),),
    (RegionBox("mass", RIGHT, "Mass"),),
    (RegionBox("pleural effusion", RIGHT, "Effusion", quality="inferred"),),
    (RegionBox("mass", LEFT, "Mass"),),
    (),
    (RegionBox("pleural effusion", RIGHT, "Effusion"),),
)
PATIENTS = ("p0", "p1", "p2", "p3", "p4", "p5", "p1")


@pytest.fixture(scope="package")
def model() -> LofiModel:
    return tiny.model()


@pytest.fixture(scope="package")
def finder(model: LofiModel, tmp_path_factory: pytest.TempPathFactory) -> ShotFinder:
    folder = tmp_path_factory.mktemp("gallery")
    records = []
    for number, (boxes, patient) in enumerate(zip(BOXES, PATIENTS, strict=True)):
        film = noise_film(number)
        Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)).save(folder / f"{number}.png")
        study = Study(f"s{number}", "Text.", patient_key=patient, image=f"{number}.png", boxes=boxes)
        records.append((study, lambda film=film: film))
    gallery = Gallery.build(records, model, thumbs_in=None, image_root=folder)
    return ShotFinder(model, RegionIndex.build(gallery, model))


@pytest.fixture(scope="package")
def film() -> Radiograph:
    return noise_film(100)
