"""Make a checkpoint's confidence mean what it says, and choose when it says "not found".

    python -m train.calibrate --model CHECKPOINT --records FILE --split val

Asks every film of the split for what it shows and for what it does not show (train.evaluation.questions), fits slope
and offset on the log-odds of presence (Platt's scaling, present and absent weighing the same) and sets the threshold
at which ``--sensitivity`` of the present phrases are answered. Examples in context do not come into it: whether a
finding is there is asked without them (lofi.grounding.incontext). Both go into the manifest; the weights stay, and with
them the fingerprint. Figures of the same split are then those of a fit: quote others.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lofi.checkpoint import MANIFEST, load
from lofi.metrics.calibration import fit_confidence, log_odds
from train.evaluation.asking import Plan, always_answering, ask, readable
from train.evaluation.questions import absent_questions, present_questions, read_films


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.calibrate", description=__doc__.splitlines()[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder, whose manifest is written")
    options.add_argument("--records", required=True, type=Path)
    options.add_argument("--split", default="val", help="never one whose figures are reported as unseen")
    options.add_argument("--sensitivity", type=float, default=0.9, help="share of present phrases to be answered")
    given = options.parse_args(arguments)
    model = load(given.model)
    model.calibration = (1.0, 0.0)  # fit anew, not on top of the last fit
    films, _ = readable(read_films(given.records, [given.split]))
    present = [question for name in ("bare", "side") for question in present_questions(films)[name]]
    asked = [*present, *absent_questions(films)]
    plan = Plan({"all": [(question.film, question.phrase) for question in asked]})
    answers = ask(always_answering(model), films, plan, every_film=False).groundings["all"]
    raw = np.asarray([answer.confidence for answer in answers])
    there = np.asarray([question.present for question in asked])
    slope, offset = fit_confidence(raw, there)
    sure = 1 / (1 + np.exp(-(slope * log_odds(raw) + offset)))
    threshold = float(np.floor(np.quantile(sure[there], 1 - given.sensitivity) * 1000) / 1000)
    write(given.model, (slope, offset), threshold)
    print(f"confidence: slope {slope:.3f}, offset {offset:.3f}, from {there.sum()} present, {(~there).sum()} absent")
    print(f"threshold {threshold:.3f}: finds {(sure[there] >= threshold).mean():.3f} of the present phrases, ", end="")
    print(f"denies {(sure[~there] < threshold).mean():.3f} of the absent ones (split {given.split})")
    return 0


def write(folder: Path, calibration: tuple[float, float], threshold: float) -> None:
    """Put calibration and threshold into the checkpoint's manifest."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text("utf-8"))
    manifest |= {"threshold": threshold, "calibration": [round(value, 6) for value in calibration]}
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
