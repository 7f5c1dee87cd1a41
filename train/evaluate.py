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

from lofi.gallery import Gallery
from lofi.metrics.calibration import reliability
from lofi.metrics.grounding import ious
from lofi.network.checkpoint import load
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from train.evaluation import contact_sheet, language_figures, outside, plots, shots
from train.evaluation.asking import Plan, always_answering, ask, readable
from train.evaluation.cam import PatchMap
from train.evaluation.presence import label_figures, label_questions
from train.evaluation.published import HeatRows, published_figures
from train.evaluation.questions import (
    Film,
    absent_questions,
    present_questions,
    read_films,
    sample,
)
from train.evaluation.rules import RULES
from train.evaluation.sections import (
    Setting,
    answering_section,
    by_label,
    embedding_sections,
    grounding_sets,
    phrases_asked,
    presence_section,
    subgroups,
)
from train.evaluation.systems import BOLD, SetResult
from train.evaluation.table import lines, to_json
from train.evaluation.wordings import WordTables


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
            **phrases_asked(sets, absent, films, setting.seed),
            "labels": [(one.film, one.phrase) for one in every_label],
        },
        [(number, boxes) for number, _, _, boxes in regions],
        told,
    )
    answers = ask(bold, films, plan, also=keep, size=setting.size)
    ground = grounding_sets(model, films, training, sets, answers, maps, setting)
    draw = (setting.resamples, setting.seed)
    sure, present, presence = presence_section(model, films, sets, absent, answers, draw)
    results: dict[str, Any] = {
        "grounding": {name: result.figures(*draw) for name, result in ground.items()},
        "gains": {name: result.gains(*draw) for name, result in ground.items()},
        "by label": {name: by_label(result, draw) for name, result in ground.items() if name != "zone"},
        "published rules": published_figures(ground["sentence"], answers.groundings["sentence"], heat, films, draw)
        if "sentence" in ground
        else {},
        "subgroups": subgroups(ground["side"], films, draw) if "side" in ground else {},
        "presence": presence,
        "answering": answering_section(model, films, sets, absent, answers, draw),
        "presence by label": label_figures(
            every_label, answers.groundings["labels"], films, model.threshold, model.concepts, *draw
        ),
        "wording": words.figures(*draw),
        **embedding_sections(model, films, answers, gallery, draw),
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
