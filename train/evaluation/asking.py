"""One pass over the films: each is encoded once, then asked everything that anyone wants to know of it.

Several films are asked at once, and several processes (torchrun) share them out.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lofi.boxes import as_boxes
from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.evaluation.questions import Film, FilmBox
from train.pretraining.distributed import Turns, rank, world

T = TypeVar("T")
TOGETHER = 8
"""Films that are asked at once."""
_UNASKED = Grounding("", found=False, confidence=0.0)


@dataclass(frozen=True)
class Plan:
    """What to ask. ``phrases`` names sets of (film number, phrase); the film need not be the phrase's own. ``regions``
    are boxes of a film to be described together.
    """

    phrases: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    regions: Sequence[tuple[int, tuple[FilmBox, ...]]] = ()
    reports: Sequence[int] = ()


@dataclass(frozen=True)
class Answers(Generic[T]):
    """Answers in the order of the plan. ``embeddings`` (n, E) of all films asked; zero rows for films left alone.

    ``also``: film number → what ``ask``'s ``also`` returned of it, where that was not None.
    """

    embeddings: NDArray[np.float32]
    groundings: dict[str, list[Grounding]]
    descriptions: list[str]
    reports: list[str]
    also: dict[int, T] = field(default_factory=dict)


@dataclass
class _Sheet:
    """What the plan asks of one film, each with its place in the plan."""

    phrases: list[tuple[str, int, str]] = field(default_factory=list)
    regions: list[tuple[int, tuple[FilmBox, ...]]] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)


@dataclass
class _Told(Generic[T]):
    """What one film was answered."""

    embedding: NDArray[np.float32]
    located: dict[str, Grounding] = field(default_factory=dict)
    described: dict[int, str] = field(default_factory=dict)
    drafted: str = ""
    also: T | None = None


def readable(films: Sequence[Film]) -> tuple[list[Film], int]:
    """Films that can be read and how many cannot: those leave every figure, and the result says so.

    Of several processes each reads its part; all must call.
    """
    kept = []
    for number in tqdm(range(len(films))[rank() :: world()], desc="reading", unit="film", disable=rank() > 0):
        try:
            Radiograph.read(films[number].path)
        except (LofiError, OSError):
            continue
        kept.append(number)
    everyone = sorted(number for part in Turns().gather(kept) for number in part)
    return [films[number] for number in everyone], len(films) - len(everyone)


def ask(
    model: LofiModel,
    films: Sequence[Film],
    plan: Plan,
    every_film: bool = True,
    title: str = "asking",
    also: Callable[[int, EncodedFilm], T] | None = None,
    size: int | None = None,
) -> Answers[T]:
    """Encode each film once and answer the plan. Without ``every_film`` those with nothing to answer are passed over.

    ``also`` is called with each film's number and its encoding, for whoever needs the patches. With a ``size``, films
    are asked as if they had been stored with so many pixels on their longer side. What several films are asked is
    answered together, and of several processes each asks its part of the films; all must call, and all get everything.
    """
    sheet = _by_film(plan)
    numbers = list(range(len(films))) if every_film else sorted(sheet)
    # Whole groups are shared out: which films are computed together must not depend on the number of processes.
    groups = [numbers[start : start + TOGETHER] for start in range(0, len(numbers), TOGETHER)][rank() :: world()]
    told: dict[int, _Told[T]] = {}
    with tqdm(total=sum(map(len, groups)), desc=title, unit="film", disable=rank() > 0) as bar:
        for group in groups:
            told |= _asked(model, films, {number: sheet[number] for number in group}, also, size)
            bar.update(len(group))
    told = {number: found for part in Turns().gather(told) for number, found in part.items()}
    return _in_order(model, len(films), plan, sheet, told)


def _asked(
    model: LofiModel,
    films: Sequence[Film],
    sheet: Mapping[int, "_Sheet"],
    also: Callable[[int, EncodedFilm], T] | None,
    size: int | None,
) -> dict[int, "_Told[T]"]:
    """Everything that is asked of some films, by number."""
    seen = {number: model.encode(stored_at(Radiograph.read(films[number].path), size)) for number in sheet}
    asked = list(dict.fromkeys((n, phrase) for n, one in sheet.items() for _, _, phrase in one.phrases))
    located = dict(zip(asked, model.locate_each([(seen[n], phrase) for n, phrase in asked]), strict=True))
    regions = [(n, place, boxes) for n, one in sheet.items() for place, boxes in one.regions]
    described = model.describe_each([(seen[n], as_boxes(boxes)) for n, _, boxes in regions])
    reported = [number for number, one in sheet.items() if one.reports]
    drafts = model.report_each([seen[number] for number in reported])
    texts = [" ".join(sentence.sentence for sentence in draft) for draft in drafts]
    told = {n: _Told[T](film.embedding, also=None if also is None else also(n, film)) for n, film in seen.items()}
    for (number, phrase), answer in located.items():
        told[number].located[phrase] = answer
    for (number, place, _), text in zip(regions, described, strict=True):
        told[number].described[place] = text
    for number, text in zip(reported, texts, strict=True):
        told[number].drafted = text
    return told


def _in_order(
    model: LofiModel, films: int, plan: Plan, sheet: Mapping[int, "_Sheet"], told: Mapping[int, "_Told[T]"]
) -> "Answers[T]":
    """What was told of the films, in the order of the plan."""
    embeddings = np.zeros((films, model.embed_dim), dtype=np.float32)
    groundings = {name: [_UNASKED] * len(asked) for name, asked in plan.phrases.items()}
    descriptions, drafts = [""] * len(plan.regions), [""] * len(plan.reports)
    for number, found in told.items():
        embeddings[number] = found.embedding
        for name, place, phrase in sheet[number].phrases:
            groundings[name][place] = found.located[phrase]
        for place, text in found.described.items():
            descriptions[place] = text
        for place in sheet[number].reports:
            drafts[place] = found.drafted
    also = {number: found.also for number, found in sorted(told.items()) if found.also is not None}
    return Answers(embeddings, groundings, descriptions, drafts, also)


def stored_at(film: Radiograph, size: int | None) -> Radiograph:
    """The film with ``size`` pixels on its longer side, area-averaged down or interpolated up; None: as it is."""
    if size is None:
        return film
    height, width = film.size_hw
    scale = size / max(height, width)
    wanted = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = np.asarray(cv2.resize(film.pixels, wanted, interpolation=how), dtype=np.float32)
    return replace(film, pixels=pixels, spacing_mm=None)


def _by_film(plan: Plan) -> dict[int, _Sheet]:
    """The plan's entries of each film, each with its place in the plan; an empty sheet for those it does not name."""
    sheets: dict[int, _Sheet] = defaultdict(_Sheet)
    for name, asked in plan.phrases.items():
        for place, (number, phrase) in enumerate(asked):
            sheets[number].phrases.append((name, place, phrase))
    for place, (number, boxes) in enumerate(plan.regions):
        sheets[number].regions.append((place, boxes))
    for place, number in enumerate(plan.reports):
        sheets[number].reports.append(place)
    return sheets


def always_answering(model: LofiModel) -> LofiModel:
    """The same model with a threshold of 0: it gives boxes however unsure it is. Weights and lock are shared."""
    bold = copy.copy(model)
    bold.threshold = bold.unsure_from = 0.0
    return bold


def at_threshold(answer: Grounding, threshold: float) -> Grounding:
    """What the model answers at its own threshold, from what it answers without one."""
    if answer.confidence >= threshold:
        return answer
    return Grounding(answer.phrase, found=False, confidence=answer.confidence)
