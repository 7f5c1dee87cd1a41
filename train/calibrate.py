"""Make a checkpoint's confidence mean what it says, and choose when it says "not found".

    python -m train.calibrate --model CHECKPOINT --records FILE --split val [--gallery G]

Asks every film of the split for what it shows and for what it does not show (train.evaluation.questions), fits slope
and offset on the log-odds of presence (Platt's scaling, present and absent weighing the same) and sets the threshold
at which ``--sensitivity`` of the present phrases are answered. With ``--gallery`` each is asked as the app asks it,
with examples of other patients in context: they move the confidence as well as the boxes. Both go into the manifest;
the weights stay, and with them the fingerprint. Figures of the same split are then those of a fit: quote others.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lofi.checkpoint import MANIFEST, load
from lofi.gallery import Gallery, RegionIndex
from lofi.grounding import Grounder, ground
from lofi.metrics.calibration import fit_confidence, log_odds
from lofi.model import LofiModel
from lofi.radiograph import Radiograph
from lofi.results import Grounding, Study
from lofi.settings import Settings
from train.evaluation.asking import Plan, always_answering, ask, readable
from train.evaluation.questions import Film, Question, absent_questions, present_questions, read_films
from train.evaluation.shots import patient_keys


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.calibrate", description=__doc__.splitlines()[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder, whose manifest is written")
    options.add_argument("--records", required=True, type=Path)
    options.add_argument("--split", default="val", help="never one whose figures are reported as unseen")
    options.add_argument("--sensitivity", type=float, default=0.9, help="share of present phrases to be answered")
    options.add_argument("--gallery", type=Path, help="ask with examples from this gallery, built by the same model")
    options.add_argument("--shots", type=int, default=Settings.shots, help=f"examples a phrase ({Settings.shots})")
    given = options.parse_args(arguments)
    model = load(given.model)
    model.calibration = (1.0, 0.0)  # fit anew, not on top of the last fit
    films, _ = readable(read_films(given.records, [given.split]))
    present = [question for name in ("bare", "side") for question in present_questions(films)[name]]
    asked = [*present, *absent_questions(films)]
    bold = always_answering(model)
    if given.gallery:
        answers = with_examples(bold, given.gallery, given.shots, films, asked)
    else:
        plan = Plan({"all": [(question.film, question.phrase) for question in asked]})
        answers = ask(bold, films, plan, every_film=False).groundings["all"]
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


def with_examples(
    model: LofiModel, folder: Path, count: int, films: Sequence[Film], asked: Sequence[Question]
) -> list[Grounding]:
    """Each question's answer with ``count`` examples from a gallery, chosen as in the app, none of the own patient."""
    gallery = Gallery.open(folder, model.fingerprint)
    grounder = Grounder.of(model, RegionIndex.open(gallery), count)
    if grounder.finder is None or grounder.answerer is None:
        raise SystemExit("--gallery needs boxes in the gallery, and a model that was trained with examples.")
    places: dict[int, list[int]] = defaultdict(list)
    for place, question in enumerate(asked):
        places[question.film].append(place)
    answers: dict[int, Grounding] = {}
    for number, wanted in tqdm(sorted(places.items()), desc="asking with examples", unit="film"):
        film = model.encode(Radiograph.read(films[number].path))
        own = [Study("", "", patient_key=key) for key in patient_keys(films[number])]
        for place in wanted:
            shots = grounder.shots(film, asked[place].phrase, own)
            answers[place] = ground(grounder.answerer, film, asked[place].phrase, shots, explain=False)
    return [answers[place] for place in range(len(asked))]


def write(folder: Path, calibration: tuple[float, float], threshold: float) -> None:
    """Put calibration and threshold into the checkpoint's manifest."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text("utf-8"))
    manifest |= {"threshold": threshold, "calibration": [round(value, 6) for value in calibration]}
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
