"""Both networks of a checkpoint asked apart about whole films, beside the truth."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph
from lofi.metrics.calibration import log_odds
from lofi.network.checkpoint import load
from lofi.network.decoding import FoundBoxes, token_boxes
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.network.side_by_side import written
from lofi.network.text import grounding_prompt
from train.densely import concepts as c
from train.densely.answers import Film
from train.densely.canvases import decode, placed
from train.densely.questions import placed_findings

SPOKEN = (*c.NIH[:8], "lung opacity")
"""What the language model of lofi-mini was taught whether and where."""

Boxes = list[list[float]]


@dataclass(frozen=True)
class Whether:
    """A finding asked of a film, bare: log-odds of both networks, and whether it is there.

    ``language`` is None where the language model was not taught it. ``beside``: the film shows another finding.
    """

    image: str
    patient: str
    group: str
    concept: str
    there: bool
    boxed: bool
    beside: bool
    language: float | None
    dense: float


@dataclass(frozen=True)
class Where:
    """A finding asked for its place: boxes on the canvas, and the logits of both heat maps, square, row by row."""

    image: str
    patient: str
    concept: str
    side: str
    true: Boxes
    written: Boxes
    dense: Boxes
    scores: list[float]
    dense_heat: list[float]
    language_heat: list[float]


@dataclass(frozen=True)
class Heard:
    """All that was asked."""

    whether: list[Whether]
    where: list[Where]


def heard_films(folder: Path, films: Sequence[Film], root: Path, cache: Path | None) -> Heard:
    """Every film under ``root`` asked everything; kept in the file ``cache``, and taken from there when it exists."""
    if cache is not None and cache.is_file():
        return _read(cache)
    model = load(folder, "cpu")

    def one(film: Film) -> Heard:
        return ask(model, film, decode(root / film.image))

    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        parts = list(pool.map(one, films))
    heard = Heard([w for p in parts for w in p.whether], [w for p in parts for w in p.where])
    if cache is not None:
        _write(cache, heard)
    return heard


def ask(model: LofiModel, film: Film, grey: NDArray[np.uint8]) -> Heard:
    """One film: each finding of which it is known whether it is there, and each that has boxes."""
    if model.eyes is None:
        raise ValueError("the checkpoint has no dense network: python -m train.dense_release puts one in")
    encoded = model.encode(Radiograph(grey.astype(np.float32) / 255, sha256=film.image))
    assert encoded.seen is not None
    known = [name for name in c.FINDINGS if name in model.eyes and _known(film, name)]
    places = model.eyes.ask(encoded.seen, [(name, "") for name in known], most=1)
    spoken = {name: _spoken(model, encoded, name, "") for name in known if name in SPOKEN}
    whether = [
        Whether(
            film.image,
            film.patient,
            film.group,
            name,
            name in film.positive,
            name in film.regions,
            bool(film.positive - c.near(name)),
            float(log_odds(spoken[name].presence)) if name in spoken else None,
            float(log_odds(place.presence)),
        )
        for name, place in zip(known, places, strict=True)
    ]
    where = []
    for question in placed_findings(film):
        words = c.said(question.concept, question.side)
        (place,) = model.eyes.ask(encoded.seen, [(question.concept, question.side)], share=0.3)
        written = _spoken(model, encoded, question.concept, question.side).boxes
        phrase = torch.from_numpy(model.embed_phrase(words))[None]
        with model.turn, torch.inference_mode():
            heat = model.network.heat(encoded.patches, phrase)[0].float()
        where.append(
            Where(
                film.image,
                film.patient,
                question.concept,
                question.side,
                [list(placed(box, film.size_hw)) for box in question.boxes],
                written.tolist(),
                place.boxes.tolist(),
                place.scores.tolist(),
                [round(v, 3) for v in _small(place.heat).flatten().tolist()],
                [round(v, 3) for v in heat.tolist()],
            )
        )
    return Heard(whether, where)


def _known(film: Film, concept: str) -> bool:
    """There, denied, or on NIH's films neither it nor anything akin named: the rule of the project's figures."""
    if concept in film.positive or (concept, "") in film.absent:
        return True
    return film.group == "nih" and concept in c.NIH[:8] and not c.near(concept) & film.positive


def _spoken(model: LofiModel, encoded: EncodedFilm, concept: str, side: str) -> FoundBoxes:
    """What the language model alone answers."""
    prompt = model.language_tokens.encode(grounding_prompt(c.said(concept, side)))
    with model.turn, torch.inference_mode():
        boxes = token_boxes(model.language_tokens, prompt, model.grammar)
        return written(model.network.language, [encoded.cache], [boxes])[0]


def _small(heat: torch.Tensor) -> torch.Tensor:
    """(n, n) logits on a grid of 28 cells a side: finer is not asked of them."""
    n = min(28, heat.shape[0])
    return torch.nn.functional.interpolate(heat[None, None], size=(n, n), mode="bilinear", antialias=True)[0, 0]


def _write(path: Path, heard: Heard) -> None:
    lines: Iterable[dict[str, object]] = [asdict(w) for w in (*heard.whether, *heard.where)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _read(path: Path) -> Heard:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    whether = [Whether(**row) for row in rows if "there" in row]
    return Heard(whether, [Where(**row) for row in rows if "there" not in row])
