"""Evaluate a model on a record file: ``python -m train.evaluate --model M --records FILE --split val --out DIR``.

Prints one table; writes metrics.json, plots.png and contact_sheet.png. The rules behind each figure
stand in train.evaluation.rules and go into the JSON. Started by torchrun, several processes share the films.
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

from lofi.gallery import Gallery
from lofi.metrics.calibration import reliability
from lofi.metrics.grounding import ious
from lofi.network.checkpoint import load, pick_device
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from train.data.records import BoxRecord
from train.evaluation import contact_sheet, language_figures, outside, plots, shots
from train.evaluation.asking import Answers, Plan, always_answering, ask, readable
from train.evaluation.cam import PatchMap, fit_probe
from train.evaluation.coded import CodedPlace, coded_figures, coded_places
from train.evaluation.coded import questions as coded_questions
from train.evaluation.presence import Asked, label_figures, label_questions
from train.evaluation.published import HeatRow, heat_rows, published_figures
from train.evaluation.questions import (
    Film,
    FilmBox,
    Question,
    absent_questions,
    present_questions,
    read_films,
    sample,
)
from train.evaluation.rules import RULES
from train.evaluation.sections import (
    Controls,
    Setting,
    answering_section,
    by_label,
    embedding_sections,
    grounding_sets,
    phrases_asked,
    presence_section,
    subgroups,
)
from train.evaluation.systems import BOLD, SetResult, untrained_rows
from train.evaluation.table import lines, to_json
from train.evaluation.wordings import WordTables
from train.pretraining.distributed import launched, own_device, rank


@dataclass(frozen=True)
class Evaluation:
    """``results`` by section; beside them what the pictures need."""

    results: dict[str, Any]
    sets: dict[str, SetResult]
    side_answers: list[Any]
    curve: list[tuple[int, float, float]]


@dataclass(frozen=True)
class Told:
    """Everything that was asked, and what the model and its controls answered; no figures yet."""

    sets: dict[str, list[Question]]
    absent: list[Question]
    labels: list[Asked]
    coded: list[CodedPlace]
    regions: list[tuple[int, BoxRecord, str, tuple[FilmBox, ...]]]
    reported: list[int]
    answers: Answers[tuple[dict[int, HeatRow], PatchMap | None]]
    controls: Controls
    words: WordTables

    @property
    def heat(self) -> dict[int, HeatRow]:
        """Of every sentence, by its place among them."""
        return {place: row for rows, _ in self.answers.also.values() for place, row in rows.items()}


def ask_all(model: LofiModel, films: Sequence[Film], training: Sequence[Film], setting: Setting) -> Told:
    """Ask the model and its controls. Of several processes each asks its part; all must call, and all get all."""
    sets = {name: asked for name, asked in present_questions(films).items() if asked}
    absent, regions = absent_questions(films), language_figures.regions_of(films)
    told = [number for number, film in enumerate(films) if film.text and (film.from_nih or film.report)]
    told = told if setting.reports else []
    every_label, coded = label_questions(films), coded_places(films)
    bold = always_answering(model)
    words = WordTables(bold, model.threshold, films, [*sets.get("bare", []), *sets.get("side", [])])

    def keep(number: int, encoded: EncodedFilm) -> tuple[dict[int, HeatRow], PatchMap | None]:
        patches = PatchMap.of(encoded) if setting.gradcam and films[number].boxes else None
        return heat_rows(model, sets.get("sentence", []), number, encoded), patches

    plan = Plan(
        {
            **phrases_asked(sets, absent, films, setting.seed),
            "labels": [(one.film, one.phrase) for one in every_label],
            "words": words.phrases(),
            **coded_questions(coded),
        },
        [(number, boxes) for number, _, _, boxes in regions],
        told,
    )
    answers = ask(bold, films, plan, also=keep, size=setting.size)
    labels = sorted({question.label for question in sets.get("bare", [])})
    controls = Controls(
        untrained_rows(model, films, sets, setting.seed) if setting.untrained else {},
        fit_probe(model, training, labels) if setting.gradcam and labels else None,
        {number: patches for number, (_, patches) in answers.also.items() if patches is not None},
    )
    return Told(sets, absent, every_label, coded, regions, told, answers, controls, words)


def evaluate(
    model: LofiModel,
    films: Sequence[Film],
    training: Sequence[Film],
    setting: Setting,
    gallery: Gallery | None = None,
) -> Evaluation:
    """All figures of a model on ``films``; priors and the Grad-CAM probe come from ``training`` films."""
    return figures(model, films, training, setting, gallery, ask_all(model, films, training, setting))


def figures(
    model: LofiModel,
    films: Sequence[Film],
    training: Sequence[Film],
    setting: Setting,
    gallery: Gallery | None,
    told: Told,
) -> Evaluation:
    """The figures of what was ``told``; one process makes them."""
    answers, sets = told.answers, told.sets
    ground = grounding_sets(model, films, training, sets, answers, told.controls, setting)
    draw = (setting.resamples, setting.seed)
    sure, present, presence = presence_section(model, films, sets, told.absent, answers, draw)
    told.words.tell(answers.groundings["words"])
    results: dict[str, Any] = {
        "grounding": {name: result.figures(*draw) for name, result in ground.items()},
        "gains": {name: result.gains(*draw) for name, result in ground.items()},
        "by label": {name: by_label(result, draw) for name, result in ground.items() if name != "zone"},
        "published rules": published_figures(ground["sentence"], answers.groundings["sentence"], told.heat, draw)
        if "sentence" in ground
        else {},
        "subgroups": subgroups(ground["side"], films, draw) if "side" in ground else {},
        "presence": presence,
        "answering": answering_section(model, films, sets, told.absent, answers, draw),
        "presence by label": label_figures(
            told.labels, answers.groundings["labels"], films, model.threshold, model.concepts, *draw
        ),
        "coded places": coded_figures(told.coded, answers.groundings, films, *draw),
        "wording": told.words.figures(*draw),
        **embedding_sections(model, films, answers, gallery, draw),
        "language": {
            "reports": language_figures.report_figures([films[n] for n in told.reported], answers.reports, *draw),
            "regions": language_figures.region_figures(
                [box for _, box, _, _ in told.regions],
                [phrase for _, _, phrase, _ in told.regions],
                [films[n].patient for n, _, _, _ in told.regions],
                answers.descriptions,
                *draw,
            ),
        },
    }
    return Evaluation(results, ground, answers.groundings.get("side", []), reliability(sure, present))


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
    if not given.model and (not given.grounder or given.gallery):
        parser().error("--model names the model, also where it picks the examples of --gallery")
    with launched():
        return run(given, time.monotonic())


def run(given: argparse.Namespace, started: float) -> int:
    """What the command line asks for. Of several processes each asks its films, and the first tells the figures."""
    model = load(given.model, str(own_device(pick_device()))) if given.model else None
    gallery = Gallery.open(given.gallery, model.fingerprint) if given.gallery and model else None
    wanted = [f for f in read_films(given.records, [given.split]) if f.source in (given.source or [f.source])]
    films, lost = readable(sample(wanted, given.limit, given.seed))
    if not films:
        raise SystemExit(f"No film of split {given.split!r} could be read: check --records and --split.")
    if model is None or given.grounder:
        return outside.report(given, model, gallery, films)
    training = read_films(given.train_records or given.records, ["train"])
    if not any(film.boxes for film in training) and rank() == 0:
        print("No box of a train split: no centre prior. Give the file with --train-records.", file=sys.stderr)
    if given.shots:
        return shots.report(given, model, gallery, films, training)
    setting = Setting(
        given.resamples, given.seed, not given.skip_untrained, given.gradcam, not given.skip_reports, given.size
    )
    try:
        told = ask_all(model, films, training, setting)
        evaluation = None if rank() else figures(model, films, training, setting, gallery, told)
    except ValueError as error:
        raise SystemExit(f"{error}") from None
    if evaluation is not None:
        tell(given, model, films, lost, evaluation, round(time.monotonic() - started))
    return 0


def tell(
    given: argparse.Namespace,
    model: LofiModel,
    films: Sequence[Film],
    lost: int,
    evaluation: Evaluation,
    seconds: int,
) -> None:
    """Print the table, and write what the command line has a place for."""
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
        "seconds": seconds,
    }
    print(f"\n{about['films']} films of {about['patients']} patients, {lost} unreadable, {seconds} s.")
    if given.out:
        write(evaluation, films, about, given.out)


if __name__ == "__main__":
    raise SystemExit(main())
