"""The bundled model with one command: every stage at its smallest on real films, and on again after a stop."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import lofi
from lofi.grounding.shots import MOST
from train import bundled

pytestmark = pytest.mark.minutes


@pytest.mark.shared
def test_every_stage_runs_and_none_twice(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (shared / "cxr" / "records.jsonl").read_text("utf-8").splitlines()]
    chosen = [row for row in rows if row["source"] == "nih_bbox" and row["split"] == "train"][:12]
    chosen += [row for row in rows if row["source"] == "nih_labelled" and row["split"] == "train"][:6]
    chosen += [row for row in rows if row["source"] == "nih_bbox" and row["split"] == "val"][:4]
    for row in chosen:
        row["image"] = str(shared / "cxr" / row["image"])
    records = tmp_path / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, chosen)), "utf-8")
    out, arguments = tmp_path / "run", ["--records", str(records), "--shared", str(shared), "--smoke"]
    arguments += ["--out", str(out), "--cache", str(tmp_path / "cache")]

    ran: list[str] = []
    run = bundled.subprocess.run

    def stopped_once(command: list[str], **options: bool) -> object:
        """The first as the shell runs it, the others here, where torch is there already; but the second stage is
        stopped before it could do anything the first time.
        """
        ran.append(command[2])
        if ran == ["train.pretrain", "train.pseudo"]:
            return type("Killed", (), {"returncode": -9})()
        if len(ran) == 1:
            return run(command, **options)
        assert command[:2] == [sys.executable, "-m"]
        status = importlib.import_module(command[2]).main(command[3:])
        return type("Done", (), {"returncode": status})()

    monkeypatch.setattr(bundled.subprocess, "run", stopped_once)
    assert bundled.main(arguments) == -9
    assert "'pseudo' ended with status -9" in capfd.readouterr().err
    assert bundled.main(arguments) == 0
    later = ["train.pseudo", "train.pretrain", "train.incontext", "train.soup", "train.alike", "train.calibrate"]
    later.append("train.concepts")
    assert ran[2:] == later
    model = lofi.load(out / "alike" / "checkpoint")
    assert model.config.shots == MOST
    assert model.calibration != (1.0, 0.0)
    assert model.concepts["effusion"].boxes > 0
    assert bundled.main(arguments) == 0
    assert len(ran) == 2 + len(later), "what is done is not done again"
