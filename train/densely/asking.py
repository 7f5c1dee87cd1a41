"""The trained network asked about whole films, at several sizes: answers beside the truth, for figures."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph
from lofi.network.eyes import DenseEyes
from lofi.network.model import LofiModel
from train.densely import concepts as c
from train.densely.answers import Film
from train.densely.canvases import decode, placed, render
from train.densely.questions import anatomy, placed_findings

LOWEST_SHARE = 0.3
"""Further boxes are kept down to this share of the hottest cell's heat; how many count is chosen later."""


@dataclass(frozen=True)
class Answered:
    """A film at a size: presence by concept (asked bare), and for each placed question what was found and what is true.

    ``places``: (concept, side, found boxes with scores hottest first, true boxes), boxes on the canvas, 0–1.
    """

    image: str
    patient: str
    group: str
    positive: list[str]
    boxed: list[str]
    absent: list[str]
    presence: dict[str, float]
    places: list[tuple[str, str, list[list[float]], list[list[float]]]]


def at_size(grey: NDArray[np.uint8], longest: int | None) -> NDArray[np.uint8]:
    """The film as if it had been stored with its longer side ``longest`` px; None leaves it as it is."""
    if longest is None:
        return grey
    height, width = grey.shape
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(small, np.uint8)


def ask_film(eyes: DenseEyes, film: Film, grey: NDArray[np.uint8], side: int) -> Answered:
    """All findings bare, and each box that the film has; ``side`` is that of the canvas."""
    canvas = torch.from_numpy(render(grey, side).astype(np.float32) / 255)
    truths = placed_findings(film) + [q for q in anatomy(film) if not q.made]
    seen = eyes.look(canvas)
    there = eyes.ask(seen, [(concept, "") for concept in c.FINDINGS], most=1)
    found = eyes.ask(seen, [(q.concept, q.side) for q in truths], share=LOWEST_SHARE)
    places = []
    for question, place in zip(truths, found, strict=True):
        scored = torch.cat([place.boxes, place.scores[:, None]], 1).tolist()
        places.append(
            (question.concept, question.side, scored, [list(placed(b, film.size_hw)) for b in question.boxes])
        )
    presence = {name: round(place.presence, 5) for name, place in zip(c.FINDINGS, there, strict=True)}
    return _answered(film, presence, places)


def ask_model(model: LofiModel, film: Film, grey: NDArray[np.uint8]) -> Answered:
    """A whole checkpoint asked as ``ask_film`` asks the dense network: eight findings bare, and each box of a finding.

    ``model`` always answers (train.evaluation.asking); presence is its confidence.
    """
    encoded = model.encode(Radiograph(grey.astype(np.float32) / 255, sha256=film.image))
    truths = [q for q in placed_findings(film) if q.concept in c.NIH[:8]]
    asked = {(concept, "") for concept in c.NIH[:8]} | {(q.concept, q.side) for q in truths}
    keys = sorted(asked)
    found = dict(zip(keys, model.locate_each([(encoded, c.said(*key)) for key in keys]), strict=True))
    places = []
    for question in truths:
        answer = found[question.concept, question.side]
        scored = [[*placed(box, film.size_hw), score] for box, score in zip(answer.boxes, answer.scores, strict=True)]
        true = [list(placed(box, film.size_hw)) for box in question.boxes]
        places.append((question.concept, question.side, scored, true))
    return _answered(film, {name: found[name, ""].confidence for name in c.NIH[:8]}, places)


def _answered(
    film: Film,
    presence: dict[str, float],
    places: list[tuple[str, str, list[list[float]], list[list[float]]]],
) -> Answered:
    """What was answered, beside what is true of the film."""
    return Answered(
        image=film.image,
        patient=film.patient,
        group=film.group,
        positive=sorted(film.positive),
        boxed=sorted(concept for concept in film.regions if concept in c.FINDINGS),
        absent=sorted(concept for concept, where in film.absent if not where),
        presence=presence,
        places=places,
    )


Asker = Callable[[Film, NDArray[np.uint8]], Answered]
"""A film's record and its grey pixels → its answers."""


def ask_films(ask: Asker, films: Iterable[Film], root: Path, longest: int | None) -> list[Answered]:
    """Every film under ``root`` at one size; two at a time, each on one thread."""

    def one(film: Film) -> Answered:
        return ask(film, at_size(decode(root / film.image), longest))

    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(one, films))


def write(path: Path, answers: Sequence[Answered]) -> None:
    """One film a line."""
    path.write_text("".join(json.dumps(asdict(answer)) + "\n" for answer in answers))


def read(path: Path) -> list[Answered]:
    """What ``write`` wrote."""
    return [Answered(**json.loads(line)) for line in path.read_text().splitlines()]
