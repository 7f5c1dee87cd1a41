"""One pass over the films: each is encoded once, then asked everything that anyone wants to know of it."""

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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

_Regions = dict[int, list[tuple[int, tuple[FilmBox, ...]]]]
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
class Answers:
    """Answers in the order of the plan. ``embeddings`` (n, E) of all films asked; zero rows for films left alone."""

    embeddings: NDArray[np.float32]
    groundings: dict[str, list[Grounding]]
    descriptions: list[str]
    reports: list[str]


def readable(films: Sequence[Film]) -> tuple[list[Film], int]:
    """Films that can be read and how many cannot: those leave every figure, and the result says so."""
    kept = []
    for film in tqdm(films, desc="reading", unit="film"):
        try:
            Radiograph.read(film.path)
        except (LofiError, OSError):
            continue
        kept.append(film)
    return kept, len(films) - len(kept)


def ask(
    model: LofiModel,
    films: Sequence[Film],
    plan: Plan,
    every_film: bool = True,
    title: str = "asking",
    also: Callable[[int, EncodedFilm], None] | None = None,
    size: int | None = None,
) -> Answers:
    """Encode each film once and answer the plan. Without ``every_film`` those with nothing to answer are passed over.

    ``also`` is called with each film's number and its encoding, for whoever needs the patches. With a ``size``, films
    are asked as if they had been stored with so many pixels on their longer side.
    """
    phrases, regions, reports = _by_film(plan)
    embeddings = np.zeros((len(films), model.embed_dim), dtype=np.float32)
    groundings = {name: [_UNASKED] * len(asked) for name, asked in plan.phrases.items()}
    descriptions, drafts = [""] * len(plan.regions), [""] * len(plan.reports)
    numbers = range(len(films)) if every_film else sorted({*phrases, *regions, *reports})
    for number in tqdm(numbers, desc=title, unit="film"):
        encoded = model.encode(stored_at(Radiograph.read(films[number].path), size))
        embeddings[number] = encoded.embedding
        located: dict[str, Grounding] = {}
        for name, place, phrase in phrases[number]:
            if phrase not in located:  # several sets ask the same
                located[phrase] = model.locate(encoded, phrase)
            groundings[name][place] = located[phrase]
        for place, boxes in regions[number]:
            descriptions[place] = model.describe_together(encoded, as_boxes(boxes))
        for place in reports[number]:
            drafts[place] = " ".join(sentence.sentence for sentence in model.report(encoded))
        if also is not None:
            also(number, encoded)
    return Answers(embeddings, groundings, descriptions, drafts)


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


def _by_film(
    plan: Plan,
) -> tuple[dict[int, list[tuple[str, int, str]]], _Regions, dict[int, list[int]]]:
    """The plan's entries of each film, each with its place in the plan."""
    phrases: dict[int, list[tuple[str, int, str]]] = defaultdict(list)
    regions: _Regions = defaultdict(list)
    reports: dict[int, list[int]] = defaultdict(list)
    for name, asked in plan.phrases.items():
        for place, (number, phrase) in enumerate(asked):
            phrases[number].append((name, place, phrase))
    for place, (number, boxes) in enumerate(plan.regions):
        regions[number].append((place, boxes))
    for place, number in enumerate(plan.reports):
        reports[number].append(place)
    return phrases, regions, reports


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
