"""Training of the dense network: true answers only, like against like, boxes that move with their film."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lofi.network.dense import Asked, DenseConfig, DenseNet
from train.densely import concepts as c
from train.densely.answers import Film, film_of, kept_back
from train.densely.augment import Move, augmented, inside
from train.densely.balance import weights
from train.densely.batches import Batch, cells_of, targets_of
from train.densely.canvases import placed, render
from train.densely.denials import denied
from train.densely.drawn import draw
from train.densely.loss import giou, heat_losses, losses
from train.densely.questions import Question, choose
from train.densely.run import Plan, optimiser
from train.densely.sampling import Sampler
from train.densely.state import Average, Progress, load, save
from train.densely.stepping import one_step

LUNGS = {"right lung": [0.1, 0.1, 0.45, 0.8, 0.9], "left lung": [0.55, 0.1, 0.9, 0.8, 0.9]}


def record(**fields: Any) -> dict[str, Any]:
    plain = {
        "image": "a.webp",
        "patient_id": "p",
        "source": "nih_labelled",
        "split": "train",
        "height": 100,
        "width": 100,
    }
    return plain | {"findings": [], "boxes": []} | fields


def boxed(label: str, side: str = "", **more: Any) -> dict[str, Any]:
    return {"label": label, "kind": "finding", "side": side, "box": [0.1, 0.5, 0.3, 0.7], **more}


def known(**fields: Any) -> Film:
    return film_of(record(**fields), LUNGS)


def test_no_box_is_no_absence() -> None:
    film = known(findings=["Effusion", "Mass"], boxes=[boxed("Effusion", "right")])
    assert not film.absent
    asked = [q for seed in range(30) for q in choose(film, None, random.Random(seed))]
    assert not any(q.placed or q.trust > 0.5 for q in asked if q.present is False)
    mass = [q for q in asked if q.concept == "mass"]
    assert mass
    assert all(q.present and not q.placed and not q.boxes for q in mass)


def test_what_a_report_does_not_mention_is_half_a_no() -> None:
    film = known(findings=["Infiltration"], absent=["Effusion"])
    assert film.unmentioned >= {"nodule", "mass", "hernia"}
    assert not film.unmentioned & {"infiltration", "pneumonia", "consolidation", "atelectasis", "effusion", "fracture"}
    assert not known(findings=["No Finding"]).unmentioned
    assert not known(findings=["Nodule"], source="openi").unmentioned
    assert "nodule" not in film_of(record(findings=["Effusion"]), LUNGS, frozenset({"nodule"})).unmentioned
    sides = {q.side for seed in range(40) for q in choose(film, None, random.Random(seed)) if q.concept == "hernia"}
    assert sides == {""}


@pytest.mark.parametrize(
    ("fields", "absent", "open_"),
    [
        ({"findings": ["No Finding"]}, {"nodule", "hernia", "lung opacity"}, {"scoliosis", "fracture"}),
        ({"findings": ["No Finding"], "source": "openi"}, {"scoliosis", "nodule"}, set()),
        ({"findings": ["Effusion"], "absent": ["Nodule", "Effusion"]}, {"nodule"}, {"effusion", "mass"}),
        ({"google2019": {"Airspace opacity": "NO", "Fracture": "YES"}}, {"lung opacity", "pneumonia"}, {"fracture"}),
        ({"findings": ["Infiltration"], "rsna_class": "No Lung Opacity / Not Normal"}, set(), {"pneumonia"}),
        ({"findings": ["Nodule"], "rsna_class": "No Lung Opacity / Not Normal"}, {"pneumonia"}, {"nodule", "mass"}),
        ({"source": "jsrt", "findings": ["No Nodule"]}, {"nodule", "mass"}, {"effusion"}),
    ],
    ids=["NIH none", "Open-i normal", "listed", "Google", "akin", "RSNA", "JSRT"],
)
def test_only_true_answers_deny(fields: dict[str, Any], absent: set[str], open_: set[str]) -> None:
    denied_here = {concept for concept, _ in known(**fields).absent}
    assert absent <= denied_here
    assert not open_ & denied_here


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No pneumothorax or pleural effusion.", {"pneumothorax", "effusion"}),
        ("There is no large pleural effusion.", set()),
        ("No change in the left effusion.", set()),
        ("The heart is normal in size.", {"cardiomegaly"}),
        ("The heart is enlarged. No pneumothorax.", {"pneumothorax"}),
        ("There are no nodules or masses.", {"nodule", "mass"}),
        ("", set()),
    ],
)
def test_what_reports_deny(sentence: str, expected: set[str]) -> None:
    assert denied(sentence) == expected


def test_codes_are_exhaustive_only_where_the_report_says_so() -> None:
    film = known(
        source="openi",
        findings=["Effusion"],
        mesh=["Pleural Effusion/left"],
        report="Small left effusion. No pneumothorax.",
    )
    assert film.present == {("effusion", ""), ("effusion", "left")}
    assert film.absent == {("pneumothorax", "")}


def test_the_other_side_only_where_boxes_are_exhaustive() -> None:
    mine = boxed("Effusion", "right", by="ChestX-Det")
    assert known(boxes=[mine], absent_by="ChestX-Det: …").absent == {("effusion", "left")}
    assert known(boxes=[boxed("Effusion", "right")]).absent == frozenset()


def test_weights_of_yes_and_no_agree_within_a_group() -> None:
    counts = {("mass", "nih", True): 30, ("mass", "nih", False): 90, ("mass", "rsna", False): 500}
    found = weights(counts, [("mass", "nih")])
    assert found[("mass", "nih", True)] * 30 == pytest.approx(found[("mass", "nih", False)] * 90)
    assert found[("mass", "rsna", False)] * 500 == pytest.approx(0.1 * found[("mass", "nih", False)] * 90)


def corpus() -> list[Film]:
    out = []
    for k in range(20):
        source = ("nih_labelled", "openi")[k % 2]
        finding = ["Effusion"] if k % 4 < 2 else ["No Finding"]
        out.append(known(image=f"{k}.webp", patient_id=f"p{k}", source=source, findings=finding))
    return [*out, *(known(image=f"r{k}.webp", source="rsna_normal", findings=["No Finding"]) for k in range(10))]


def test_pairs_come_from_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.densely.balance.FEWEST", 3)
    films = corpus()
    sampler = Sampler(films, rehearsal=50)
    assert set(sampler.cells) == {("effusion", "nih"), ("effusion", "openi")}
    rng = random.Random(0)
    for _ in range(20):
        pair = [films[p.film] for p in sampler.picks(rng) if p.main == "effusion"]
        assert len({film.group for film in pair[:2]}) == 1
        assert {("effusion", "") in film.present for film in pair[:2]} == {True, False}


def test_boxes_move_with_the_film() -> None:
    canvas = np.zeros((100, 100), np.float32)
    canvas[60:70, 20:40] = 1
    move = Move(1.1, (0.05, -0.03))
    x0, y0, x1, y1 = move.box((0.2, 0.6, 0.4, 0.7))
    rows, columns = (np.flatnonzero((move.film(canvas, 0) > 0.5).any(axis)) for axis in (1, 0))
    assert (columns[0] / 100, (columns[-1] + 1) / 100) == pytest.approx((x0, x1), abs=0.011)
    assert (rows[0] / 100, (rows[-1] + 1) / 100) == pytest.approx((y0, y1), abs=0.011)


def test_a_box_mostly_outside_is_lost() -> None:
    assert inside((-0.1, 0, 0.4, 0.5)) == (0.0, 0, 0.4, 0.5)
    assert inside((-0.4, 0, 0.1, 0.5)) is None


def test_augmented_films_are_never_mirrored() -> None:
    canvas = np.zeros((448, 448), np.uint8)
    canvas[:, :200] = 200
    for seed in range(8):
        film, _ = augmented(canvas, 320, np.random.default_rng(seed))
        assert film.shape == (320, 320)
        assert film[100:220, 60:120].mean() > film[100:220, 200:260].mean()


def test_render_centres_and_boxes_follow() -> None:
    grey = np.full((50, 100), 10, np.uint8)
    grey[10:20, 60:80] = 200
    canvas = render(grey, 200)
    x0, y0, x1, y1 = placed((0.6, 0.2, 0.8, 0.4), (50, 100))
    rows, columns = (np.flatnonzero((canvas > 128).any(axis)) for axis in (1, 0))
    assert (columns[0] / 200, (columns[-1] + 1) / 200) == pytest.approx((x0, x1), abs=0.01)
    assert (rows[0] / 200, (rows[-1] + 1) / 200) == pytest.approx((y0, y1), abs=0.01)


@pytest.mark.parametrize("concept", ["nodule", "mass"])
def test_drawn_where_its_box_says(concept: str) -> None:
    canvas, box = np.full((200, 200), 60, np.uint8), (0.2, 0.3, 0.35, 0.4)
    made = draw(canvas, box, concept, np.random.default_rng(1))
    rows, columns = np.nonzero(made > canvas + 2)
    assert (columns.min() / 200, columns.max() / 200) == pytest.approx((box[0], box[2]), abs=0.035)
    assert (rows.min() / 200, rows.max() / 200) == pytest.approx((box[1], box[3]), abs=0.035)
    assert made[70, 55] == made.max() > 70


def test_cells_of_a_tiny_box() -> None:
    mask, weight = cells_of((0.51, 0.51, 0.52, 0.52), 4)
    assert mask.sum() == 1
    assert mask[2, 2]
    assert weight.sum() == pytest.approx(1)


def test_the_smaller_of_two_boxes_is_on_top() -> None:
    targets = targets_of([Question("mass", "", ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5)), present=True)], 4)
    assert targets.boxes[0, :, 0, 0].tolist() == [0.0, 0.0, 0.5, 0.5]
    assert targets.boxes[0, :, 3, 3].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert targets.share.sum() == pytest.approx(1)


def test_giou_by_hand() -> None:
    a = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    b = torch.tensor([[0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]])
    torch.testing.assert_close(giou(a, b), torch.tensor([1.0, -1 / 3]), atol=1e-5, rtol=0)


def test_heat_loss_against_a_loop() -> None:
    heat = torch.tensor([[[2.0, -1.0], [0.5, -3.0]]])
    want, share = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    p = heat.sigmoid().flatten()
    cold = sum(float(-torch.log(1 - p[k]) * p[k] ** 1.5) for k in (1, 2, 3)) / 4
    hot = float(-torch.log(p[0]) * (1 - p[0]) ** 1.5)
    dice = 1 - (2 * float(p[0]) + 1) / (float(p.sum()) + 1 + 1)
    targets = replace(targets_of([Question("mass", "")], 2), want=want, share=share)
    assert float(heat_losses(heat, targets)) == pytest.approx(8 * cold + 0.5 * hot + dice, rel=1e-4)


def test_what_is_unknown_teaches_nothing() -> None:
    questions = [
        Question("mass", "", placed=False, present=None),
        Question("mass", "", placed=False, present=True, trust=0),
    ]
    heat = torch.randn(2, 4, 4, requires_grad=True)
    boxes, presence = torch.rand(2, 4, 4, 4, requires_grad=True), torch.randn(2, requires_grad=True)
    losses(Asked(heat, boxes, presence), targets_of(questions, 4)).total.backward()
    assert heat.grad is not None
    assert presence.grad is not None
    assert float(heat.grad.abs().sum() + presence.grad.abs().sum()) == 0


def tiny() -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(DenseConfig(c.CONCEPTS, side=64, pyramid=16, width=16))


def batch() -> Batch:
    films = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0))
    questions = [Question("mass", "left", ((0.2, 0.2, 0.6, 0.6),), present=True), Question("nodule", "", present=False)]
    which, sides = torch.tensor([0, 1]), torch.tensor([1, 0])
    return Batch(films, which, torch.tensor([4, 5]), sides, targets_of(questions, 8), torch.arange(2))


def test_a_run_taken_up_again_is_the_same(tmp_path: Path) -> None:
    whole, broken = tiny(), tiny()
    trained = []
    pool = ThreadPoolExecutor(2)
    for network, pause in ((whole, None), (broken, 2)):
        adam, average = optimiser(network, Plan(1)), Average(network)
        for step in range(4):
            if step == pause:
                save(tmp_path, network, adam, average, Progress(step, 1.5))
                network = tiny()
                adam, average = optimiser(network, Plan(1)), Average(network)
                assert load(tmp_path, network, adam, average) == Progress(2, 1.5)
            one_step(network, adam, batch(), 1.0, pool)
            average.update(network, step + 1)
        trained.append((network.state_dict(), average.values))
    for first, second in zip(*trained, strict=True):
        for name, value in first.items():
            torch.testing.assert_close(value, second[name], msg=name)


def test_nothing_to_take_up(tmp_path: Path) -> None:
    network = tiny()
    with pytest.raises(FileNotFoundError, match="start without --resume"):
        load(tmp_path, network, optimiser(network, Plan(1)), Average(network))


def test_dev_patients_stay_dev() -> None:
    share = np.mean([kept_back(f"patient {k}") for k in range(2000)])
    assert 0.06 < share < 0.10
    assert kept_back("x") == kept_back("x")


def test_parts_hold_the_whole_batch() -> None:
    whole = batch()
    first, second = whole.parts(2)
    assert (first.which.tolist(), second.which.tolist()) == ([0], [0])
    assert torch.equal(torch.cat([first.films, second.films]), whole.films)
    assert torch.equal(second.concepts, whole.concepts[1:])
    assert torch.equal(first.targets.want, whole.targets.want[:1])
    assert torch.equal(second.targets.trust, whole.targets.trust[1:])
