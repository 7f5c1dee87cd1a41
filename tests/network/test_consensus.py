"""One box of heat map and language model: the formula, the search, the region, and the model that uses it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lofi.boxes import pairwise_iou
from lofi.network import checkpoint
from lofi.network.consensus import GRID, LEAST, HeatBelief, Opinions
from lofi.network.decoding import FoundBoxes
from lofi.network.heat import agreed
from tests import tiny
from tests.doubles import noise_film

SIDE = 12


def heat(box: tuple[float, float, float, float], inside: float = 8.0, outside: float = -8.0) -> np.ndarray:
    """(P,) logits of a map that shows one box whose edges lie between cells."""
    logits = np.full((SIDE, SIDE), outside, dtype=np.float32)
    x0, y0, x1, y1 = np.round(np.array(box) * SIDE).astype(int)
    logits[y0:y1, x0:x1] = inside
    return logits.ravel()


SHOWN = (0.25, 0.5, 0.5, 0.75)


def test_the_gain_is_the_overlap_where_the_map_is_sure() -> None:
    everywhere = HeatBelief(np.full(SIDE * SIDE, 30.0, dtype=np.float32))
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0.1, 0.2, 0.33, 0.71]])
    assert everywhere.gain(boxes) == pytest.approx([1, 0.5, 0.23 * 0.51], abs=1e-6)


def test_alone_it_finds_what_the_map_shows() -> None:
    found = Opinions([(HeatBelief(heat(SHOWN)), 1.0)]).agreed(np.array([[0.6, 0.1, 0.9, 0.3]]))
    assert pairwise_iou(found, np.array([SHOWN]))[0, 0] > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_no_other_box_gains_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    belief = HeatBelief(rng.normal(-2, 2, SIDE * SIDE).astype(np.float32))
    low = rng.uniform(0, 0.5, 2)
    written, share = np.array([[*low, *(low + rng.uniform(0.2, 0.5, 2))]]), 0.6
    found = Opinions([(belief, share)]).agreed(written)
    corners = rng.uniform(0, 1, (4000, 2, 2))
    others = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    others = others[((others[:, 2:] - others[:, :2]) >= LEAST).all(axis=1)]

    def gain(boxes: np.ndarray) -> np.ndarray:
        return share * belief.gain(boxes) + (1 - share) * pairwise_iou(boxes, written)[:, 0]

    assert gain(found)[0] >= gain(np.concatenate([others, written])).max() - 2e-3


def test_without_a_share_the_written_box_stands() -> None:
    written = np.array([[0.6, 0.125, 0.875, 0.375]])
    found = Opinions([(HeatBelief(heat(SHOWN)), 0.0)]).agreed(written)
    assert pairwise_iou(found, written)[0, 0] > 0.97


def test_a_map_that_is_warm_everywhere_is_not_heard() -> None:
    written = np.array([[0.6, 0.125, 0.875, 0.375]])
    for level, stands in ((0.5, True), (-6.0, False)):
        logits = np.full(SIDE * SIDE, level, dtype=np.float32)
        logits[: 3 * SIDE] = 6.0
        found = Opinions([(HeatBelief(logits), 0.95)]).agreed(written)
        assert np.array_equal(found, written) == stands


def test_it_stays_within_a_region() -> None:
    region = np.array([[0.55, 0.05, 0.95, 0.45]])
    found = Opinions([(HeatBelief(heat(SHOWN)), 0.9)]).agreed(np.array([[0.6, 0.1, 0.9, 0.3]]), region)
    assert (found[0, :2] >= region[0, :2]).all()
    assert (found[0, 2:] <= region[0, 2:]).all()
    narrow = np.array([[0.51, 0.51, 0.52, 0.52]])
    written = np.array([[0.51, 0.51, 0.52, 0.52]])
    assert Opinions([(HeatBelief(heat(SHOWN)), 0.9)]).agreed(written, narrow) == pytest.approx(written)
    assert 1 / GRID > 0.01


def test_several_boxes_stay_as_they_were_written() -> None:
    belief = Opinions([(HeatBelief(heat(SHOWN)), 0.8)])
    two = FoundBoxes(np.array([[0.1, 0.1, 0.4, 0.6], [0.6, 0.1, 0.9, 0.6]]), (0.9, 0.8), 0.9)
    assert agreed(two, belief) is two
    one = FoundBoxes(two.boxes[:1], (0.9,), 0.9)
    moved = agreed(one, belief)
    assert moved.scores == one.scores
    assert not np.allclose(moved.boxes, one.boxes)
    assert agreed(one, Opinions()).boxes is one.boxes


def test_a_checkpoint_brings_its_share_and_the_boxes_follow(tmp_path: Path) -> None:
    network = tiny.network(local=True)
    with torch.no_grad():  # of fresh weights the map is flat, and the written box would stand
        network.local_scale.fill_(4.0)
        network.local_bias.fill_(0.0)
    checkpoint.save(tmp_path, network, tiny.tokenizer_files(), data={}, metrics={}, threshold=0.0, dtype=torch.float32)
    film, phrase = noise_film(0), "left pleural effusion"
    plain = checkpoint.load(tmp_path, "cpu")
    checkpoint.calibrate(tmp_path, 0.0, (1.0, 0.0), 0.9)
    shared = checkpoint.load(tmp_path, "cpu")
    assert (plain.heat_share, shared.heat_share) == (0, 0.9)
    for model in (plain, shared):
        model.grammar = replace(model.grammar, max_boxes=1)
    spoken, moved = plain.locate(film, phrase), shared.locate(film, phrase)
    assert (moved.confidence, moved.scores) == (spoken.confidence, spoken.scores)
    assert moved.boxes != spoken.boxes
    half = (0.0, 0.0, 0.5, 1.0)
    for x0, _, x1, _ in shared.locate(film, phrase, within=half).boxes:
        assert 0 <= x0 < x1 <= 0.5 + 1e-6


def test_without_a_heat_map_a_share_means_nothing(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, tiny.network(), tiny.tokenizer_files(), data={}, metrics={}, threshold=0.0)
    checkpoint.calibrate(tmp_path, 0.0, (1.0, 0.0), 0.9)
    assert checkpoint.load(tmp_path, "cpu").heat_share == 0
