"""Parts of a film embedded, and boxes that may not leave a region, on tiny networks."""

import numpy as np
import pytest
import torch

from lofi.boxes import as_boxes
from lofi.network.decoding import FoundBoxes, corner_masked, token_boxes
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel, cut_to
from lofi.network.side_by_side import written
from lofi.network.text import grounding_prompt
from lofi.network.vision import ImageTower
from tests import tiny
from tests.doubles import noise_film
from train.recipes import mini, paper
from train.recipes.smoke import tiny as shrunk

WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_a_part_of_a_film_is_embedded_where_it_lies() -> None:
    model = tiny.model()
    film = noise_film(1)
    whole, left, corner = model.embed_parts(film, as_boxes([WHOLE, (0, 0, 0.5, 1), (0, 0, 0.1, 0.1)]))
    np.testing.assert_allclose(np.linalg.norm([whole, left, corner], axis=1), 1, rtol=1e-5)
    embedding = model.encode(film).embedding
    assert whole @ embedding > left @ embedding
    assert whole @ embedding > corner @ embedding


@pytest.mark.parametrize("recipe", [mini, paper], ids=["convolutions, mean pooling", "transformer, attention pooling"])
def test_both_kinds_of_tower_pool_a_part(recipe: object) -> None:
    config = tiny.config() if recipe is mini else shrunk(recipe.MODEL)  # type: ignore[attr-defined]
    tower = ImageTower(config.vision, config.embed_dim, config.preprocessing.side).eval()
    images = torch.rand(1, 3, config.preprocessing.side, config.preprocessing.side)
    with torch.inference_mode():
        _, embedding, last = tower.see(images)
        parts = tower.embed_parts(last, torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.3, 0.3]]))
    assert parts.shape == (2, config.embed_dim)
    near = torch.nn.functional.cosine_similarity(parts, embedding)
    assert near[0] > 0.9
    assert near[0] > near[1]


def _restricted(model: LofiModel, encoded: EncodedFilm, region: tuple[float, ...]) -> FoundBoxes:
    prompt = model.language_tokens.encode(grounding_prompt("mass"))
    with torch.inference_mode():
        canvas = encoded.frame.to_canvas(as_boxes([region]))
        boxes = token_boxes(model.language_tokens, prompt, model.grammar, canvas)
        return written(model.network.language, [encoded.cache], [boxes])[0]


def test_a_box_keeps_to_its_region() -> None:
    model = tiny.model()
    encoded = model.encode(noise_film(1))
    assert not np.allclose(model.locate(encoded, "mass").boxes[:1], 0.0)
    for region in ((0.0, 0.0, 0.4, 0.4), (0.5, 0.6, 1.0, 0.9), (0.45, 0.45, 0.5, 0.5), (0.98, 0.98, 1.0, 1.0)):
        answer = model.grounding("mass", encoded.frame, _restricted(model, encoded, region))
        assert 0 <= answer.confidence <= model.locate(encoded, "mass").confidence
        kept = np.array(cut_to(answer, region).boxes).reshape(-1, 4)
        assert (kept >= np.array(region[:2] * 2) - 1e-9).all()
        assert (kept <= np.array(region[2:] * 2) + 1e-9).all()


def test_the_whole_film_as_region_changes_nothing_that_was_found() -> None:
    model = tiny.model()
    encoded = model.encode(noise_film(1, size_hw=(50, 50)))
    plain, within = model.locate(encoded, "mass"), model.locate(encoded, "mass", WHOLE)
    np.testing.assert_allclose(within.boxes, plain.boxes, atol=0.07)
    assert within.confidence == pytest.approx(plain.confidence, abs=0.05)  # the last bin leaves x1 no room


@pytest.mark.parametrize(
    ("corner", "chosen", "within", "allowed", "inside"),
    [
        (0, [], None, [0, 1, 2, 3], 1.0),
        (0, [], [1, 0, 2, 3], [1], 0.25),
        (2, [1, 0], None, [2, 3], 1.0),
        (2, [1, 0], [0, 0, 2, 3], [2], 0.5),
        (3, [0, 1], [0, 0, 3, 1], [2], 0.5),
        (2, [3, 0], [0, 0, 3, 3], [3], 1.0),
    ],
    ids=["free", "x0 with room for x1", "x1 beyond x0", "x1 in the region", "no room: the next bin", "at the last bin"],
)
def test_where_a_coordinate_may_lie(
    corner: int, chosen: list[int], within: list[int] | None, allowed: list[int], inside: float
) -> None:
    region = None if within is None else np.array(within)
    masked, mass = corner_masked(torch.zeros(4), corner, chosen, region)
    assert torch.isfinite(masked).nonzero().flatten().tolist() == allowed
    assert mass == pytest.approx(inside)
