"""Train ``lofi-mini`` as it is bundled, all stages with one command: ``python -m train.bundled --out RUN``.

Pre-training, pseudo-labels, a second stage on them, examples in context, the mean with the first stage, embeddings that
rank by finding, calibration, what it was taught; then the dense network beside it, its cuts, and how both are heard
together. Each is a command of its own, printed before it runs. Started again after a stop, it goes on where it was.
``--smoke``: a few steps of every stage of the first network, on a few films. Several record files are joined first, a
film that stands in two of them being one film. The dense network needs the machine-made regions of ``--shared``
(cxr/anatomy.jsonl) and is left out where they are not.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from train.data.joining import joined, write_joined, write_records
from train.data.records import FilmRecord, read

DENSE_MINUTES, PARTNER_MINUTES = "189", "128"
"""Of two cores, other work beside it."""
PARTNER_SHARE = "0.35"
"""Of the smaller dense network in what both answer."""
DETAIL = "256"
"""Pixels on the longer side to which films are softened before the language model's tower sees them."""
CENTRED = ("openi", "nih_bbox", "nih_labelled", "nih_pneu_normal", "nih_extra")
"""Sources, adults' films alone, whose films' and reports' vectors give the means that are taken from all."""
NORMAL = (*CENTRED, "rsna_normal", "jsrt")
"""Sources, adults' films alone, whose normal films must not be told apart by their vectors."""

FEW = {("train", True): 12, ("train", False): 6, ("val", True): 4}
"""Films of a smoke run by split and whether a finding is boxed."""


@dataclass(frozen=True)
class Stage:
    """``module`` with its ``arguments``; ``resumes`` where it takes --resume."""

    name: str
    module: str
    arguments: tuple[str, ...]
    resumes: bool = False


def stages(records: Path, out: Path, cache: Path, shared: Path, smoke: bool, device: str = "cpu") -> list[Stage]:
    """The stages in order. The last checkpoint is ``out/alike/checkpoint``. ``device``: the dense network's."""
    first, late, shots, soup, alike = (out / name for name in ("first", "late", "shots", "soup", "alike"))
    teacher = shared / "cxr" / "nih_teacher.csv"
    pseudo = out / "pseudo.jsonl"
    common = ("--cache", str(cache), *(["--smoke"] if smoke else []))
    towers = ("--shared", str(shared), *common)
    return [
        Stage("first", "train.pretrain", ("mini", "--records", str(records), "--out", str(first), *towers), True),
        Stage(
            "pseudo",
            "train.pseudo",
            ("--model", str(first / "checkpoint"), "--records", str(records), "--out", str(pseudo)),
        ),
        Stage(
            "late",
            "train.pretrain",
            (
                *("mini_late", "--records", str(pseudo), "--out", str(late), *towers),
                *("--set", f"starts.checkpoint={first / 'checkpoint'}"),
            ),
            True,
        ),
        Stage(
            "shots",
            "train.incontext",
            ("--model", str(late / "checkpoint"), "--records", str(records), "--out", str(shots), *common),
            True,
        ),
        Stage(
            "soup",
            "train.soup",
            (
                *("--model", f"{shots / 'checkpoint'}=0.8", "--model", f"{first / 'checkpoint'}=0.2"),
                *("--out", str(soup / "checkpoint")),
            ),
        ),
        Stage(
            "alike",
            "train.alike",
            (
                *("--model", str(soup / "checkpoint"), "--records", str(records), "--out", str(alike / "checkpoint")),
                *(("--teacher", str(teacher)) if teacher.is_file() else ()),
                *(("--smoke",) if smoke else ()),
            ),
        ),
        Stage(
            "calibrated",
            "train.calibrate",
            ("--model", str(alike / "checkpoint"), "--records", str(records), "--sensitivity", "0.97"),
        ),
        Stage("concepts", "train.concepts", ("--model", str(alike / "checkpoint"), "--records", str(records))),
        *(
            []
            if smoke or not regions(shared).is_file()
            else dense_stages(out / "dense", alike / "checkpoint", cache, shared, device)
        ),
    ]


def accelerator() -> str:
    """Where the dense network is trained: the first GPU, if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def regions(shared: Path) -> Path:
    """Machine-made regions, without which the dense network cannot be trained."""
    return shared / "cxr" / "anatomy.jsonl"


def dense_stages(run: Path, checkpoint: Path, cache: Path, shared: Path, device: str) -> list[Stage]:
    """The dense network and what makes it a part of ``checkpoint``; it reads the data's own layout.

    On a GPU the bundled one: a short run that finds boxes for labels without any, one that learns from them too. Its
    partner, the smaller one that was bundled before, learns on the processor, then from boxes that the large one finds.
    On a processor that smaller one alone, which leaves the films' vectors to the language model's tower.
    """
    place = ("--shared", str(shared))
    kept = ("--cache", str(cache))
    small = ("--minutes", DENSE_MINUTES, "--coarse", "0.68", "--side", "448")
    paired: tuple[str, ...] = ()
    if device == "cpu":
        trained = [Stage("dense", "train.dense", (*place, "--out", str(run), *kept, *small), True)]
        centred = []
    else:
        first = run.with_name(f"{run.name}-first")
        plan = ("--device", device, "--tower", "tf_efficientnet_lite2", "--words", str(checkpoint), "--workers", "15")
        short = ("--minutes", "1.3", "--set", "warm=100", "--set", "decay=0.997")
        found = ("--minutes", "4.4", "--found", str(first))
        trained = [
            Stage("dense-first", "train.dense", (*place, "--out", str(first), *kept, *plan, *short), True),
            Stage("dense", "train.dense", (*place, "--out", str(run), *kept, *plan, *found), True),
        ]
        before, partner = run.with_name(f"{run.name}-small"), run.with_name(f"{run.name}-partner")
        taken_up = ("--start", str(before), "--found", str(run), "--minutes", PARTNER_MINUTES, "--coarse", "0")
        rates = ("--set", "head_rate=8e-4", "--set", "tower_rate=2e-4")
        trained += [
            Stage("dense-small", "train.dense", (*place, "--out", str(before), *kept, *small), True),
            Stage("dense-partner", "train.dense", (*place, "--out", str(partner), *kept, *taken_up, *rates), True),
        ]
        paired = ("--partner", str(partner), "--share", PARTNER_SHARE)
        records = ("--records", str(shared / "cxr" / "records.jsonl"), "--source", *CENTRED, "--films", "320")
        normal = ("--normal-source", *NORMAL)
        centred = [Stage("centred", "train.centre", ("--model", str(checkpoint), *records, *normal))]
    return [
        *trained,
        Stage("cuts", "train.dense_figures", ("--run", str(run), *place, "--split", "dev")),
        Stage("released", "train.dense_release", ("--run", str(run), *paired, "--out", str(checkpoint))),
        *centred,
        Stage("agreed", "train.agree", ("--model", str(checkpoint), *place, "--detail", DETAIL)),
    ]


def few(records: Iterable[FilmRecord]) -> list[FilmRecord]:
    """``FEW`` of the records, ChestX-ray14's first: their labels deny what they do not name, as calibration needs."""
    left, kept = dict(FEW), []
    for record in sorted(records, key=lambda one: not one.source.startswith("nih")):
        kind = record.split, any(box.kind == "finding" for box in record.boxes)
        if left.get(kind, 0):
            left[kind] -= 1
            kept.append(record)
    return kept


def run(stage: Stage, out: Path) -> int:
    """Run a stage that is not done yet, on from where it was stopped; its exit status."""
    done, begun = out / f"{stage.name}.done", out / f"{stage.name}.begun"
    if done.is_file():
        return 0
    resume = ["--resume"] if stage.resumes and begun.is_file() else []
    command = [sys.executable, "-m", stage.module, *stage.arguments, *resume]
    print(shlex.join(["python", *command[1:]]), flush=True)
    begun.touch()
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        done.touch()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.bundled", description=(__doc__ or "").split("\n")[0])
    options.add_argument("--out", required=True, type=Path, help="folder of the run")
    options.add_argument("--shared", type=Path, default=Path("../shared"), help="films, reports and starting weights")
    options.add_argument("--records", type=Path, nargs="+", help="record files (default: the films of --shared)")
    options.add_argument("--cache", type=Path, default=Path("cache"), help="folder of decoded films")
    options.add_argument("--smoke", action="store_true", help="a few steps of every stage on a few films")
    given = options.parse_args(arguments)
    files = given.records or [given.shared / "cxr" / "records.jsonl"]
    records = files[0] if len(files) == 1 and not given.smoke else given.out / "records.jsonl"
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        if given.smoke:
            write_records(few(joined(record for path in files for record in read(path))), records)
        elif len(files) > 1:
            write_joined(files, records)
    except (OSError, ValueError, KeyError, TypeError) as error:
        options.error(f"the record files cannot be joined: {error}")
    if not given.smoke and not regions(given.shared).is_file():
        print("Without cxr/anatomy.jsonl in --shared the dense network is left out.", file=sys.stderr)
    for stage in stages(records, given.out, given.cache, given.shared, given.smoke, accelerator()):
        status = run(stage, given.out)
        if status:
            print(
                f"Stage {stage.name!r} ended with status {status}; the same command goes on from it.", file=sys.stderr
            )
            return status
    print(given.out / "alike" / "checkpoint")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
