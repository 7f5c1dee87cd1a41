"""The examples of the page: asked for its own label, each is found where it is, or its card says that it is missed.

Six of eight were not found.
"""

from typing import TYPE_CHECKING

import pytest

from lofi.boxes import as_boxes, set_iou
from lofi.film.radiograph import Radiograph
from lofi.settings import BUNDLED_GALLERY, BUNDLED_MODEL, Settings
from lofi.ui.examples import missed, offered, varied

if TYPE_CHECKING:
    from lofi.engine import Engine

FOUND = 0.3


def test_each_example_is_found_or_its_card_says_that_it_is_missed(engine: "Engine", settings: Settings) -> None:
    if (settings.model, settings.gallery) != (str(BUNDLED_MODEL), BUNDLED_GALLERY):
        pytest.skip("another model or gallery than the bundled ones is tested")
    told, seen, labels = missed(engine.model.fingerprint), set(), set()
    for study in offered(engine.gallery):
        path, (label,) = engine.gallery.image_path(study), study.labels
        assert path is not None
        answer = next(iter(engine.ground(Radiograph.read(path), [label])))
        true = as_boxes([box.box for box in study.boxes if box.kind == "finding" and box.label == label])
        if not answer.found or set_iou(as_boxes(answer.boxes), true) <= FOUND:
            seen.add(study.study_id)
        labels.add(label)
    assert seen == told, "run python -m train.examples"
    assert len(labels - {"No Finding"}) == 8
    assert len(told) <= 3


def test_a_model_that_was_never_tried_is_said_to_miss_nothing() -> None:
    assert missed("another") == frozenset()


def test_a_gallery_without_them_offers_others(engine: "Engine") -> None:
    found = varied(engine.gallery, 8)
    assert len({study.labels[0] for study in found}) == 8
