"""The benchmark of a GPU's steps runs where there is none, so that it is sound where there is one for two minutes."""

import json
from typing import Any

import pytest

from tests.benchmarks import bench_gpu
from train.pretraining.recipe import Recipe


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    bench_gpu.main([*arguments, "--device", "cpu"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()][1:]


def test_a_case_is_measured_and_one_that_fails_tells_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_gpu, "MEASURED", 2)
    failed, found = lines(capsys, "paper@7", "paper@8,questions=3")
    assert failed["case"] == "paper@7"
    assert "bits must be one of" in failed["failed"]
    assert found["films"] == 4
    assert found["waits"] == {}
    assert found["steps"] == 2
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
