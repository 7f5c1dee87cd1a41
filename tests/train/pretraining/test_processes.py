"""Two processes (gloo): the curve of one, with whole or shared-out weights; killed, they go on, under torchrun too."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

import train.data.canvases as canvases
from lofi.network.config import Preprocessing
from tests.benchmarks.bench_step import loop_of
from tests.launched import FORKING, begun, ended
from train.data.canvases import CanvasCache
from train.data.records import FilmRecord, read
from train.feeding.generated import generate
from train.pretraining.distributed import Turns, own_device
from train.pretraining.pending import Wishes
from train.pretraining.processes import one_graph
from train.pretraining.run import prepare
from train.pretraining.stopping import unanswered
from train.recipes import find_recipe

pytestmark = pytest.mark.minutes

REPOSITORY = Path(__file__).resolve().parents[3]
STEPS = 4
LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "LOFI_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
CURVE = ("step", "total", "sigmoid", "caption", "grounding", "describing", "norm", "rate")


def arguments(folder: Path, recipe: str, *more: str) -> list[str]:
    settings = [f"steps={STEPS}", "minutes_between_checkpoints=0", "accumulate=2", "ema=0.9"]
    settings += ["bits=8"] if recipe == "paper" else []
    given = [recipe, "--smoke", "--out", str(folder), "--cache", str(folder / "cache"), *more]
    return [*given, *(word for setting in settings for word in ("--set", setting))]


def trained(folder: Path, recipe: str, processes: int, *more: str) -> Path:
    """The folder of a run that has ended well."""
    said = folder.with_name(f"{folder.name}-said")
    told = ended("train.pretrain", arguments(folder, recipe, *more), said, processes)
    assert told.statuses == [0] * processes, told.err[-12000:]
    return folder


def curve(folder: Path) -> list[list[float]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [[float(row[name]) for name in CURVE] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of whole runs, each made when first asked for: RECIPE in one process, RECIPE-ddp and -shard in two.

    In "paper" the language model has 8 bits and adapters; in "base" every kind of weight trains.
    """
    place = tmp_path_factory.mktemp("runs")

    @cache
    def run(name: str) -> Path:
        recipe, _, kind = name.partition("-")
        return trained(place / name, recipe, 2 if kind else 1, *(["--shard"] if kind == "shard" else []))

    return run


@pytest.mark.parametrize("two", ["paper-ddp", "paper-shard", "base-shard"])
def test_two_processes_draw_the_curve_of_one(runs: Callable[[str], Path], two: str) -> None:
    # The norm is that of all gradients before clipping: a gradient averaged wrongly anywhere shows in it.
    one, both = runs(two.split("-")[0]), runs(two)
    assert len(curve(both)) == STEPS
    np.testing.assert_allclose(curve(both), curve(one), rtol=2e-4)
    for name in ("state.safetensors", "checkpoint/model.safetensors"):
        expected, found = load_file(one / name), load_file(both / name)
        assert set(found) == set(expected)
        for key, value in found.items():
            # Adam makes full steps of gradients that are 0 but for rounding, such as those of key biases.
            if "in_proj_bias" not in key and "qkv" not in key:
                torch.testing.assert_close(value, expected[key], rtol=2e-2, atol=2e-4, msg=key)


def steps_done(folder: Path, alive: Callable[[], bool]) -> None:
    """Wait until two steps are written."""
    until = time.monotonic() + 300
    while not ((folder / "metrics.csv").is_file() and len(curve(folder)) >= 2):
        assert alive()
        assert time.monotonic() < until
        time.sleep(0.005)


def test_killed_under_torchrun_and_resumed(runs: Callable[[str], Path], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    command = [*LAUNCHER, "-m", "train.pretrain", *arguments(killed, "paper")]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT, **silent) as launcher:
        steps_done(killed, lambda: launcher.poll() is None)
        psutil.Process(launcher.pid).children()[-1].send_signal(signal.SIGKILL)
        assert launcher.wait(120) != 0, "one process died, and the launcher did not notice"
    assert len(curve(killed)) < STEPS, "it was over before it could be killed"
    assert curve(trained(killed, "paper", 2, "--resume")) == curve(runs("paper-ddp"))


def test_shared_out_killed_and_resumed_by_as_many_or_by_one(runs: Callable[[str], Path], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    two = begun("train.pretrain", arguments(killed, "base", "--shard"), tmp_path / "said", 2)
    steps_done(killed, lambda: all(process.is_alive() for process in two))
    two[-1].kill()
    two[0].join(120)
    assert two[0].exitcode != 0, "one process died, and the other did not notice"
    assert len(curve(killed)) < STEPS, "it was over before it could be killed"
    alone = shutil.copytree(killed, tmp_path / "alone")
    assert curve(trained(killed, "base", 2, "--shard", "--resume")) == curve(runs("base-shard"))
    np.testing.assert_allclose(curve(trained(alone, "base", 1, "--resume")), curve(runs("base-shard")), rtol=2e-4)


@pytest.mark.parametrize(
    ("processes", "more", "said"),
    [
        (1, ["--shard"], "nobody to share weights with"),
        (2, ["--set", "own_streams=false"], "own_streams=true"),
        (2, ["--set", "batch=6"], "does not divide among 2 × 2 parts"),
    ],
    ids=["shared by one", "one stream", "uneven"],
)
def test_what_cannot_be_is_refused_in_words(processes: int, more: list[str], said: str, tmp_path: Path) -> None:
    told = ended("train.pretrain", arguments(tmp_path / "run", "paper", *more), tmp_path / "said", processes)
    assert 0 not in told.statuses
    assert said in told.err


def opened(folder: str, films: list[FilmRecord], start: Barrier, reads: list[int], dies: bool) -> None:
    """A process that opens the cache at the same moment as another, and tells how many films it decoded."""
    whole = canvases.Radiograph.read
    count = 0

    def counted(path: Path):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if dies and count > 3:
            os._exit(9)
        time.sleep(0.01)
        return whole(path)

    canvases.Radiograph.read = counted  # type: ignore[method-assign, assignment]
    start.wait()
    cache = CanvasCache.open(films, Preprocessing(side=32), Path(folder))
    assert cache.pixels.any(axis=(1, 2)).all(), "a film was read before it was written"
    reads.append(count)


@pytest.mark.parametrize("dies", [False, True], ids=["both live", "the first is killed at it"])
def test_a_cold_cache_is_made_once(tmp_path: Path, dies: bool) -> None:
    films = list(read(generate(tmp_path / "films", 16)))
    with FORKING.Manager() as manager:
        reads, start = manager.list(), FORKING.Barrier(2 - dies)
        arguments = (str(tmp_path / "cache"), films, start, reads)
        two = [FORKING.Process(target=opened, args=(*arguments, dies and number == 0)) for number in range(2)]
        for process in two:
            process.start()
            if dies:
                process.join(60)
        for process in two:
            process.join(60)
        assert [process.exitcode for process in two] == [9 if dies else 0, 0]
        assert sorted(reads) == ([16] if dies else [0, 16])


def test_one_process_waits_for_nobody() -> None:
    turns = Turns()
    turns.wait()
    assert turns.gather(3) == [3]


def stepping(number: int, folder: str) -> None:
    """One of two processes that know their graph."""
    os.environ.update(
        RANK=str(number), WORLD_SIZE="2", LOCAL_RANK=str(number), MASTER_ADDR="localhost", MASTER_PORT="0"
    )
    found = steps(Path(folder) / str(number), meeting=f"file://{folder}/meeting")
    Path(folder, f"{number}.json").write_text(json.dumps(found))
    os._exit(0)


def steps(folder: Path, meeting: str = "") -> list[list[float]]:
    """Losses and norms of three steps of "base", in which every kind of weight trains; of two processes where they
    have a ``meeting``.
    """
    recipe = find_recipe("base", smoke=True)
    run = prepare(recipe, [generate(folder / "films", 12)], folder, folder / "cache")
    if meeting:
        dist.init_process_group("gloo", init_method=meeting, rank=int(os.environ["RANK"]), world_size=2)
    loop, rows = loop_of(run), []
    if meeting:
        assert loop.model.static_graph
        assert not loop.model.find_unused_parameters
    for step in range(3):
        figures, _ = loop.settle(loop.step(step, [run.batches.build(step)], Wishes()))
        rows.append([figures[name] for name in ("total", "sigmoid", "caption", "grounding", "describing", "norm")])
    return rows


def test_two_processes_that_know_their_graph_take_the_steps_of_one(tmp_path: Path) -> None:
    two = [FORKING.Process(target=stepping, args=(number, str(tmp_path))) for number in range(2)]
    for process in two:
        process.start()
    expected = steps(tmp_path / "one")
    for process in two:
        process.join(120)
    assert [process.exitcode for process in two] == [0, 0]
    for number in range(2):
        np.testing.assert_allclose(json.loads((tmp_path / f"{number}.json").read_text()), expected, rtol=2e-4)


@pytest.mark.parametrize(
    ("changes", "one"),
    [({}, True), ({"accumulate": 2}, False), ({"heat_weight": 1.0}, False)],
    ids=["plain", "parts", "heat"],
)
def test_only_a_graph_that_stays_is_called_so(changes: dict[str, Any], one: bool) -> None:
    assert one_graph(replace(find_recipe("base"), **changes)) is one


def hanging(number: int, folder: str) -> None:
    """Two processes: the second is slow at what the first may wait for, then it hangs where it may not."""
    patience = timedelta(seconds=1)
    place = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=place, rank=number, world_size=2, timeout=patience)
    turns = Turns()
    if number:
        time.sleep(2)
    assert turns.gather(number) == [0, 1]
    turns.wait()
    if number:
        time.sleep(4)
    else:
        begun = time.monotonic()
        with pytest.raises(RuntimeError) as told:
            dist.all_reduce(torch.zeros(1))
        assert unanswered(told.value)
        Path(folder, "told").write_text(f"{time.monotonic() - begun:.1f} s")
    os._exit(0)


def test_a_hung_process_is_told_and_a_slow_evaluation_is_not(tmp_path: Path) -> None:
    two = [FORKING.Process(target=hanging, args=(number, str(tmp_path))) for number in range(2)]
    for process in two:
        process.start()
    for process in two:
        process.join(90)
    assert [process.exitcode for process in two] == [0, 0]
    assert (tmp_path / "told").is_file()
    assert find_recipe("paper").patience_minutes <= 10


@pytest.mark.parametrize(
    ("device", "number", "expected"),
    [("cuda", "3", "cuda:3"), ("cuda", None, "cuda"), ("cpu", "3", "cpu")],
    ids=["GPU 3 of a machine", "one GPU", "CPU"],
)
def test_each_process_has_its_own_gpu(
    device: str, number: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if number is not None:
        monkeypatch.setenv("LOCAL_RANK", number)
    assert own_device(torch.device(device)) == torch.device(expected)
