"""A vision-language model (LOFI_GROUNDER's kind) on a record file: the questions that LoFi is asked, in the same rows.

With a LoFi model and a gallery, its similarity picks the examples that stand in the other model's context.
"""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from lofi.errors import BadQuery, LofiError
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex, Where
from lofi.grounding import ShotFinder
from lofi.grounding.answerer import Answerer
from lofi.grounding.shots import Shot
from lofi.grounding.vlm import open_answerer
from lofi.metrics.bootstrap import PatientBootstrap
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.evaluation.questions import Film, Question, present_questions
from train.evaluation.rules import RULES
from train.evaluation.shots import patient_keys
from train.evaluation.systems import SetResult, grounded_rows
from train.evaluation.table import to_json
from train.pretraining.distributed import Turns, rank, world

SETS = ("sentence", "bare", "side")
SHOTS = 4


def asked(
    answerer: Answerer, films: Sequence[Film], finder: ShotFinder | None = None
) -> dict[str, tuple[list[Question], list[Grounding]]]:
    """Set → its questions and their answers; a question that failed has "no answer", as one that cannot be read.

    Of several processes each asks its part of the films; all must call.
    """
    sets = {name: found for name, found in present_questions(films).items() if name in SETS and found}
    answers: dict[tuple[str, int], Grounding] = {}
    for number in tqdm(range(len(films))[rank() :: world()], desc=answerer.name, unit="film", disable=rank() > 0):
        film = films[number]
        radiograph = Radiograph.read(film.path)
        encoded = None if finder is None else finder.model.encode(radiograph)
        for name, questions in sets.items():
            for place, question in enumerate(questions):
                if question.film != number:
                    continue
                shots: tuple[Shot, ...] = ()
                if finder is not None and encoded is not None:
                    hidden = Where(not_patient=patient_keys(film))
                    shots = finder.shots(encoded, question.phrase, min(SHOTS, answerer.most), "fused", hidden)
                answers[name, place] = _answer(answerer, radiograph, question.phrase, shots)
    everyone = {key: answer for part in Turns().gather(answers) for key, answer in part.items()}
    return {name: (asked, [everyone[name, place] for place in range(len(asked))]) for name, asked in sets.items()}


def _answer(answerer: Answerer, film: Radiograph, phrase: str, shots: Sequence[Shot]) -> Grounding:
    try:
        return answerer.answer_each(film, phrase, [shots])[0]
    except BadQuery:
        raise
    except LofiError as error:
        return Grounding(phrase, False, 0.0, state="no answer", note=str(error))


def figures(
    found: dict[str, tuple[list[Question], list[Grounding]]], films: Sequence[Film], draw: tuple[int, int]
) -> dict[str, Any]:
    """Set → figure → estimate. What was not answered counts as nothing found, and "answered" says how much that is."""
    results: dict[str, Any] = {}
    for name, (questions, answers) in found.items():
        patients = [films[question.film].patient for question in questions]
        rows = {"outside": grounded_rows(answers, questions)}
        told = PatientBootstrap(patients, *draw).mean(np.array([one.state != "no answer" for one in answers]))
        results[name] = {**SetResult(questions, patients, rows).figures(*draw)["outside"], "answered": told}
    return results


def report(given: Namespace, model: LofiModel | None, gallery: Gallery | None, films: Sequence[Film]) -> int:
    """Run the model named by --grounder for train.evaluate's command line; the exit status."""
    try:
        answerer = open_answerer(given.grounder, None, gallery)
    except LofiError as error:
        raise SystemExit(str(error)) from None
    regions = RegionIndex.open(gallery) if gallery is not None else None
    finder = ShotFinder(model, regions) if model is not None and regions is not None and answerer.most else None
    found = asked(answerer, films, finder)
    if not found:
        raise SystemExit("No film has a finding's box: there is nothing to ask.")
    if rank():
        return 0
    results = figures(found, films, (given.resamples, given.seed))
    for name, estimates in results.items():
        print(f"── Grounding by {answerer.name}, {name} (n {len(found[name][0])})")
        for figure, estimate in estimates.items():
            print(f"{figure:27}{estimate!s:>22}")
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        about = {"grounder": answerer.name, "split": given.split, "films": len(films), "examples": finder is not None}
        content = {"about": about, "rules": RULES, **to_json({"grounding": results})}
        (given.out / "grounder.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0
