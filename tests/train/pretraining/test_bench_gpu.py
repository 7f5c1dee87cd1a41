"""The benchmark of a GPU's steps runs where there is none, so that it is sound where there is one for two minutes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks import bench_gpu
from train.pretraining.recipe import Recipe


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    bench_gpu.main([*arguments, "--device", "cpu"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()][1:]


def test_a_case_is_measured_and_one_that_fails_tells_why() -> None:
    """In a process of its own, as it is run: it counts what the whole process does."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_gpu", "paper@7", "paper@8,questions=3", "--device", "cpu"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 1, ran.stderr  # one of the two failed
    _, failed, found = (json.loads(line) for line in ran.stdout.splitlines())
    assert failed["case"] == "paper@7"
    assert "bits must be one of" in failed["failed"]
    assert found.get("films") == 4, found
    assert found["waits"] == {}
    assert found["steps"] == bench_gpu.MEASURED
    assert found["ms"] > 0


def test_half_the_films_where_memory_runs_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def attempt(bench: bench_gpu.Bench, recipe: Recipe) -> dict[str, Any]:
        tried.append(recipe.batch)
        if recipe.batch > 1:
            raise MemoryError("as a card would say")
        return {}

    monkeypatch.setattr(bench_gpu.Bench, "attempt", attempt)
    (found,) = lines(capsys, "base@16")
    assert tried == [4, 2, 1]
    assert found["films"] == 1
    assert found["smaller"] == "4 films do not fit: MemoryError: as a card would say"


def test_no_case_begins_after_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, "base@16", "--seconds", "-1") == [{"case": "base@16", "failed": "-1 seconds are over"}]
