"""The walk of docs/training.md, command for command, on look-alikes of the published sets."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

import lofi
from tests.asking import post, sent
from tests.conftest import running_app
from tests.train.data.sets import (
    DICOM,
    OTHER,
    OTHER_DICOM,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    llava_rad,
    mimic,
    observation,
    picture,
    reports,
    scene_graph,
    write_csv,
    write_json,
)
from tests.train.data.test_mimic_qba import qba
from tests.train.data.test_padchest_gr import COLUMNS, finding

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "training.md"
SPLITS = ("train", "train", "validation", "validation", "test", "test")
SAID = ("Small left pleural effusion.", "Scoliosis.")
BOXES = ([0.6, 0.6, 0.9, 0.9], [0.4, 0.1, 0.6, 0.9])


def padchest_gr(root: Path) -> None:
    """PadChest-GR with two films in each of its splits: one with an effusion, one with a scoliosis."""
    studies, facts = [], []
    for number, split in enumerate(SPLITS):
        name, kind = f"{number}_film.png", number % 2
        picture(root / "Padchest_GR_files" / name, seed=number)
        found = finding(SAID[kind], [BOXES[kind]], labels=[("pleural effusion", "scoliosis")[kind]])
        studies.append({"StudyID": str(number), "ImageID": name, "PreviousStudyID": None, "findings": [found]})
        facts.append((str(number), name, "x", 1, split, f"p{number}", "F", 60 + number, "x"))
    write_json(root / "grounded_reports_20240819.json", studies)
    write_csv(root / "master_table.csv", COLUMNS, facts)


def published(root: Path) -> None:
    """The four folders that the walk begins with, in their makers' layouts."""
    more = [(str(10_000_100 + n), str(50_000_100 + n), f"d{n}") for n in range(5)]
    mimic(root / "MIMIC_CXR_JPG", more)
    qba(root / "QBA", observation(SAID[0], [[300, 200, 500, 400]]))
    for number, (subject, study, dicom) in enumerate([(OTHER, OTHER_STUDY, OTHER_DICOM), *more]):
        said = observation(SAID[number % 2 == 0], [[200, 40, 300, 360]], dicom)
        graph = scene_graph(said, subject=subject, study=study)
        write_json(root / "QBA" / "scene_data" / f"s{study}.scene_graph.json", graph)
    told = [llava_rad(subject, study, dicom, f"Lung volumes are low. Film {study}.") for subject, study, dicom in more]
    told.append(llava_rad(SUBJECT, STUDY, DICOM, f"{SAID[0]} The heart is large."))
    reports(root / "LLAVA_RAD", train=told, dev=[llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, SAID[1])])
    padchest_gr(root / "PADCHEST_GR")


def walk() -> list[list[str]]:
    """The words of each command."""
    block = re.search(r"```walk\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def step(words: list[str]) -> None:
    """Run a command of the walk in this process, a training at its smallest."""
    assert words[:2] == ["python", "-m"]
    name, arguments = words[2], words[3:]
    module = importlib.import_module("train.data.__main__" if name == "train.data" else name)
    if name == "train.pretrain":
        arguments.append("--smoke")
    assert not module.main(arguments), shlex.join(words)


def test_from_the_published_files_to_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    published(tmp_path)
    *before, last = walk()
    for words in before:
        step(words)
    said = [json.loads(line) for line in Path("records/mimic/records.jsonl").read_text("utf-8").splitlines()]
    assert {row["boxes"][0]["phrase"] for row in said} == set(SAID), "each region with its own sentence"
    assert ["The heart is large." in row["report"] for row in said].count(True) == 1, "and its film's own report"
    assert lofi.load(Path("runs/gr/checkpoint")).config.name == "lofi-padchest-gr-smoke"
    assert json.loads(Path("runs/eval/metrics.json").read_text("utf-8"))

    assert last[-2:] == ["python", "app.py"]
    settings = dict(word.split("=", 1) for word in last[:-2])
    places = {name: str(tmp_path / place) for name, place in settings.items()}
    (tmp_path / "app").mkdir()
    with running_app(tmp_path / "app", LOFI_DEVICE="cpu", **places) as url:
        film = sent(url, tmp_path / "PADCHEST_GR" / "Padchest_GR_files" / "4_film.png")
        status, lines = post(f"{url}/lofi/ask/similar", {"film": film})
        assert (status, len(lines[-1]["hits"])) == (200, 2), lines
        status, lines = post(f"{url}/lofi/ask/ground", {"film": film, "phrases": ["pleural effusion"], "anyway": True})
        assert (status, lines[-1]["findings"][0]["phrase"]) == (200, "pleural effusion"), lines
