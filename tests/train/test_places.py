"""Coded reports: where a finding lies somewhere, as regions that teach no box."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lofi.network.dense import Asked
from train.densely.answers import Film, Region, film_of
from train.densely.batches import targets_of
from train.densely.found import _agreed, kept, read_again
from train.densely.loss import heat_losses, losses
from train.densely.places import coded_regions
from train.densely.questions import Question, labelled
from train.densely.sampling import Sampler

ANATOMY = {
    "right lung": (0.1, 0.1, 0.4, 0.7, 0.9),
    "right upper lung zone": (0.15, 0.1, 0.4, 0.3, 0.9),
    "right middle lung zone": (0.12, 0.3, 0.4, 0.5, 0.9),
    "right lower lung zone": (0.1, 0.5, 0.35, 0.7, 0.9),
    "left lung": (0.6, 0.1, 0.9, 0.7, 0.9),
    "left lower lung zone": (0.75, 0.5, 0.9, 0.7, 0.9),
    "left middle lung zone": (0.65, 0.3, 0.9, 0.5, 0.9),
    "right hilum": (0.3, 0.3, 0.4, 0.45, 0.8),
}


def film(*codes: str, **more: object) -> Film:
    plain = {"image": "a.webp", "patient_id": "p", "source": "openi", "split": "train", "height": 100, "width": 100}
    return film_of({**plain, "findings": [], "boxes": [], "mesh": list(codes), **more}, ANATOMY)


@pytest.mark.parametrize(
    ("code", "concept", "side", "region"),
    [
        ("Opacity/lung/upper lobe/right", "lung opacity", "right", (0.08, 0.08, 0.42, 0.52)),
        ("Pulmonary Atelectasis/base/left", "atelectasis", "left", (0.58, 0.48, 0.92, 0.72)),
        ("Nodule/lung/lingula", "nodule", "left", (0.58, 0.28, 0.92, 0.72)),
        ("Granuloma/hilum/right", "granuloma", "right", (0.28, 0.28, 0.42, 0.47)),
        ("Pleural Effusion/left", "effusion", "left", (0.58, 0.08, 0.92, 0.72)),
    ],
)
def test_a_code_names_a_region(code: str, concept: str, side: str, region: tuple[float, float, float, float]) -> None:
    """A lobe's zones, as wide as the lung; a side alone is the whole lung; the lingula is on the left."""
    ((found, box),) = coded_regions([code], ANATOMY)[concept]
    assert found == side
    assert box == pytest.approx(region)


@pytest.mark.parametrize(
    "codes",
    [
        ["Opacity/lung/bilateral"],
        ["Opacity/lung"],
        ["Opacity/lung/upper lobe/right", "Opacity/lung"],
        ["Opacity/lung/costophrenic angle/right"],
        ["Scoliosis/thoracic vertebrae/right"],
        ["Fractures, Bone/ribs/right"],
    ],
)
def test_what_may_lie_elsewhere_has_no_region(codes: list[str]) -> None:
    """Both sides, none, one of two codes without, a region that the film lacks, and what lies in no lung."""
    assert coded_regions(codes, ANATOMY) == {}


def test_a_region_is_asked_as_such_and_a_box_is_better() -> None:
    codes = ("Opacity/lung/upper lobe/right", "Opacity/lung/base/left")
    asked = {(q.concept, q.side): q for q in labelled(film(*codes)) if q.concept == "lung opacity"}
    assert [len(asked["lung opacity", side].boxes) for side in ("", "left", "right")] == [2, 1, 1]
    assert all(q.within and q.placed and q.present for q in asked.values())
    box = {"label": "Lung Opacity", "kind": "finding", "side": "right", "box": [0.2, 0.2, 0.3, 0.3]}
    assert not film(*codes, boxes=[box]).coded
    plain = labelled(film("Opacity/lung/bilateral"))
    assert plain
    assert not any(q.within or q.placed for q in plain)


def test_inside_one_spot_must_be_hot_outside_none_may() -> None:
    """Loss by hand on 2 × 2 cells of which the upper two are the region; no box is taught."""
    question = Question("nodule", "", ((0.0, 0.0, 1.0, 0.5),), present=True, within=True)
    targets = targets_of([question], 2)
    assert targets.want[0].tolist() == [[1, 1], [0, 0]]
    assert float(targets.share.sum()) == 0

    def loss(*cells: float) -> float:
        return float(heat_losses(torch.tensor(cells).reshape(1, 2, 2), targets))

    cold, hot = -6.0, 6.0
    assert loss(cold, cold, cold, cold) > 1
    assert loss(hot, hot, cold, cold) < 0.01
    assert loss(cold, hot, hot, cold) > loss(hot, hot, cold, cold) + 1
    many = targets_of([replace(question, boxes=((0.0, 0.0, 1.0, 1.0),))], 8)
    spot = torch.full((1, 8, 8), cold)
    spot[0, 2, :] = hot
    assert float(heat_losses(spot, many)) < 0.01, "eight of sixty-four cells are enough"
    boxes = torch.rand(1, 4, 2, 2, requires_grad=True)
    losses(Asked(torch.zeros(1, 2, 2), boxes, torch.zeros(1)), targets).box.backward()
    assert boxes.grad is None or float(boxes.grad.abs().sum()) == 0


def test_found_boxes_must_lie_where_the_report_says_and_are_read_again(tmp_path: Path) -> None:
    here = Region((0.1, 0.1, 0.3, 0.3), "right", made=True)
    assert _agreed((0.15, 0.15, 0.2, 0.2), [here])
    assert not _agreed((0.5, 0.5, 0.6, 0.6), [here])
    assert _agreed((0.5, 0.5, 0.6, 0.6), [])
    some = [film("Opacity/lung/upper lobe/right"), film("Opacity/lung", image="b.webp")]
    new = [some[0], replace(some[1], regions={**some[1].regions, "lung opacity": (here,)})]
    kept(some, new, tmp_path / "found.json")
    assert read_again(some, tmp_path / "found.json") == new


def test_coded_films_are_shown_where_found_ones_are() -> None:
    some = [film("Opacity/lung/upper lobe/right"), film("Opacity/lung", image="b.webp")]
    assert Sampler(some, rehearsal=1).found["lung opacity"] == [0]
