"""Shards hold the cache's canvases; each process draws from its own; damage and other settings are refused."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

import train.feeding.sampling
from lofi.network.config import Preprocessing
from train.data.__main__ import main as data
from train.data.canvases import CanvasCache
from train.data.records import read
from train.data.shards import Shards, write_shards
from train.feeding.generated import generate
from train.feeding.sampling import OwnShards
from train.pretrain import main as pretrain

SETTINGS = Preprocessing(side=96)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen films, ten of them for training, three a shard: the last shard holds one."""
    place = tmp_path_factory.mktemp("set")
    records = generate(place / "films", 13, 96)
    assert write_shards(records, place / "shards", SETTINGS, films=3, quiet=True) == 10
    return place


def test_shards_hold_what_the_cache_holds(folder: Path) -> None:
    shards = Shards(folder / "shards", SETTINGS)
    films = list(read(folder / "films" / "records.jsonl", "train"))
    cache = CanvasCache.open(films, SETTINGS, folder / "cache")
    assert shards.homes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert shards.frames == cache.frames
    for number, (film, record) in enumerate(zip(films, shards.records, strict=True)):
        assert (shards.pixels[number] == cache.pixels[number]).all()
        assert (record.patient, record.boxes, record.report) == (film.patient, film.boxes, film.report)


def test_they_are_plain_archives(folder: Path) -> None:
    with tarfile.open(folder / "shards" / "shard-00003.tar") as tar:
        assert tar.getnames() == ["00000009.u8", "00000009.json"]
        inside = tar.extractfile("00000009.json")
        assert inside is not None
        assert json.load(inside)["patient_id"] == "p12"


@pytest.mark.parametrize("damage", ["missing", "cut short", "unfinished"])
def test_damage_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    write_shards(folder / "films" / "records.jsonl", tmp_path, SETTINGS, films=3, quiet=True)
    path = tmp_path / "shard-00001.tar"
    if damage == "missing":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-512])
    else:
        (tmp_path / "shards.json").unlink()
    with pytest.raises(ValueError, match=r"shard-00001.tar is missing or cut|no whole shards"):
        Shards(tmp_path, SETTINGS)


def test_another_rendering_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'side': 96.*'side': 128"):
        Shards(folder / "shards", Preprocessing(side=128))


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_each_process_draws_from_its_own_shards(folder: Path, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train.feeding.sampling, "world", lambda: processes)
    shards = Shards(folder / "shards", SETTINGS)
    sampler = OwnShards(shards.records, shards.homes, 6, 0, 0.0)
    drawn = [sampler.draw(step)[0] for step in range(40)]
    each = 6 // processes
    for number in range(processes):
        own = np.concatenate([films[number * each : (number + 1) * each] for films in drawn])
        assert set(shards.homes[own] % processes) == {number}
        counts = np.bincount(own, minlength=10)[shards.homes % processes == number]
        assert counts.max() - counts.min() <= 1, "every film once an epoch"
    again = OwnShards(shards.records, shards.homes, 6, 0, 0.0)
    assert (again.draw(29)[0] == drawn[29]).all(), "a step is known by its number alone"


def test_too_few_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train.feeding.sampling, "world", lambda: 5)
    shards = Shards(folder / "shards", SETTINGS)
    with pytest.raises(ValueError, match="4 shards are too few for 5 processes"):
        OwnShards(shards.records, shards.homes, 5, 0, 0.0).draw(0)


def test_training_reads_them(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    out, cache = tmp_path / "run", tmp_path / "cache"
    arguments = ["base", "--smoke", "--shards", str(folder / "shards"), "--out", str(out), "--cache", str(cache)]
    assert pretrain([*arguments, "--set", "steps=2"]) == 0
    with (out / "metrics.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert not cache.exists(), "films were decoded again"


def test_shards_do_not_go_with_strata(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        pretrain(["mini", "--shards", str(folder / "shards"), "--out", str(tmp_path)])
    assert "takes --records" in capsys.readouterr().err


def test_the_command_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(tmp_path / "set", 12, 160)
    rows = "".join(f"{number}.png,The lungs are clear.,p{number}\n" for number in range(12))
    (tmp_path / "set" / "reports.csv").write_text("file,report,patient\n" + rows)
    out = tmp_path / "out"
    assert data(["folder", "--root", str(tmp_path / "set"), "--out", str(out), "--shards", "64"]) == 0
    shards = Shards(out / "shards", Preprocessing(side=64))
    assert f"Shards: {len(shards.records)} training films of 64 × 64" in capsys.readouterr().out
    assert len(shards.records) == len(list(read(out / "records.jsonl", "train"))) > 0
