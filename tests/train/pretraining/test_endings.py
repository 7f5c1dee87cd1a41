"""How a run ends and goes on: refused in words, asked to leave, a step left out, a film left out, files whole."""

import json
import os
import shutil
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import train.pretraining.loop
from lofi.network.checkpoint import read_manifest
from tests.train.pretraining.test_loop import curve, on_the_cpu, rows  # noqa: F401 (a fixture)
from train.data.canvases import CanvasCache
from train.data.records import read
from train.data.shards import Shards, write_shards
from train.feeding.batches import Batch, Batches
from train.feeding.generated import generate
from train.pretrain import main
from train.pretraining.folders import best_score, recover, replace_folder
from train.pretraining.loop import Loop
from train.pretraining.state import FREE, check_same, films_key, recipe_key
from train.pretraining.step import Objective
from train.pretraining.stopping import listening
from train.recipes import find_recipe

STEPS = 3


def arguments(folder: Path, *settings: str, more: tuple[str, ...] = ()) -> list[str]:
    found = ["paper", "--smoke", "--out", str(folder), "--cache", str(folder.parent / "cache"), *more]
    return [*found, *(word for setting in (f"steps={STEPS}", *settings) for word in ("--set", setting))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that came to its end, on a device of which it is known what it could do a second."""
    folder = tmp_path_factory.mktemp("endings") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOFI_DEVICE", "cpu")
        patch.setattr("train.pretraining.work.peak_of", lambda _: 1e12)
        assert main(arguments(folder)) == 0
    return folder


@pytest.fixture
def again(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(whole.parent / "cache", tmp_path / "cache")
    return shutil.copytree(whole, tmp_path / "run")


def test_every_step_tells_its_share_of_the_peak_in_the_table_and_in_tensorboard(whole: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = [float(row["mfu"]) for row in rows(whole)]
    assert len(told) == STEPS
    assert all(0 < share < 1 for share in told)
    board = EventAccumulator(str(whole / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("mfu")] == list(range(STEPS))
    assert [event.value for event in board.Scalars("mfu")] == pytest.approx(told, rel=1e-4)


def test_another_run_s_folder_is_refused(again: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in again.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        main(arguments(again))
    assert "holds another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in again.rglob("*") if path.is_file()} == before


def test_other_mathematics_is_refused_before_anything_is_written(
    again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in again.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        main(arguments(again, "seed=3", "rates.text=0.5", more=("--resume",)))
    said = capsys.readouterr().err
    assert "seed was 0, now 3" in said
    assert "rates was" in said
    assert {path: path.read_bytes() for path in again.rglob("*") if path.is_file()} == before


def test_what_does_not_change_the_mathematics_may_change_and_the_best_stays(again: Path) -> None:
    assert best_score(again / "best") is not None
    manifest = read_manifest(again / "best")
    manifest["metrics"]["score"] = 2.0  # as if an earlier evaluation had been better than any can be
    (again / "best" / "manifest.json").write_text(json.dumps(manifest))
    settings = ("workers=2", "head_chunk=7", "checkpointing=false", "minutes_between_checkpoints=3")
    assert main(arguments(again, *settings, more=("--resume",))) == 0
    assert best_score(again / "best") == 2.0
    assert best_score(again / "checkpoint") != 2.0
    assert json.loads((again / "recipe.json").read_text())["workers"] == 2


def test_every_setting_is_either_free_or_told() -> None:
    recipe = find_recipe("paper")
    before = json.loads(recipe_key(recipe, "a"))
    assert set(FREE) < set(asdict(recipe))
    check_same(before, json.loads(recipe_key(replace(recipe, workers=3, chunk=9, name="x"), "a")))
    with pytest.raises(ValueError, match=r"accumulate was 1, now 2"):
        check_same(before, json.loads(recipe_key(replace(recipe, accumulate=2), "a")))
    with pytest.raises(ValueError, match="training films were others"):
        check_same(before, json.loads(recipe_key(recipe, "b")))


def test_films_are_the_same_wherever_they_lie(tmp_path: Path) -> None:
    first = list(read(generate(tmp_path / "a", 4)))
    assert films_key(first) == films_key(list(read(generate(tmp_path / "b", 4))))
    assert films_key(first) != films_key(first[::-1])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_who_is_asked_to_leave_saves_first(
    name: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step, number = Loop.step, signal.Signals[name]

    def asked(self: Loop, count: int, *given: object) -> object:
        if count == 1:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)  # Slurm reaches every process, and torchrun passes its own on
        return step(self, count, *given)  # type: ignore[arg-type]

    folder, handler = tmp_path / "run", signal.getsignal(number)
    monkeypatch.setattr(train.pretraining.loop.Loop, "step", asked)
    assert main(arguments(folder)) == 128 + number
    assert f"Asked to leave ({name}) after 2 steps" in capsys.readouterr().err
    assert signal.getsignal(number) == handler
    assert not (folder / "checkpoint").exists()
    monkeypatch.setattr(train.pretraining.loop.Loop, "step", step)
    assert main(arguments(folder, more=("--resume",))) == 0
    assert curve(folder) == curve(whole)


def test_the_same_signal_again_later_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    with listening() as asked:
        asked.note(signal.SIGUSR1, None)
        asked.note(signal.SIGTERM, None)
        assert (asked.signal, raised) == (signal.SIGTERM, [])
        monkeypatch.setattr("train.pretraining.stopping.ECHO", -1.0)
        asked.note(signal.SIGTERM, None)
        assert raised == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_step_that_is_not_finite_is_left_out_by_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, calls = Objective.forward, []

    def poisoned(self: Objective, *given: Any) -> dict[str, torch.Tensor]:
        calls.append(1)
        losses = forward(self, *given)
        return losses if len(calls) != 2 else {name: value * float("nan") for name, value in losses.items()}

    monkeypatch.setattr(Objective, "forward", poisoned)
    folder = tmp_path / "run"
    assert main(arguments(folder, "skips=1")) == 0
    assert [float(row["skipped"]) for row in rows(folder)] == [0, 1, 0]
    with safe_open(folder / "state.safetensors", "pt") as state:
        names = list(state.keys())
        assert {float(state.get_tensor(name)) for name in names if name.startswith("adam.step.")} == {2}
        assert all(state.get_tensor(name).isfinite().all() for name in names)


def test_a_film_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    records = generate(tmp_path / "films", 12)
    (records.parent / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert main(arguments(tmp_path / "run", more=("--records", str(records)))) == 0
    data = read_manifest(tmp_path / "run" / "checkpoint")["data"]
    assert (data["films"], data["unreadable"]) == (8, 1)


def test_a_film_that_the_disk_did_not_give_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = list(read(generate(tmp_path / "films", 4)))
    records[1].path.write_bytes(b"no picture")
    settings, whole, asked = find_recipe("paper", smoke=True).model.preprocessing, Path.read_bytes, []

    def away(path: Path) -> bytes:
        asked.append(path)
        if path == records[2].path:
            raise OSError("Stale file handle")
        return whole(path)

    def opened(again: bool) -> CanvasCache:
        return CanvasCache.readable(records, settings, tmp_path / "cache", again)[1]

    monkeypatch.setattr(Path, "read_bytes", away)
    assert len(opened(True).frames) == 2
    monkeypatch.undo()
    assert len(opened(False).frames) == 2, "a run that goes on has the films that it began with"
    found = opened(True)
    assert len(found.frames) == 3
    expected = CanvasCache.open([records[2]], settings, tmp_path / "other")
    assert (found.pixels[1] == expected.pixels[0]).all()
    assert len(asked) == 4


def test_the_state_is_saved_before_a_long_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(self: Loop, done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "evaluate", dies)
    with pytest.raises(KeyboardInterrupt):
        main(arguments(tmp_path / "run", "minutes_between_evaluations=0"))
    with safe_open(tmp_path / "run" / "state.safetensors", "pt") as state:
        assert state.metadata()["step"] == "1"


def test_a_worker_that_the_machine_ends_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build, here = Batches.build, os.getpid()

    def killed(self: Batches, number: int) -> Batch:
        if os.getpid() != here and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return build(self, number)

    monkeypatch.setattr(Batches, "build", killed)
    assert main(arguments(tmp_path / "run", "workers=1")) == 1
    assert "A process that builds batches was ended" in capsys.readouterr().err


def test_the_best_of_other_validation_films_is_put_aside(again: Path) -> None:
    before = json.loads((again / "best" / "manifest.json").read_text())
    assert main(arguments(again, "evaluated_films=2", more=("--resume",))) == 0
    assert json.loads((again / "best-1" / "manifest.json").read_text()) == before
    after = json.loads((again / "best" / "manifest.json").read_text())["metrics"]
    assert after["validation_films"] != before["metrics"]["validation_films"]


def test_most_films_unreadable_is_refused(tmp_path: Path) -> None:
    records = list(read(generate(tmp_path / "films", 4)))
    for record in records[:3]:
        record.path.unlink()
    with pytest.raises(ValueError, match="only 1 of 4 films can be read"):
        CanvasCache.readable(records, find_recipe("paper", smoke=True).model.preprocessing, tmp_path / "cache")


def test_shards_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    records = generate(tmp_path / "films", 8)
    (records.parent / "1.png").write_bytes(b"")
    settings = find_recipe("paper", smoke=True).model.preprocessing
    assert write_shards(records, tmp_path / "shards", settings, films=3, quiet=True) == 5
    found = Shards(tmp_path / "shards", settings)
    cache = CanvasCache.readable([r for r in read(records) if r.split == "train"], settings, tmp_path / "cache")[1]
    assert len(found.records) == len(cache.frames) == 5
    assert all((found[number] == cache.pixels[number]).all() for number in range(5))


@pytest.mark.parametrize("killed_at", ["write", "first rename", "second rename", "never"])
def test_a_checkpoint_is_the_old_one_or_the_new_one(
    killed_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "checkpoint"
    target.mkdir()
    (target / "weights").write_text("old")
    rename, count = Path.rename, [0]

    def write(folder: Path) -> None:
        folder.mkdir()
        (folder / "weights").write_text("new")
        if killed_at == "write":
            raise KeyboardInterrupt

    def broken(self: Path, to: Path) -> Path:
        count[0] += 1
        if killed_at == ("first rename", "second rename")[count[0] - 1]:
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", broken)
    if killed_at == "never":
        replace_folder(target, write)
    else:
        with pytest.raises(KeyboardInterrupt):
            replace_folder(target, write)
    monkeypatch.setattr(Path, "rename", rename)
    recover(target)
    assert (target / "weights").read_text() == ("new" if killed_at == "never" else "old")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
