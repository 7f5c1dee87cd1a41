"""The sections of an evaluation: questions in, figures out, each for the model and what it is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lofi.gallery import Gallery
from lofi.metrics.bootstrap import Estimate, Floats
from lofi.metrics.calibration import presence_figures
from lofi.network.model import LofiModel
from train.evaluation import embedding_figures, systems
from train.evaluation.answering import Asked, answering_figures
from train.evaluation.asking import Answers, at_threshold
from train.evaluation.cam import CamProbe, PatchMap
from train.evaluation.controls import CentrePrior, other_films
from train.evaluation.questions import BOXED_FINDINGS, Film, Question
from train.evaluation.systems import BOLD, MODEL, PRIOR, SetResult


@dataclass(frozen=True)
class Setting:
    """How an evaluation runs."""

    resamples: int = 1000
    seed: int = 0
    untrained: bool = True
    gradcam: bool = False
    reports: bool = True
    size: int | None = None


def phrases_asked(
    sets: dict[str, list[Question]], absent: Sequence[Question], films: Sequence[Film], seed: int
) -> dict[str, list[tuple[int, str]]]:
    """Every phrase to ask: of its own film, and under "wrong <set>" of another patient's; and the absent ones."""
    generator = np.random.default_rng(seed)
    asked = {name: [(question.film, question.phrase) for question in questions] for name, questions in sets.items()}
    for name, questions in sets.items():
        others = other_films(questions, films, generator)
        asked[f"wrong {name}"] = [(other, q.phrase) for other, q in zip(others, questions, strict=True)]
    return {**asked, "absent": [(question.film, question.phrase) for question in absent]}


@dataclass(frozen=True)
class Controls:
    """What the model is held against: ``fresh`` rows of an untrained one by set, a Grad-CAM ``probe`` and its maps."""

    fresh: dict[str, Floats]
    probe: CamProbe | None
    maps: Mapping[int, PatchMap]


def grounding_sets(
    model: LofiModel,
    films: Sequence[Film],
    training: Sequence[Film],
    sets: dict[str, list[Question]],
    answers: Answers[Any],
    controls: Controls,
    setting: Setting,
) -> dict[str, SetResult]:
    """Rows of the model and of every control for each set."""
    prior, fresh, probe = CentrePrior.fit(training), controls.fresh, controls.probe
    results = {}
    for name, asked in sets.items():
        found, wrong = answers.groundings[name], answers.groundings[f"wrong {name}"]
        rows = systems.model_rows(found, wrong, model.threshold, asked)
        rows |= systems.blind_rows(asked, prior, setting.seed)
        if name in fresh:
            rows[systems.FRESH] = fresh[name]
        if probe is not None and name in ("bare", "side"):
            rows[systems.CAM] = systems.cam_rows(probe, controls.maps, asked)
        results[name] = SetResult(asked, [films[question.film].patient for question in asked], rows)
    return results


def by_label(result: SetResult, draw: tuple[int, int]) -> dict[str, dict[str, Estimate]]:
    """Label → "<system>: <figure>" → estimate, for the model and the centre prior."""
    found: dict[str, dict[str, Estimate]] = {}
    for label in sorted({question.label for question in result.questions} - {""}):
        numbers = [number for number, question in enumerate(result.questions) if question.label == label]
        figures = result.figures(*draw, keep=numbers)
        order = ("mean IoU", "IoU≥0.1", "IoU≥0.3", "IoU≥0.5", "IoU≥0.7")
        shown = [(system, name) for name in order for system in (MODEL, BOLD, PRIOR) if system in figures]
        found[label] = {f"{system}: {name}": figures[system][name] for system, name in shown}
    return found


def subgroups(result: SetResult, films: Sequence[Film], draw: tuple[int, int]) -> dict[str, Estimate]:
    """Mean IoU of the model by sex, age band and view."""
    found = {}
    for name in ("sex", "age_band", "view"):
        values = [getattr(films[question.film], name) for question in result.questions]
        for value in sorted({value for value in values if value}):
            numbers = [number for number, other in enumerate(values) if other == value]
            found[f"{name.removesuffix('_band')} {value}"] = result.figures(*draw, keep=numbers)[MODEL]["mean IoU"]
    return found


def presence_section(
    model: LofiModel,
    films: Sequence[Film],
    sets: dict[str, list[Question]],
    absent: Sequence[Question],
    answers: Answers[Any],
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


def answering_section(
    model: LofiModel,
    films: Sequence[Film],
    sets: dict[str, list[Question]],
    absent: Sequence[Question],
    answers: Answers[Any],
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


def embedding_sections(
    model: LofiModel, films: Sequence[Film], answers: Answers[Any], gallery: Gallery | None, draw: tuple[int, int]
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
