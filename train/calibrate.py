"""Make a checkpoint's confidence mean what it says, choose when it says "not found" and how far its heat map is heard.

    python -m train.calibrate --model CHECKPOINT --records FILE --split val

Asks every film of the split for what it shows and for what it does not show (train.evaluation.whether), fits slope
and offset on the log-odds of presence (Platt's scaling, present and absent weighing the same) and sets the threshold
at which ``--sensitivity`` of the present phrases are answered. Examples in context do not come into it: whether a
finding is there is asked without them (lofi.grounding.incontext). Where the model has a heat map, its share in a box
(lofi.network.consensus) is the one of ``SHARES`` with the largest mean IoU on the present phrases. All of it goes into
the manifest; the weights stay, and with them the fingerprint. Figures of the same split are then those of a fit:
quote others.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.metrics.calibration import fit_confidence, log_odds
from lofi.network.checkpoint import calibrate, load, pick_device
from lofi.network.model import LofiModel
from train.evaluation.asking import Plan, always_answering, ask, readable
from train.evaluation.questions import Film, Question, read_films
from train.evaluation.whether import boxed_questions, whether_questions
from train.pretraining.distributed import launched, own_device, rank

SHARES = (0.0, 0.5, 0.7, 0.8, 0.9)
"""Weights of the heat map among which the best is taken; 0 is the language model alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.calibrate", description=__doc__.splitlines()[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder, whose manifest is written")
    options.add_argument("--records", required=True, type=Path)
    options.add_argument("--split", default="val", help="never one whose figures are reported as unseen")
    options.add_argument("--sensitivity", type=float, default=0.9, help="share of present phrases to be answered")
    with launched():
        return fit(options.parse_args(arguments))


def fit(given: argparse.Namespace) -> int:
    """What the command line asks for. Of several processes each asks its films, and the first writes."""
    model = load(given.model, str(own_device(pick_device())))
    model.calibration = (1.0, 0.0)  # fit anew, not on top of the last fit
    films, _ = readable(read_films(given.records, [given.split]))
    try:
        asked = whether_questions(films)
    except ValueError as error:
        raise SystemExit(f"Cannot calibrate: {error}.") from None
    present = boxed_questions(films)
    plan = Plan({"all": [(question.film, question.phrase) for question in asked]})
    answers = ask(always_answering(model), films, plan, every_film=False).groundings["all"]
    raw = np.asarray([answer.confidence for answer in answers])
    there = np.asarray([question.present for question in asked])
    slope, offset = fit_confidence(raw, there)
    sure = 1 / (1 + np.exp(-(slope * log_odds(raw) + offset)))
    threshold = float(np.floor(np.quantile(sure[there], 1 - given.sensitivity) * 1000) / 1000)
    means = by_share(model, films, present) if model.config.local and present else {0.0: 0.0}
    if rank():
        return 0
    share = max(means, key=lambda tried: means[tried])
    calibrate(given.model, threshold, (slope, offset), share)
    print(f"confidence: slope {slope:.3f}, offset {offset:.3f}, from {there.sum()} present, {(~there).sum()} absent")
    print(f"threshold {threshold:.3f}: finds {(sure[there] >= threshold).mean():.3f} of the present phrases, ", end="")
    print(f"denies {(sure[~there] < threshold).mean():.3f} of the absent ones (split {given.split})")
    if model.config.local and present:
        tried = ", ".join(f"{name:g}: {mean:.3f}" for name, mean in means.items())
        print(f"heat map's share {share:g}; mean IoU of the present phrases by share, always answering: {tried}")
    return 0


def by_share(model: LofiModel, films: Sequence[Film], questions: Sequence[Question]) -> dict[float, float]:
    """Share of the heat map → mean IoU of the present ``questions``, always answering."""
    bold, means = always_answering(model), {}
    plan = Plan({"present": [(question.film, question.phrase) for question in questions]})
    for share in SHARES:
        bold.heat_share = share
        found = ask(bold, films, plan, every_film=False, title=f"share {share:g}").groundings["present"]
        overlaps = [set_iou(as_boxes(a.boxes), q.boxes) for a, q in zip(found, questions, strict=True)]
        means[share] = float(np.mean(overlaps))
    return means


if __name__ == "__main__":
    raise SystemExit(main())
