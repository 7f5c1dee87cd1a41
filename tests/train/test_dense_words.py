"""What the film's vector is taught by, boxes found for labels without any, and the step of an accelerator."""

import pickle
import random
from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from lofi.network.dense import DenseConfig, DenseNet
from lofi.network.eyes import DenseEyes
from lofi.network.whole import Whole
from train.bundled import stages
from train.dense import setting
from train.densely import concepts as c
from train.densely.answers import Film, Region
from train.densely.batches import Batch, batch_of, targets_of
from train.densely.canvases import placed
from train.densely.feeding import Steps, fed
from train.densely.found import FEWEST_BOXES, askable, found_on, questions
from train.densely.questions import MACHINE_MADE, Question, placed_findings
from train.densely.run import Plan, optimiser
from train.densely.sampling import Sampler
from train.densely.stepping import Told, whole_step
from train.densely.words import Bank, Words, word_loss

WIDTH, FILMS = 8, 6


def unit(rows: int, seed: int) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(seed)), dim=1)


def words(labels: list[list[float]] | None = None) -> Words:
    told = torch.tensor(labels or [[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3)
    return Words(
        reports=unit(3, 0),
        report_of=torch.tensor([0, 0, 1, 2, -1, -1]),
        sentences=unit(4, 1),
        spoken=torch.tensor([[0, 1], [0, 1], [2, -1], [3, -1], [-1, -1], [-1, -1]]),
        rare=torch.ones(4),
        said=unit(4, 2).reshape(2, 2, WIDTH),
        unsaid=unit(4, 3).reshape(2, 2, WIDTH),
        labels=told,
        complete=torch.tensor([True] * FILMS),
        taught=torch.tensor([[2.0, -2.0]] * 2 + [[-2.0, 2.0]] * 2 + [[float("nan")] * 2] * 2),
    )


def bank() -> Bank:
    kept = Bank(FILMS, WIDTH, torch.device("cpu"))
    kept.keep(torch.arange(FILMS), unit(FILMS, 4))
    return kept


def loss(vectors: torch.Tensor, rows: list[int], told: Words | None = None, kept: Bank | None = None) -> float:
    return float(word_loss(Whole(4, WIDTH), vectors, torch.tensor(rows), told or words(), kept or bank()).detach())


def test_a_film_is_told_its_own_report() -> None:
    silent = replace(words(), spoken=torch.full((FILMS, 2), -1), labels=torch.full((FILMS, 2), float("nan")))
    silent = replace(silent, complete=torch.zeros(FILMS, dtype=torch.bool), taught=torch.full((FILMS, 2), float("nan")))
    right, wrong = silent.reports[[0, 1]], silent.reports[[1, 0]]
    assert loss(right, [0, 2], silent) < loss(wrong, [0, 2], silent)
    assert loss(right, [4, 5], silent) == 0  # nobody wrote a report of these


def test_two_films_of_one_report_are_no_rivals() -> None:
    silent = replace(words(), spoken=torch.full((FILMS, 2), -1), labels=torch.full((FILMS, 2), float("nan")))
    silent = replace(silent, complete=torch.zeros(FILMS, dtype=torch.bool), taught=torch.full((FILMS, 2), float("nan")))
    both = silent.reports[[0, 0]]
    alone = loss(both[:1], [0], silent)
    assert loss(both, [0, 1], silent) == pytest.approx(alone + 0.5 * 0.15 * np.log(2), abs=1e-5)


def test_like_labels_attract_and_a_film_is_not_its_own_neighbour() -> None:
    told, kept = words(), bank()
    kept.vectors[:] = unit(1, 7)
    kept.vectors[3:] = -unit(1, 7)
    near, far = unit(1, 7), -unit(1, 7)
    assert loss(near, [1], told, kept) < loss(far, [1], told, kept)
    mine = bank()
    before = loss(unit(1, 9), [4], told, mine)
    mine.vectors[4] = unit(1, 9)[0]
    assert loss(unit(1, 9), [4], told, mine) == pytest.approx(before, abs=1e-6)


def test_what_is_unknown_teaches_the_vector_nothing() -> None:
    nothing = words([[float("nan")] * 2] * FILMS)
    nothing = replace(nothing, complete=torch.zeros(FILMS, dtype=torch.bool))
    vectors = unit(2, 5).requires_grad_(True)
    whole = Whole(4, WIDTH)
    word_loss(whole, vectors, torch.tensor([4, 5]), nothing, bank()).backward()
    assert vectors.grad is None or float(vectors.grad.abs().sum()) == 0


def tiny(embed: int = WIDTH) -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(DenseConfig(c.CONCEPTS, side=64, pyramid=16, width=16, embed=embed))


def film(**more: object) -> Film:
    empty = frozenset[str]()
    plain = Film("a", "p", "nih", (100, 80), {}, frozenset(), frozenset(), empty, empty, False)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_a_whole_step_moves_heads_tower_and_vector() -> None:
    network = tiny()
    adam = optimiser(network, Plan(1))
    asked = [Question("mass", "left", ((0.2, 0.2, 0.6, 0.6),), present=True), Question("nodule", "", present=False)]
    films = (torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    batch = Batch(
        films,
        torch.tensor([0, 1]),
        torch.tensor([4, 5]),
        torch.tensor([1, 0]),
        targets_of(asked, 8),
        torch.tensor([0, -1]),
    )
    kept = Bank(FILMS, WIDTH, torch.device("cpu"))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = whole_step(network, adam, batch, 1.0, Told(words(), kept))
    assert found.words is not None
    for name in ("e.conv_stem.weight", "e.bn1.running_mean", "out.weight", "vector.out.weight", "vector.words.weight"):
        assert not torch.equal(before[name], network.state_dict()[name]), name
    assert kept.filled.tolist() == [True] + [False] * 5  # what was drawn into is kept nowhere


def corpus() -> list[Film]:
    nodule = {"nodule": (Region((0.2, 0.2, 0.4, 0.4), "right"),)}
    there = film(regions=nodule, present=frozenset({("nodule", ""), ("nodule", "right")}))
    return [there, film(absent=frozenset({("nodule", "")}))] * 10


@pytest.mark.parametrize("workers", [0, 2])
def test_processes_make_the_same_batches(workers: int, tmp_path: Path) -> None:
    np.save(tmp_path / "films.npy", np.random.default_rng(0).integers(0, 255, (20, 64, 64), dtype=np.uint8))
    canvases = np.load(tmp_path / "films.npy", mmap_mode="r")
    sampler = Sampler(corpus(), rehearsal=2, rounds=2, told=[1, 3])
    batches = fed(Steps(sampler, canvases, 64, seed=3, first=5, count=2), workers)
    for step, made in zip((5, 6), batches, strict=True):
        same = batch_of(sampler, canvases, 64, step, 3, None)
        assert len(made.films) == 2 * (12 + 2)
        torch.testing.assert_close(made.films.float() / 255, same.films, atol=1 / 255, rtol=0)
        assert torch.equal(made.targets.want, same.targets.want)
        assert torch.equal(made.rows, same.rows)


def test_films_in_a_file_are_not_handed_to_each_process(tmp_path: Path) -> None:
    np.save(tmp_path / "films.npy", np.zeros((20, 64, 64), np.uint8))
    steps = Steps(Sampler(corpus(), rehearsal=2), np.load(tmp_path / "films.npy", mmap_mode="r"), 64, 0, 0, 1)
    handed = pickle.dumps(steps)
    assert len(handed) < 20 * 64 * 64
    again = pickle.loads(handed)
    assert isinstance(again.canvases, np.memmap)
    assert again.canvases.shape == (20, 64, 64)


def test_only_what_is_labelled_and_unboxed_is_looked_for() -> None:
    known = frozenset({"nodule", "mass", "effusion"})
    some = film(
        regions={"nodule": (Region((0.2, 0.2, 0.4, 0.4)),)},
        present=frozenset({("nodule", ""), ("mass", ""), ("effusion", ""), ("effusion", "left"), ("hernia", "")}),
    )
    assert questions(some, known) == [("effusion", "left"), ("mass", "")]
    assert askable(corpus()) == frozenset()
    assert askable(corpus() * FEWEST_BOXES) == {"nodule"}


def test_found_boxes_lie_on_the_film_and_count_half() -> None:
    network = tiny(0)
    with torch.no_grad():  # a network that is sure of everything
        network.out.bias[0] = 9.0
        network.there[-1].bias[0] = 9.0
    some = film(present=frozenset({("mass", "")}))
    found = found_on(DenseEyes(network), some, np.zeros((64, 64), np.uint8), frozenset({"mass"}))
    assert found.regions["mass"]
    for region in found.regions["mass"]:
        assert region.made
        on_canvas = placed(region.box, some.size_hw)
        assert min(on_canvas) >= -1e-6
        assert max(on_canvas) <= 1 + 1e-6
    asked = placed_findings(found)
    assert {q.weight for q in asked} == {MACHINE_MADE}
    with torch.no_grad():
        network.out.bias[0] = -9.0
    assert found_on(DenseEyes(network), some, np.zeros((64, 64), np.uint8), frozenset({"mass"})).regions == {}


def test_found_films_are_shown_beside_the_boxed_ones() -> None:
    made = film(regions={"nodule": (Region((0.2, 0.2, 0.4, 0.4), made=True),)}, present=frozenset({("nodule", "")}))
    sampler = Sampler([*corpus(), made], rehearsal=2)
    assert len(sampler.boxed["nodule"]) == 10
    assert sampler.found["nodule"] == [20]
    rng = random.Random(0)
    picked = [pick.film for _ in range(60) for pick in sampler.picks(rng) if pick.main == "nodule"]
    assert 0.1 < np.mean([place == 20 for place in picked]) < 0.5


def test_the_plan_of_the_command_line() -> None:
    assert setting("warm=100") == ("warm", 100)
    assert setting("decay=0.997") == ("decay", 0.997)
    for wrong in ("warm=soon", "speed=3", "warm"):
        with pytest.raises(ArgumentTypeError, match=r"number"):
            setting(wrong)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_bundled_run_uses_a_gpu_where_there_is_one(device: str, shared: Path, tmp_path: Path) -> None:
    every = stages(shared / "cxr" / "records.jsonl", tmp_path, tmp_path, shared, smoke=False, device=device)
    dense = {stage.name: stage.arguments for stage in every if stage.module == "train.dense"}
    assert ("--device" in dense["dense"]) == (device == "cuda")
    if device == "cuda":
        assert dense["dense"][dense["dense"].index("--found") + 1] == str(tmp_path / "dense-first")
        assert "--found" not in dense["dense-first"]
        partner = dense["dense-partner"]  # of the smaller tower, on the processor, from the smaller network's weights
        assert partner[partner.index("--start") + 1] == str(tmp_path / "dense-small")
        assert not {"--device", "--words", "--tower"} & set(partner)
