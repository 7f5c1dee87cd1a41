"""The dense network: shapes, sides, boxes off the grid. No weights, no download."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lofi.network.dense import SIDES, Asked, DenseConfig, DenseNet, best_boxes, edges, overlap
from lofi.network.eyes import DenseEyes
from lofi.network.folding import fold
from lofi.network.whole import Whole

CONFIG = DenseConfig(("nodule", "effusion", "lung"), side=64, pyramid=16, width=16)


@pytest.fixture(scope="module")
def network() -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(CONFIG).eval()


def film(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(seed))


def ask(network: DenseNet, concept: int, side: int) -> Asked:
    with torch.no_grad():
        return network(film(), torch.tensor([0]), torch.tensor([concept]), torch.tensor([side]))


def test_shapes(network: DenseNet) -> None:
    films = torch.cat([film(0), film(1)])
    which, concepts, sides = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2])
    with torch.no_grad():
        heat, boxes, presence = network(films, which, concepts, sides)
    assert heat.shape == (3, 8, 8)
    assert boxes.shape == (3, 4, 8, 8)
    assert presence.shape == (3,)
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_other_sizes_than_its_own(network: DenseNet) -> None:
    seen = network.see(torch.rand(1, 96, 96))
    assert seen.maps.shape[-2:] == (12, 12)


def test_concept_and_side_change_the_answer(network: DenseNet) -> None:
    plain = ask(network, 0, 0)
    assert not torch.equal(plain.heat, ask(network, 1, 0).heat)
    assert not torch.equal(plain.heat, ask(network, 0, SIDES.index("left")).heat)
    assert torch.equal(plain.heat, ask(network, 0, 0).heat)


def test_a_question_does_not_hear_another(network: DenseNet) -> None:
    films = torch.cat([film(0), film(1)])
    with torch.no_grad():
        both = network(films, torch.tensor([1, 0]), torch.tensor([2, 0]), torch.tensor([1, 0]))
    torch.testing.assert_close(both.heat[1], ask(network, 0, 0).heat[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both.presence[1], ask(network, 0, 0).presence[0], rtol=1e-4, atol=1e-5)


def test_edges_by_hand() -> None:
    # two cells a side: the upper left one has its centre at (0.25, 0.25); exp(0) reaches 0.15 each way
    boxes = edges(torch.zeros(1, 4, 2, 2))
    torch.testing.assert_close(boxes[0, :, 0, 0], torch.tensor([0.10, 0.10, 0.40, 0.40]))
    torch.testing.assert_close(boxes[0, :, 1, 0], torch.tensor([0.10, 0.60, 0.40, 0.90]))
    wider = torch.zeros(1, 4, 2, 2)
    wider[0, 2] = math.log(2)  # to the right, twice as far
    torch.testing.assert_close(edges(wider)[0, :, 0, 0], torch.tensor([0.10, 0.10, 0.55, 0.40]))


def test_overlap_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.25, 0.0, 0.75, 1.0]])
    torch.testing.assert_close(overlap(boxes[0], boxes), torch.tensor([1.0, 0.0, 1 / 3]))


def two_peaks(second: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Heat of an 8 × 8 map with two peaks, and boxes 0.2 wide round each cell."""
    heat = torch.full((8, 8), -6.0)
    heat[1, 1], heat[6, 6] = 2.0, second
    return heat, edges(torch.full((1, 4, 8, 8), math.log(0.1 / 0.15)))[0]


def test_several_boxes_of_one_concept() -> None:
    heat, boxes = two_peaks(1.8)
    found, scores = best_boxes(heat, boxes)
    assert found.shape == (2, 4)
    assert scores[0] > scores[1]
    torch.testing.assert_close((found[0, :2] + found[0, 2:]) / 2, torch.tensor([0.1875, 0.1875]), atol=1e-3, rtol=0)
    torch.testing.assert_close((found[1, :2] + found[1, 2:]) / 2, torch.tensor([0.8125, 0.8125]), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("most", "second"), [(1, 1.8), (3, -3.0)], ids=["one wanted", "one warm"])
def test_a_cold_second_peak_is_no_box(most: int, second: float) -> None:
    found, _ = best_boxes(*two_peaks(second), most=most)
    assert len(found) == 1


def test_a_cold_map_still_answers() -> None:
    found, scores = best_boxes(torch.full((8, 8), -40.0), two_peaks(0.0)[1])
    assert len(found) >= 1
    assert torch.isfinite(found).all()
    assert float(scores[0]) < 1e-6


def test_eyes_look_once_and_answer(network: DenseNet) -> None:
    eyes = DenseEyes(network)
    seen = eyes.look(film()[0])
    places = eyes.ask(seen, [("nodule", ""), ("lung", "left")])
    assert [0 <= place.presence <= 1 for place in places] == [True, True]
    assert places[0].heat.shape == (8, 8)
    assert eyes.ask(seen, []) == []


def test_eyes_refuse_what_they_were_not_taught(network: DenseNet) -> None:
    eyes = DenseEyes(network)
    with pytest.raises(ValueError, match="was not taught pneumoperitoneum"):
        eyes.ask(eyes.look(film()[0]), [("pneumoperitoneum", "")])


def test_a_whole_film_and_its_parts_as_vectors(network: DenseNet) -> None:
    torch.manual_seed(1)
    with_vector = DenseNet(replace(CONFIG, embed=8)).eval()
    eyes = DenseEyes(with_vector)
    seen = eyes.look(film()[0])
    assert eyes.whole is not None
    with torch.no_grad():
        whole = eyes.whole(seen.deep)
        torch.testing.assert_close(whole, with_vector.embed(film()))
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(1))
    parts = eyes.embed_parts(seen, np.array([[0, 0, 1, 1], [0, 0, 0.4, 0.4], [0.2, 0.2, 0.2001, 0.2001]])).numpy()
    np.testing.assert_allclose(parts[0], whole[0].numpy(), atol=1e-5)
    assert np.abs(parts[1] - parts[0]).max() > 1e-3
    np.testing.assert_allclose(parts[1], parts[2], atol=1e-5)  # of two by two cells both lie in the first
    assert network.vector is None
    with pytest.raises(ValueError, match="no vector"):
        network.embed(film())
    with pytest.raises(ValueError, match="no vector"):
        DenseEyes(network).embed_parts(DenseEyes(network).look(film()[0]), np.array([[0, 0, 1, 1.0]]))


def test_texts_start_where_the_text_tower_puts_them() -> None:
    texts = torch.nn.functional.normalize(torch.rand(3, 8), dim=1)
    torch.testing.assert_close(Whole(4, 8).of_texts(texts), texts)


def test_folded_batch_norms_change_nothing() -> None:
    torch.manual_seed(4)
    plain = DenseNet(CONFIG).eval()
    for module in plain.e.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    folded = copy.deepcopy(plain)
    fold(folded.e)
    assert not [module for module in folded.e.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        before, after = plain.see(film()), folded.see(film())
    assert float(before.deep.abs().max()) > 0.01
    for first, second in zip(before, after, strict=True):
        torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-3)
