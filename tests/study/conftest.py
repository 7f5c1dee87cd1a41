"""A small study in a folder: five films of noise, a made-up model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lofi.results import Grounding
from lofi.study import ReviewStore
from lofi.study.asking import ModelAnswer
from lofi.study.cases import StudyCase, find_cases
from lofi.study.definition import Definition
from lofi.study.reading import ReaderStudy
from tests.study.verdicts import MODEL

TWO = ((0.1, 0.2, 0.4, 0.5), (0.6, 0.2, 0.9, 0.5))


def answer(case: StudyCase) -> ModelAnswer:
    """Two boxes of a mass, no effusion, two hits."""
    mass = Grounding("mass", True, 0.8, TWO, (0.7, 0.9))
    return ModelAnswer((mass, Grounding("effusion", False, 0.1)), (("s1", 0.9), ("s2", 0.8)))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with five films, one of them twice, and files that are none."""
    folder = tmp_path / "films"
    (folder / "more").mkdir(parents=True)
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 255, (48, 40), dtype=np.uint8)
        cv2.imwrite(str(folder / ("more" if number > 2 else "") / f"{number}.png"), noise)
    (folder / "again.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "notes.csv").write_text("a,b")
    (folder / ".hidden.png").write_bytes((folder / "0.png").read_bytes())
    return folder


@pytest.fixture
def define(films: Path) -> Callable[..., Definition]:
    """Writes a definition file and reads it."""

    def define(**values: Any) -> Definition:
        file = films.parent / "study.json"
        known = {"name": "lungs", "folder": "films", "phrases": ["mass", "effusion"], "seed": 3}
        file.write_text(json.dumps({name: v for name, v in {**known, **values}.items() if v is not None}))
        return Definition.read(file)

    return define


@pytest.fixture
def study(define: Callable[..., Definition], tmp_path: Path) -> ReaderStudy:
    definition = define()
    store = ReviewStore(tmp_path / "kept" / "reviews.sqlite")
    return ReaderStudy(definition, find_cases(definition), store, MODEL, answer)
