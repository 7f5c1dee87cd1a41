"""A run that is killed goes on as if nothing had happened; a run that cannot go on says why and keeps its state."""

import csv
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import train.pretraining.loop
from tests.launched import begun, ended
from train.pretrain import main
from train.pretraining.loop import out_of_memory
from train.pretraining.metrics import Metrics
from train.pretraining.step import Objective

STEPS = 8
SETTINGS = ["--set", f"steps={STEPS}", "--set", "minutes_between_checkpoints=0", "--set", "accumulate=2"]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def arguments(folder: Path, run: str, *more: str) -> list[str]:
    return ["paper", "--smoke", "--out", str(folder / run), "--cache", str(folder / run / "cache"), *SETTINGS, *more]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curve(folder: Path) -> list[tuple[str, ...]]:
    """What must be equal to the last digit."""
    names = ("step", "total", "sigmoid", "caption", "grounding", "describing", "norm", "rate", "left_out", "cut")
    return [tuple(row[name] for name in names) for row in rows(folder)]


def ran(folder: Path, run: str, *more: str) -> None:
    """A run in a process of its own that ended well."""
    told = ended("train.pretrain", arguments(folder, run, *more), folder / f"said-{run}")
    assert told.statuses == [0], told.err


def test_killed_in_mid_step_and_resumed(tmp_path: Path) -> None:
    ran(tmp_path, "whole")
    killed = tmp_path / "killed"
    (process,) = begun("train.pretrain", arguments(tmp_path, "killed"), tmp_path / "said")
    until = time.monotonic() + 300
    while not ((killed / "metrics.csv").is_file() and len(rows(killed)) >= 3):
        assert process.is_alive()
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.join(60)
    assert len(rows(killed)) < STEPS, "it was over before it could be killed"
    ran(tmp_path, "killed", "--resume")
    assert curve(killed) == curve(tmp_path / "whole")


def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forward, calls = Objective.forward, []

    def poisoned(self: Objective, *given: Any, **named: Any) -> Any:
        losses = forward(self, *given, **named)
        if "rows" in named:  # the embeddings of a part, no losses yet
            return losses
        calls.append(1)
        return losses if len(calls) < 6 else {name: value * float("nan") for name, value in losses.items()}

    monkeypatch.setattr(Objective, "forward", poisoned)
    assert main(arguments(tmp_path, "run", "--set", "skips=0")) == 1
    said = capsys.readouterr().err
    assert "not finite at step 2" in said
    assert "--resume" in said
    assert [row["step"] for row in rows(tmp_path / "run")] == ["0", "1"]
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / "state.safetensors", "pt") as state:
        assert state.metadata()["step"] == "2"
        assert all(state.get_tensor(name).isfinite().all() for name in state.keys())  # noqa: SIM118


def test_out_of_memory_stops_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(train.pretraining.loop.Loop, "step", full)
    assert main(arguments(tmp_path, "run")) == 1
    said = capsys.readouterr().err
    assert "Out of memory. No state had been written yet. " in said
    assert "--set accumulate=4" in said, "twice the parts that it had"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
    ],
    ids=["python", "torch on a CPU", "something else"],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_resuming_takes_out_the_rows_that_are_done_again(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,total\n0,1.5\n1,1.25\n2,1.0\n3,0")  # killed while row 3 was written
    metrics = Metrics(tmp_path, 2)
    metrics.write(2, {"total": 0.5})
    metrics.close()
    assert [(row["step"], row["total"]) for row in rows(tmp_path)] == [("0", "1.5"), ("1", "1.25"), ("2", "0.5")]
