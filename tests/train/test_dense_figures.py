"""Figures of the dense network, and what is kept of a run: counted by hand, read again."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from lofi.errors import CheckpointError
from lofi.network.dense import DenseConfig, DenseNet
from lofi.network.eyes import PARTNER, DenseEyes, load_dense
from train import dense
from train.dense_release import pair, release
from train.densely import concepts as c
from train.densely.asking import Answered
from train.densely.cuts import best_cut
from train.densely.figures import against, area, f1, judged, kept
from train.densely.run import Plan, optimiser
from train.densely.state import Average, Progress, begin, save


def answered(image: str, positive: list[str], presence: float, boxed: bool = False) -> Answered:
    places = [("effusion", "", [[0.0, 0.0, 0.5, 0.5, 0.9], [0.5, 0.5, 1.0, 1.0, 0.6]], [[0.0, 0.0, 0.5, 0.5]])]
    scores = dict.fromkeys(c.FINDINGS, presence)
    own = ["effusion"] if boxed else []
    return Answered(image, image, "nih", positive, own, [], scores, places if boxed else [])


def test_what_is_judged_of_presence() -> None:
    films = [answered("a", ["effusion"], 0.9, True), answered("b", [], 0.1), answered("c", ["pneumonia"], 0.2)]
    items = judged(films, {})
    assert sum(i.there for i in items) == 1
    assert {i.concept for i in items if i.image == "b"} == set(c.NIH[:8])
    # beside pneumonia nobody asks for what is taken for it
    assert {i.concept for i in items if i.image == "c"} == set(c.NIH[:8]) - c.near("pneumonia")
    assert area(against(items, beside=False)).value == 1.0


def test_boxes_kept_by_share_of_the_best() -> None:
    scored = [[0.0, 0.0, 0.5, 0.5, 0.9], [0.5, 0.5, 1.0, 1.0, 0.6]]
    assert len(kept(scored, 0.6)) == 2
    assert len(kept(scored, 0.7)) == 1
    assert len(kept([[0.0, 0.0, 1.0, 1.0, 0.0]], 2.0)) == 1


def test_f1_counts_boxes_on_absent_phrases() -> None:
    films = [answered("a", ["effusion"], 0.9, True), answered("b", [], 0.9)]
    # one hit, one false box: precision 1/2, recall 1
    assert f1(films, dict.fromkeys(c.FINDINGS, 0.0), 2.0).value == pytest.approx(2 / 3)
    assert f1(films, dict.fromkeys(c.FINDINGS, 9.0), 2.0).value == 0.0


def test_the_cut_of_the_largest_sum() -> None:
    assert 0.2 < best_cut([0.3, 0.8], [-1.0, 0.1, 0.2]) < 0.3


def test_what_is_released_can_be_read_again(tmp_path: Path) -> None:
    network = a_run(tmp_path / "run", 0)
    manifest = json.loads(release(tmp_path / "run", tmp_path / "final").read_text())
    assert manifest["steps"] == 7
    assert manifest["concepts"]["mass"] == {"boxes": 3, "cut": 0.4}
    film, question = torch.rand(64, 64), [("mass", "left")]
    read_again, before = load_dense(tmp_path / "final"), DenseEyes(network)
    found, expected = (eyes.ask(eyes.look(film), question)[0] for eyes in (read_again, before))
    assert found.presence == pytest.approx(expected.presence, abs=0.01)
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load_dense(tmp_path)


def a_run(folder: Path, seed: int, **settings: object) -> DenseNet:
    """A dense run of a few numbers, as it lies on disk."""
    torch.manual_seed(seed)
    network = DenseNet(DenseConfig(c.CONCEPTS, **{"side": 64, "pyramid": 16, "width": 16} | settings))  # type: ignore[arg-type]
    adam, average = optimiser(network, Plan(1)), Average(network)
    folder.mkdir()
    save(folder, network, adam, average, Progress(7, 1.0))
    described = {"plan": asdict(Plan(1)), "config": asdict(network.config), "concepts": {"mass": {"boxes": 3}}}
    (folder / "run.json").write_text(json.dumps(described))
    (folder / "cuts-own.json").write_text(json.dumps({"presence": {"mass": 0.4}, "share": 0.9}))
    return network


def test_a_partner_has_its_share_in_every_answer(tmp_path: Path) -> None:
    networks = [a_run(tmp_path / "one", 1), a_run(tmp_path / "two", 2, width=8)]
    out = tmp_path / "final"
    release(tmp_path / "one", out)
    pair(tmp_path / "two", out, 0.25)
    film, question = torch.rand(64, 64), [("mass", "left")]
    eyes = load_dense(out)
    assert eyes.paired
    both = eyes.ask(eyes.look(film), question)[0]
    one, two = (alone.ask(alone.look(film), question)[0] for alone in map(DenseEyes, networks))
    torch.testing.assert_close(both.heat, 0.75 * one.heat + 0.25 * two.heat, atol=0.05, rtol=0)
    logits = [math.log(p / (1 - p)) for p in (both.presence, one.presence, two.presence)]
    assert logits[0] == pytest.approx(0.75 * logits[1] + 0.25 * logits[2], abs=0.02)
    (out / PARTNER).write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load_dense(out)


def test_a_partner_that_looks_at_other_canvases_is_refused(tmp_path: Path) -> None:
    a_run(tmp_path / "one", 1)
    a_run(tmp_path / "two", 2, side=96)
    release(tmp_path / "one", tmp_path / "final")
    pair(tmp_path / "two", tmp_path / "final", 0.25)
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load_dense(tmp_path / "final")


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    before = a_run(tmp_path / "one", 1)
    network = DenseNet(before.config)
    begin(network, tmp_path / "one")
    for name, value in before.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])
    with pytest.raises(ValueError, match="of another network"):
        begin(DenseNet(DenseConfig(c.CONCEPTS, side=64, pyramid=16, width=16, embed=8)), tmp_path / "one")


def test_a_start_that_is_none_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus: list[object] = []
    monkeypatch.setattr(dense, "films", lambda *_: corpus)
    monkeypatch.setattr(dense, "canvases", lambda *_: np.zeros((0, 64, 64), np.uint8))
    command = ["train.dense", "--shared", str(tmp_path), "--out", str(tmp_path / "run"), "--start", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    threads = torch.get_num_threads()
    with pytest.raises(SystemExit):
        dense.main()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    assert "--start: " in capsys.readouterr().err
