"""Evaluate a model on a record file: ``python -m train.evaluate --model M --records FILE --split val --out DIR``.

Prints one table; writes metrics.json, plots.png and contact_sheet.png. The rules behind each figure
stand in train.evaluation.rules and go into the JSON.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lofi.gallery import Gallery
from lofi.metrics.bootstrap import Estimate
from lofi.metrics.calibration import presence_figures, reliability
from lofi.metrics.grounding import ious
from lofi.network.checkpoint import load
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from train.evaluation import contact_sheet, embedding_figures, language_figures, outside, plots, shots, systems
from train.evaluation.answering import Asked, answering_figures
from train.evaluation.asking import Answers, Plan, always_answering, ask, at_threshold, readable
from train.evaluation.cam import PatchMap, fit_probe
from train.evaluation.controls import CentrePrior, other_films
from train.evaluation.presence import label_figures, label_questions
from train.evaluation.published import HeatRows, published_figures
from train.evaluation.questions import (
    BOXED_FINDINGS,
    Film,
    Question,
    absent_questions,
    present_questions,
    read_films,
    sample,
)
from train.evaluation.rules import RULES
from train.evaluation.systems import BOLD, MODEL, PRIOR, SetResult
from train.evaluation.table import lines, to_json
from train.evaluation.wordings import WordTables


@dataclass(frozen=True)
class Setting:
    """How an evaluation runs."""

    resamples: int = 1000
    seed: int = 0
    untrained: bool = True
    gradcam: bool = False
    reports: bool = True
    size: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """``results`` by section; beside them what the pictures need."""

    results: dict[str, Any]
    sets: dict[str, SetResult]
    side_answers: list[Any]
    curve: list[tuple[int, float, float]]


def evaluate(
    model: LofiModel,
    films: Sequence[Film],
    training: Sequence[Film],
    setting: Setting,
    gallery: Gallery | None = None,
) -> Evaluation:
    """All figures of a model on ``films``; priors and the Grad-CAM probe come from ``training`` films."""
    sets = {name: asked for name, asked in present_questions(films).items() if asked}
    absent = absent_questions(films)
    regions = language_figures.regions_of(films)
    told = [number for number, film in enumerate(films) if film.text and (film.from_nih or film.report)]
    told = told if setting.reports else []
    maps: dict[int, PatchMap] = {}

    every_label = label_questions(films)
    bold = always_answering(model)
    words = WordTables(bold, model.threshold, films, [*sets.get("bare", []), *sets.get("side", [])])
    heat = HeatRows(model, sets.get("sentence", []))

    def keep(number: int, encoded: EncodedFilm) -> None:
        words.ask(number, encoded)
        heat.ask(number, encoded)
        if setting.gradcam and films[number].boxes:
            maps[number] = PatchMap.of(encoded)

    plan = Plan(
        {
            **_phrases(sets, absent, films, setting.seed),
            "labels": [(one.film, one.phrase) for one in every_label],
        },
        [(number, boxes) for number, _, _, boxes in regions],
        told,
    )
    answers = ask(bold, films, plan, also=keep, size=setting.size)
    ground = _ground(model, films, training, sets, answers, maps, setting)
    draw = (setting.resamples, setting.seed)
    sure, present, presence = _presence(model, films, sets, absent, answers, draw)
    results: dict[str, Any] = {
        "grounding": {name: result.figures(*draw) for name, result in ground.items()},
        "gains": {name: result.gains(*draw) for name, result in ground.items()},
        "by label": {name: _by_label(result, draw) for name, result in ground.items() if name != "zone"},
        "published rules": published_figures(ground["sentence"], answers.groundings["sentence"], heat, films, draw)
        if "sentence" in ground
        else {},
        "subgroups": _subgroups(ground["side"], films, draw) if "side" in ground else {},
        "presence": presence,
        "answering": _answering(model, films, sets, absent, answers, draw),
        "presence by label": label_figures(
            every_label, answers.groundings["labels"], films, model.threshold, model.concepts, *draw
        ),
        "wording": words.figures(*draw),
        **_embeddings(model, films, answers, gallery, draw),
        "language": {
            "reports": language_figures.report_figures([films[n] for n in told], answers.reports, *draw),
            "regions": language_figures.region_figures(
                [box for _, box, _, _ in regions],
                [phrase for _, _, phrase, _ in regions],
                [films[n].patient for n, _, _, _ in regions],
                answers.descriptions,
                *draw,
            ),
        },
    }
    return Evaluation(results, ground, answers.groundings.get("side", []), reliability(sure, present))


def _phrases(
    sets: dict[str, list[Question]], absent: Sequence[Question], films: Sequence[Film], seed: int
) -> dict[str, list[tuple[int, str]]]:
    """Every phrase to ask: of its own film, and under "wrong <set>" of another patient's; and the absent ones."""
    generator = np.random.default_rng(seed)
    asked = {name: [(question.film, question.phrase) for question in questions] for name, questions in sets.items()}
    for name, questions in sets.items():
        others = other_films(questions, films, generator)
        asked[f"wrong {name}"] = [(other, q.phrase) for other, q in zip(others, questions, strict=True)]
    return {**asked, "absent": [(question.film, question.phrase) for question in absent]}


def _ground(
    model: LofiModel,
    films: Sequence[Film],
    training: Sequence[Film],
    sets: dict[str, list[Question]],
    answers: Answers,
    maps: dict[int, PatchMap],
    setting: Setting,
) -> dict[str, SetResult]:
    """Rows of the model and of every control for each set."""
    prior = CentrePrior.fit(training)
    fresh = systems.untrained_rows(model, films, sets, setting.seed) if setting.untrained else {}
    labels = sorted({question.label for question in sets.get("bare", [])})
    probe = fit_probe(model, training, labels) if setting.gradcam and labels else None
    results = {}
    for name, asked in sets.items():
        found, wrong = answers.groundings[name], answers.groundings[f"wrong {name}"]
        rows = systems.model_rows(found, wrong, model.threshold, asked)
        rows |= systems.blind_rows(asked, prior, setting.seed)
        if name in fresh:
            rows[systems.FRESH] = fresh[name]
        if probe is not None and name in ("bare", "side"):
            rows[systems.CAM] = systems.cam_rows(probe, maps, asked)
        results[name] = SetResult(asked, [films[question.film].patient for question in asked], rows)
    return results


def _by_label(result: SetResult, draw: tuple[int, int]) -> dict[str, dict[str, Estimate]]:
    """Label → "<system>: <figure>" → estimate, for the model and the centre prior."""
    found: dict[str, dict[str, Estimate]] = {}
    for label in sorted({question.label for question in result.questions} - {""}):
        numbers = [number for number, question in enumerate(result.questions) if question.label == label]
        figures = result.figures(*draw, keep=numbers)
        order = ("mean IoU", "IoU≥0.1", "IoU≥0.3", "IoU≥0.5", "IoU≥0.7")
        shown = [(system, name) for name in order for system in (MODEL, BOLD, PRIOR) if system in figures]
        found[label] = {f"{system}: {name}": figures[system][name] for system, name in shown}
    return found


def _subgroups(result: SetResult, films: Sequence[Film], draw: tuple[int, int]) -> dict[str, Estimate]:
    """Mean IoU of the model by sex, age band and view."""
    found = {}
    for name in ("sex", "age_band", "view"):
        values = [getattr(films[question.film], name) for question in result.questions]
        for value in sorted({value for value in values if value}):
            numbers = [number for number, other in enumerate(values) if other == value]
            found[f"{name.removesuffix('_band')} {value}"] = result.figures(*draw, keep=numbers)[MODEL]["mean IoU"]
    return found


def _presence(
    model: LofiModel,
    films: Sequence[Film],
    sets: dict[str, list[Question]],
    absent: Sequence[Question],
    answers: Answers,
    draw: tuple[int, int],
) -> tuple[list[float], list[bool], dict[str, dict[str, Estimate]]]:
    """Confidence and truth of bare phrases, present and absent, and the figures of "found", also on normals alone."""
    asked = [*sets.get("bare", []), *absent]
    given = [
        at_threshold(a, model.threshold) for a in (*answers.groundings.get("bare", []), *answers.groundings["absent"])
    ]
    normal = [question.present or "No Finding" in films[question.film].findings for question in asked]

    def figures(keep: list[int]) -> dict[str, Estimate]:
        return presence_figures(
            [given[n].confidence for n in keep],
            [given[n].found for n in keep],
            [asked[n].present for n in keep],
            [films[asked[n].film].patient for n in keep],
            *draw,
        )

    everything = list(range(len(asked)))
    found = {
        "absent: not among the film's labels": figures(everything),
        "absent: film without a finding": figures([n for n in everything if normal[n]]),
    }
    return [answer.confidence for answer in given], [question.present for question in asked], found


def _answering(
    model: LofiModel,
    films: Sequence[Film],
    sets: dict[str, list[Question]],
    absent: Sequence[Question],
    answers: Answers,
    draw: tuple[int, int],
) -> dict[str, Any]:
    """Whether and where together, at the model's threshold, on NIH's films: their labels deny what they do not name."""
    pairs = [
        *zip(sets.get("bare", []), answers.groundings.get("bare", []), strict=True),
        *zip(absent, answers.groundings["absent"], strict=True),
    ]
    asked = [Asked(question, films[question.film], answer) for question, answer in pairs]
    asked = [item for item in asked if item.film.from_nih and item.question.label in BOXED_FINDINGS]
    return answering_figures(asked, model.threshold, *draw)


def _embeddings(
    model: LofiModel, films: Sequence[Film], answers: Answers, gallery: Gallery | None, draw: tuple[int, int]
) -> dict[str, Any]:
    """Retrieval and zero-shot sections: NIH films alone (the figures to quote), then all sources together."""
    nih = embedding_figures.nih_rows(films)
    pools = {"NIH films": nih, "all sources (source predicts label)": list(range(len(films)))}
    if len(nih) in (0, len(films)):
        pools = {"NIH films" if nih else "all films": list(range(len(films)))}
    texts: dict[str, Any] = {}
    nearest: dict[str, Any] = {}
    zero: dict[str, Any] = {}
    for name, numbers in pools.items():
        pool, images = [films[n] for n in numbers], answers.embeddings[numbers]
        texts[name] = embedding_figures.text_retrieval(model, pool, images, *draw)
        queries = [row for row, film in enumerate(pool) if film.from_nih or not nih]
        nearest[name] = embedding_figures.label_retrieval(
            [pool[row] for row in queries],
            images[queries],
            images,
            [film.findings for film in pool],
            [film.patient for film in pool],
            *draw,
        )
        for prompts, negated in (("negated prompts", True), ("plain prompts", False)):
            zero[f"{name}, {prompts}"] = embedding_figures.zero_shot(model, pool, images, negated, *draw)
    if gallery is not None:
        nearest["in the gallery"] = embedding_figures.gallery_retrieval(
            gallery, [films[n] for n in nih], answers.embeddings[nih], *draw
        )
    return {"text retrieval": texts, "label retrieval": nearest, "zero-shot AUROC": zero}


def write(evaluation: Evaluation, films: Sequence[Film], about: dict[str, Any], out: Path) -> None:
    """metrics.json, plots.png and contact_sheet.png."""
    out.mkdir(parents=True, exist_ok=True)
    content = {"about": about, "rules": RULES, **to_json(evaluation.results)}
    content["reliability"] = [dict(zip(("n", "confidence", "present"), row, strict=True)) for row in evaluation.curve]
    (out / "metrics.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    side = evaluation.sets.get("side")
    spreads = {name: ious(rows) for name, rows in side.rows.items()} if side else {}
    plots.draw(evaluation.results, evaluation.curve, spreads, out / "plots.png")
    if side:
        contact_sheet.draw(
            films, side.questions, evaluation.side_answers, ious(side.rows[BOLD]), out / "contact_sheet.png"
        )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__.splitlines()[0])
    options.add_argument("--model", help="checkpoint folder or hub id")
    options.add_argument("--grounder", help="instead: a vision-language model, as LOFI_GROUNDER names it")
    options.add_argument("--records", required=True, type=Path, help="records.jsonl of the films to evaluate on")
    options.add_argument("--split", required=True, help="which of its splits")
    options.add_argument("--train-records", type=Path, help="where the train split for priors is (default: --records)")
    options.add_argument("--gallery", type=Path, help="also retrieve in this gallery, built by the same model")
    options.add_argument("--limit", type=int, help="only so many films, for a quick look")
    options.add_argument("--out", type=Path, help="folder for metrics.json, plots.png and contact_sheet.png")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples (default 1000)")
    options.add_argument("--source", action="append", help="only films of this source; may be given again")
    options.add_argument("--shots", action="store_true", help="instead: the experiment with examples from --gallery")
    options.add_argument("--shots-where", default="", help="which gallery studies may be examples: source=nih_bbox")
    options.add_argument("--gradcam", action="store_true", help="add the Grad-CAM control (encodes NIH training films)")
    options.add_argument("--skip-untrained", action="store_true", help="leave out the untrained control")
    options.add_argument("--size", type=int, help="films as if stored with so many pixels on their longer side")
    options.add_argument("--skip-reports", action="store_true", help="leave out drafted reports, the slowest part")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = parser().parse_args(arguments)
    started = time.monotonic()
    if not given.model and (not given.grounder or given.gallery):
        parser().error("--model names the model, also where it picks the examples of --gallery")
    model = load(given.model) if given.model else None
    gallery = Gallery.open(given.gallery, model.fingerprint) if given.gallery and model else None
    wanted = [f for f in read_films(given.records, [given.split]) if f.source in (given.source or [f.source])]
    films, lost = readable(sample(wanted, given.limit, given.seed))
    if not films:
        raise SystemExit(f"No film of split {given.split!r} could be read: check --records and --split.")
    if model is None or given.grounder:
        return outside.report(given, model, gallery, films)
    training = read_films(given.train_records or given.records, ["train"])
    if not any(film.boxes for film in training):
        print("No box of a train split: no centre prior. Give the file with --train-records.", file=sys.stderr)
    if given.shots:
        return shots.report(given, model, gallery, films, training)
    setting = Setting(
        given.resamples, given.seed, not given.skip_untrained, given.gradcam, not given.skip_reports, given.size
    )
    try:
        evaluation = evaluate(model, films, training, setting, gallery)
    except ValueError as error:
        raise SystemExit(f"{error}") from None
    print("\n".join(lines(evaluation.results)))
    about = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "threshold": model.threshold,
        "records_sha256": hashlib.sha256(given.records.read_bytes()).hexdigest(),
        "split": given.split,
        "films": len(films),
        "patients": len({film.patient for film in films}),
        "unreadable": lost,
        "limit": given.limit,
        "size": given.size,
        "seed": given.seed,
        "resamples": given.resamples,
        "seconds": round(time.monotonic() - started),
    }
    print(f"\n{about['films']} films of {about['patients']} patients, {lost} unreadable, {about['seconds']} s.")
    if given.out:
        write(evaluation, films, about, given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
