"""An evaluation by two processes gives exactly the figures of one."""

import json
from pathlib import Path
from typing import Any

from lofi.network import checkpoint
from tests import tiny
from tests.launched import ended
from tests.train.test_evaluate import records  # noqa: F401 (a fixture)


def figures(out: Path) -> dict[str, Any]:
    told = json.loads((out / "metrics.json").read_text("utf-8"))
    del told["about"]["seconds"]
    return told


def test_two_processes_give_the_figures_of_one(records: Path, tmp_path: Path) -> None:  # noqa: F811
    """Sixteen films are two groups; one film cannot be read, and the second process is the one to see it."""
    checkpoint.save(tmp_path / "model", tiny.network(local=True), tiny.tokenizer_files(), data={}, metrics={})
    rows = [json.loads(line) | {"split": "val"} for line in records.read_text("utf-8").splitlines()]
    asked = records.parent / "asked.jsonl"
    asked.write_text("\n".join(map(json.dumps, [rows[0], rows[1] | {"image": "no.png"}, *rows[1:]])), "utf-8")
    options = ["--model", str(tmp_path / "model"), "--records", str(asked), "--train-records", str(records)]
    options += ["--split", "val", "--resamples", "20", "--gradcam", "--out"]
    for count in (1, 2):
        told = ended("train.evaluate", [*options, str(tmp_path / str(count))], tmp_path / "said", count)
        assert told.statuses == [0] * count, told.err
        assert told.out.count("16 films of 16 patients, 1 unreadable") == 1
    one, two = (figures(tmp_path / str(count)) for count in (1, 2))
    assert two == one
    assert one["grounding"]["bare"]
