"""Figures of presence and place: ``python -m train.dense_figures --run RUN --shared ../shared --split dev``.

On dev, the patients of train that the run has not seen, the cuts of presence are chosen and written beside the run;
``--split val`` reports with them. Films are asked as they are, and NIH's also as if stored at 512 and at 256 px.

``--model CHECKPOINT --run FOLDER`` asks a whole checkpoint the same questions about NIH's films of val, with its own
threshold; ``--detail N`` with another setting of its preprocessing. Its answers and figures go into the folder.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import torch

from lofi.metrics.bootstrap import Estimate
from lofi.network.checkpoint import load, read_manifest
from train.densely import figures as f
from train.densely.answers import Film
from train.densely.asking import Answered, Asker, ask_film, ask_films, ask_model, read, write
from train.densely.corpus import films
from train.densely.cuts import as_probabilities, cuts
from train.densely.state import trained
from train.evaluation.asking import always_answering

Grouped = TypeVar("Grouped", Film, Answered)
SIZES: dict[str, tuple[int | None, ...]] = {"dev": (None, 256), "val": (None, 512, 256)}
SHARES = (2.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Tried on dev: how much of the best box's heat a further box needs; 2 is the best box alone."""
MOST = {"nih": 1000, "jsrt": 1000, "openi": 80, "rsna": 30}
"""Films asked of a group: enough for an interval, little enough for two cores."""


def chosen(shared: Path, split: str, few: int | None = None) -> list[Film]:
    """The films of a split that are asked, at most ``few`` of a group; dev is what a run keeps back of train."""
    found = [film for film in films(shared, "train" if split == "dev" else split) if film.dev or split != "dev"]
    return [film for group, most in MOST.items() for film in of_group(found, group)[: few or most]]


def asked(
    run: Path,
    shared: Path,
    split: str,
    sizes: Sequence[int | None],
    asker: Callable[[], Asker],
    name: str,
    few: int | None,
    groups: Sequence[str],
) -> dict[int | None, list[Answered]]:
    """Answers by size, kept beside the run under ``name``: figures can be made again without the network."""
    out: dict[int | None, list[Answered]] = {}
    ask = None
    for size in sizes:
        path = run / f"answers-{split}-{size or 'native'}-{name}{f'-{few}' if few else ''}.jsonl"
        if not path.is_file():
            ask = ask or asker()
            some = [film for film in chosen(shared, split, few) if film.group in (groups if size is None else ("nih",))]
            write(path, ask_films(ask, some, shared / "cxr", size))
        out[size] = read(path)
    return out


def of_run(run: Path, side: int | None) -> Asker:
    """A dense run, on canvases of ``side``, by default its own."""
    eyes = trained(run)
    return partial(ask_film, eyes, side=side or eyes.network.config.side)


def of_checkpoint(folder: Path, detail: int | None) -> Asker:
    """A checkpoint that always answers, with another ``detail`` of its preprocessing where one is given."""
    model = always_answering(load(folder, "cpu"))
    if detail is not None:
        model.config = replace(model.config, preprocessing=replace(model.config.preprocessing, detail=detail))
    return partial(ask_model, model)


def of_group(answers: Sequence[Grouped], group: str) -> list[Grouped]:
    """Those of a group."""
    return [film for film in answers if film.group == group]


def told(estimate: Estimate) -> str:
    return f"{estimate} (n {estimate.n}, {estimate.patients} patients)"


def presence_figures(answers: Sequence[Answered], shifts: Mapping[str, float]) -> dict[str, str]:
    """AUROC and specificity, pooled and by finding."""
    items = f.judged(answers, shifts)
    counts = [sum(i.there for i in items), *(sum(not i.there and i.beside == b for i in items) for b in (False, True))]
    out = {"answers: there, not there on films of none, not there beside another": str(counts)}
    for name, beside in (("no-finding films", False), ("beside another finding", True)):
        some = f.against(items, beside)
        out[f"AUROC {name}"] = told(f.area(some))
        out[f"specificity at sensitivity {f.SENSITIVITY} {name}"] = told(f.specificity(some))
        for concept in f.EIGHT:
            own = [i for i in some if i.concept == concept]
            yes = sum(i.there for i in own)
            if yes and yes < len(own):
                out[f"AUROC {name}: {concept}"] = f"{f.area(own)} ({yes} there, {len(own) - yes} not)"
    return out


def place_figures(answers: Sequence[Answered], share: float) -> dict[str, str]:
    """Overlap, always answering."""
    items = f.placements(answers, share)
    out = {}
    for name, some in (("bare", f.bare(items)), ("with side", f.with_side(items))):
        out[f"mean IoU {name}"] = told(f.mean_iou(some))
        out[f"IoU ≥ 0.5 {name}"] = told(f.mean_iou(some, 0.5))
        out |= {f"mean IoU {name}: {k}": told(f.mean_iou(v)) for k, v in f.by(some, lambda i: i.concept).items()}
    return out


def nih_report(
    answers: Mapping[int | None, Sequence[Answered]], chosen_cuts: Mapping[str, float], share: float
) -> dict[str, Any]:
    """Figures on NIH's films at each size, as text by name."""
    nih = {size or "native": of_group(some, "nih") for size, some in answers.items()}
    out: dict[str, Any] = {}
    for size, some in nih.items():
        own = presence_figures(some, chosen_cuts) if some else {}
        out[f"NIH {size}"] = (
            own
            | place_figures(some, share)
            | {
                "found on no-finding films": told(f.found_share(some, chosen_cuts)),
                "F1@0.3": told(f.f1(some, chosen_cuts, share)),
                "AUROC without cuts": [told(f.area(f.against(f.judged(some, {}), b))) for b in (False, True)],
            }
        )
    return out


def other_report(native: Sequence[Answered], chosen_cuts: Mapping[str, float]) -> dict[str, Any]:
    """The other sources, the regions, and every label."""
    out: dict[str, Any] = {}
    for group in ("openi", "rsna"):
        out[f"found on no-finding films, {group}"] = told(f.found_share(of_group(native, group), chosen_cuts))
    regions = f.by(f.placements(of_group(native, "jsrt"), 0.6), lambda i: f"{i.side} {i.concept}".strip())
    out["JSRT"] = {name: told(f.mean_iou(some)) for name, some in regions.items()}
    out["labels"] = label_figures(native)
    return out


def label_figures(native: Sequence[Answered]) -> dict[str, str]:
    """AUROC of every finding where it is labelled or boxed against where it is denied, by group."""
    out = {}
    for group in ("nih", "openi", "jsrt"):
        some = of_group(native, group)
        for concept in f.c.FINDINGS:
            items = [
                f.Judged(
                    film.patient, concept, f.logit(film.presence[concept]), concept in film.positive, False, film.image
                )
                for film in some
                if concept in film.positive or concept in film.absent
            ]
            yes = sum(i.there for i in items)
            if yes >= 3 and len(items) - yes >= 3:
                out[f"{group}: {concept}"] = f"{f.area(items)} ({yes} there, {len(items) - yes} denied)"
    return out


def choose_share(native: Sequence[Answered]) -> float:
    """The share of heat for further boxes with the largest mean IoU of bare phrases on dev."""
    values = {share: f.mean_iou(f.bare(f.placements(native, share))).value for share in SHARES}
    print("mean IoU bare by share of heat:", {k: round(v, 4) for k, v in values.items()})
    return max(values, key=lambda share: values[share])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "val"), required=True)
    parser.add_argument("--side", type=int, help="canvas to ask on (default: the network's own)")
    parser.add_argument("--model", type=Path, help="a checkpoint to be asked instead of the run")
    parser.add_argument("--detail", type=int, help="another setting of the checkpoint's preprocessing")
    parser.add_argument("--native", action="store_true", help="films as they are stored only")
    parser.add_argument("--few", type=int, help="films of a group, to try the command")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    name = str(options.side or "own")
    if options.model:
        name = "model" if options.detail is None else f"model-{options.detail}"
        options.run.mkdir(parents=True, exist_ok=True)
    asker = (
        partial(of_checkpoint, options.model, options.detail)
        if options.model
        else partial(of_run, options.run, options.side)
    )
    groups = ("nih",) if options.model else tuple(MOST)
    sizes = (None,) if options.native else SIZES[options.split]
    answers = asked(options.run, options.shared, options.split, sizes, asker, name, options.few, groups)
    kept = options.run / f"cuts-{name}.json"
    if options.model:
        cut = f.logit(float(read_manifest(options.model)["threshold"]))
        kept.write_text(json.dumps({"cuts": dict.fromkeys(f.EIGHT, cut), "share": 0.0}))
    elif options.split == "dev":
        every = [film for some in answers.values() for film in some]
        choice = {"cuts": cuts(every), "share": choose_share(of_group(answers[None], "nih"))}
        kept.write_text(json.dumps(choice | {"presence": as_probabilities(choice["cuts"])}, indent=1))
    choice = json.loads(kept.read_text())
    found = nih_report(answers, choice["cuts"], choice["share"])
    if not options.model:
        found |= other_report(answers[None], choice["cuts"])
    path = options.run / f"figures-{options.split}-{name}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
