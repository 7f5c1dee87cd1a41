"""Findings cast by the simulator and laid into real films: where the box says, as dark or bright as physics has it."""

import random
from functools import cache

import numpy as np
import pytest

from train.densely import concepts as c
from train.densely.answers import film_of
from train.densely.batches import STRIDE
from train.densely.outlines import stretched
from train.densely.sampling import DRAWN, Pick, Sampler
from train.densely.shadows import CAST, Shadow, Shadows, lay

LUNGS = {"right lung": [0.1, 0.1, 0.45, 0.8, 0.9], "left lung": [0.55, 0.1, 0.9, 0.8, 0.9]}
RIGHT = (0.1, 0.1, 0.45, 0.8)


@cache
def cast_few() -> Shadows:
    return Shadows(5)


@pytest.mark.parametrize("concept", sorted(CAST))
def test_it_shows_where_its_box_says(concept: str) -> None:
    canvas = np.full((224, 224), 90, np.uint8)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        shadow = cast_few().like(None, concept, "right", RIGHT, rng)
        assert shadow is not None
        box = stretched(shadow.box, shadow.lung, RIGHT)
        film = lay(canvas, RIGHT, box, shadow, rng)
        change = film.astype(int) - canvas
        signed = -change if concept == "pneumothorax" else change
        assert signed.max() > 5, "it can be seen"
        assert -signed.clip(None, 0).sum() < 0.1 * signed.clip(0).sum(), "but for the pleura's line it is of one sign"
        inside = np.zeros_like(canvas, bool)
        x0, y0, x1, y1 = (round(v * 224) for v in box)
        inside[y0:y1, x0:x1] = True
        within = signed[: round(RIGHT[3] * 224)].clip(0)  # below the lung fluid fades into what is white anyway
        assert within[inside[: len(within)]].sum() > 0.8 * within.sum()
        assert abs(change[:, 120:]).max() <= 1, "the other lung is as it was"


def test_fluid_hides_the_diaphragm_and_ends_below_the_lung() -> None:
    shadow = cast_few().like(None, "effusion", "right", RIGHT, np.random.default_rng(0))
    assert shadow is not None
    column = np.abs(shadow.path.astype(np.float32)).max(1)
    y = shadow.frame[1] + (np.arange(len(column)) + 0.5) / 256
    within = column[(y > shadow.box[1] + 0.05) & (y < shadow.lung[3] - 0.02)]
    assert (np.diff(within) > -0.02).all()
    assert shadow.box[3] <= shadow.lung[3]
    assert shadow.lung[3] - shadow.box[1] >= 0.25 * (shadow.lung[3] - shadow.lung[1])


def test_it_fills_the_box_that_it_is_given_and_ends_at_the_lung() -> None:
    canvas, whole = np.full((200, 200), 60, np.uint8), (0.0, 0.0, 1.0, 1.0)
    shadow = Shadow("consolidation", "right", np.full((8, 8), 0.5, np.float16), whole, whole, whole)
    change = lay(canvas, RIGHT, (0.2, 0.3, 0.4, 0.6), shadow, np.random.default_rng(0)).astype(int) - canvas
    rows, columns = (np.flatnonzero(change.max(axis) > 5) for axis in (1, 0))
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == pytest.approx((40, 80, 60, 120), abs=4)
    change = lay(canvas, RIGHT, (0.3, 0.3, 0.9, 0.6), shadow, np.random.default_rng(0)).astype(int) - canvas
    assert np.flatnonzero(change.max(0))[-1] / 200 == pytest.approx(RIGHT[2] + 0.08 * (RIGHT[2] - RIGHT[0]), abs=0.01)


def test_the_shadow_that_lies_most_like_a_box() -> None:
    """Of all that there are: which are tried is left to chance."""
    few = cast_few()
    every = few.kept[("consolidation", "right")]
    boxes = [stretched(shadow.box, shadow.lung, RIGHT) for shadow in every]
    for shadow, box in zip(every, boxes, strict=True):
        assert few.like(box, "consolidation", "right", RIGHT, np.random.default_rng(0)) is shadow
    assert few.like(RIGHT, "nodule", "right", RIGHT, np.random.default_rng(0)) is None


@pytest.mark.parametrize("concept", DRAWN)
def test_what_would_lie_beside_the_film_is_not_drawn(concept: str) -> None:
    beside = [[x0 - 0.45, y0, x1 - 0.45, y1, s] for x0, y0, x1, y1, s in LUNGS.values()]
    plain = {"split": "train", "height": 100, "width": 100, "boxes": [], "patient_id": "a", "source": "nih_labelled"}
    film = film_of(
        plain | {"image": "a", "findings": ["No Finding"]}, {"right lung": beside[0], "left lung": beside[0]}
    )
    sampler = Sampler([film], rehearsal=2, shadows=cast_few())
    canvas = np.full((8 * STRIDE, 8 * STRIDE), 90, np.uint8)
    for seed in range(5):
        made, questions = sampler.asked(
            Pick(0, drawn=concept), canvas, random.Random(seed), np.random.default_rng(seed)
        )
        assert made is canvas
        assert not any(question.made and question.present for question in questions)


def test_only_what_a_film_denies_is_drawn_into_it() -> None:
    plain = {"split": "train", "height": 100, "width": 100, "boxes": []}
    normal = film_of(
        plain | {"image": "a", "patient_id": "a", "source": "nih_labelled", "findings": ["No Finding"]}, LUNGS
    )
    no_nodule = film_of(plain | {"image": "b", "patient_id": "b", "source": "jsrt", "findings": ["No Nodule"]}, LUNGS)
    ill = film_of(plain | {"image": "c", "patient_id": "c", "source": "nih_labelled", "findings": ["Effusion"]}, LUNGS)
    films = [normal, no_nodule, ill]
    assert set(Sampler(films, rehearsal=2).drawable) == {"nodule", "mass"}
    sampler = Sampler(films, rehearsal=2, shadows=cast_few())
    assert {concept: sampler.drawable[concept] for concept in DRAWN} == {
        **{concept: [0, 1] for concept in ("nodule", "mass")},
        **{concept: [0] for concept in CAST},
    }
    canvas = np.full((8 * STRIDE, 8 * STRIDE), 90, np.uint8)
    for concept in DRAWN:
        film, questions = sampler.asked(Pick(0, drawn=concept), canvas, random.Random(1), np.random.default_rng(1))
        assert (film != canvas).any()
        there, other = questions[:2]
        assert there.present
        assert there.made
        assert len(there.boxes) == 1
        assert there.concept in c.near(concept)
        assert other.side
        assert not other.present
        assert not other.boxes
        assert not any(q.present is False and q.concept in c.near(concept) for q in questions[2:])
