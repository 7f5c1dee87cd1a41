"""Search with a part of a film: by the towers alone, and by the index of a gallery's boxes."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tests.tiny as tiny
from lofi.boxes import as_boxes
from lofi.engine import Engine
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex
from lofi.network.decoding import FoundBoxes, corner_masked, locate_tokens
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel, cut_to
from lofi.network.text import grounding_prompt
from lofi.network.vision import ImageTower
from tests.doubles import noise_film
from train.recipes import mini, paper
from train.recipes.smoke import tiny as shrunk

WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def film(film_file: Path) -> Radiograph:
    return Radiograph.read(film_file)


@pytest.fixture(scope="module")
def few(engine: Engine) -> Engine:
    """An engine on the first ten studies of the gallery that bring a box, their boxes indexed."""
    rows = [row for row, study in enumerate(engine.gallery.studies) if study.boxes][:10]
    whole = engine.gallery
    gallery = Gallery([whole.studies[row] for row in rows], whole.vectors[rows], whole.fingerprint, folder=whole.folder)
    made = Engine(engine.model, gallery)
    made.__dict__["regions"] = RegionIndex.build(gallery, engine.model)
    return made


def test_the_whole_film_as_a_region_finds_what_the_film_finds(engine: Engine, film: Radiograph) -> None:
    alone = Engine(engine.model, engine.gallery)
    alone.__dict__["regions"] = None
    whole, region = alone.search(film, 200), alone.search_region(film, WHOLE, 200)
    ranks = {hit.study.study_id: hit.rank for hit in region}
    order = np.array([ranks[hit.study.study_id] for hit in whole])
    assert np.corrcoef(order, np.arange(len(order)))[0, 1] > 0.9
    assert len({hit.study.study_id for hit in whole[:8]} & {hit.study.study_id for hit in region[:8]}) >= 5


def test_another_part_of_the_film_finds_other_studies(engine: Engine, film: Radiograph) -> None:
    first, second = (engine.search_region(film, box) for box in ((0.05, 0.5, 0.45, 0.95), (0.55, 0.05, 0.95, 0.4)))
    assert [hit.study for hit in first] != [hit.study for hit in second]


def test_the_gallerys_own_region_is_found_first(few: Engine) -> None:
    study = few.gallery.studies[3]
    path = few.gallery.image_path(study)
    assert path is not None
    # Other bytes, same pixels: the engine must not take it for the gallery's own film and leave it out.
    copy = Radiograph.from_pixels(Radiograph.read(path).pixels)
    hit = few.search_region(copy, study.boxes[0].box, 3)[0]
    assert (hit.study, hit.region, hit.rank) == (study, study.boxes[0], 1)
    assert hit.similarity > 0.99
    assert hit.to_json()["region"]["box"] == list(study.boxes[0].box)


def test_the_querys_own_patient_is_left_out(few: Engine) -> None:
    study = few.gallery.studies[3]
    film = few.encode_study(study.study_id).sha256
    hits = few.search_region(film, study.boxes[0].box, 20)
    assert study.study_id not in {hit.study.study_id for hit in hits}
    assert [hit.rank for hit in hits] == list(range(1, 10))


def test_regions_are_filtered(few: Engine, film: Radiograph) -> None:
    label = few.search_region(film, WHOLE, 20)[-1].study.labels[0]
    hits = few.search_region(film, WHOLE, 20, f'label="{label}"')
    assert hits
    assert all(label in hit.study.labels for hit in hits)


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
    language, tokens = model.network.language, model.language_tokens
    prompt = tokens.encode(grounding_prompt("mass"))
    with torch.inference_mode():
        canvas = encoded.frame.to_canvas(as_boxes([region]))
        return locate_tokens(language, tokens, prompt, language.branch(encoded.cache), model.grammar, canvas)


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
