"""Boxes that a first network finds for findings that are labelled and that nobody boxed: taught to the next one.

Only where the network sees the finding, places it in one spot, and knows it well enough to be asked; they count half
(``questions.MACHINE_MADE``), and a label's word is what says that the finding is there at all.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lofi.network.eyes import DenseEyes
from train.densely import concepts as c
from train.densely.answers import Box, Film, Region
from train.densely.canvases import placed

FEWEST_BOXES = 40
"""Films on which readers boxed a finding, below which its boxes are not to be believed."""
HOT, THERE = 0.5, 0.6
NEAR = 0.08
"""A box whose middle lies nearer than this to the film's own is on neither side."""


def askable(films: Sequence[Film]) -> frozenset[str]:
    """The findings that readers boxed often enough."""
    counts = {concept: sum(concept in film.regions for film in films) for concept in c.FINDINGS}
    return frozenset(concept for concept, count in counts.items() if count >= FEWEST_BOXES)


def questions(film: Film, known: frozenset[str]) -> list[tuple[str, str]]:
    """(concept, side) of what is labelled and not boxed; the sides that are told in place of none."""
    out = []
    for concept in sorted({concept for concept, _ in film.present if concept in known} - set(film.regions)):
        sides = sorted(side for name, side in film.present if name == concept and side)
        out += [(concept, side) for side in sides or [""]]
    return out


def kept(films: Sequence[Film], completed: Sequence[Film], path: Path) -> None:
    """Write what was found on films, so that a run that is taken up again need not look anew."""
    found = {
        film.image: {concept: [[*r.box, r.side] for r in new.regions[concept]] for concept in added}
        for film, new in zip(films, completed, strict=True)
        if (added := sorted(set(new.regions) - set(film.regions)))
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(path)


def read_again(films: Sequence[Film], path: Path) -> list[Film]:
    """The films with what ``kept`` wrote."""
    found = json.loads(path.read_text())
    return [
        replace(film, regions={**film.regions, **{name: _regions(rows) for name, rows in found[film.image].items()}})
        if film.image in found
        else film
        for film in films
    ]


def _regions(rows: Sequence[Sequence[Any]]) -> tuple[Region, ...]:
    return tuple(Region((row[0], row[1], row[2], row[3]), row[4], made=True) for row in rows)


def found_on(eyes: DenseEyes, film: Film, canvas: NDArray[np.uint8], known: frozenset[str]) -> Film:
    """The film with the boxes that the network is sure of; ``canvas`` (S, S) as ``canvases.render`` makes it."""
    asked = questions(film, known)
    if not asked:
        return film
    seen = eyes.look(torch.from_numpy(canvas.astype(np.float32) / 255))
    regions: dict[str, list[Region]] = {}
    for (concept, side), place in zip(asked, eyes.ask(seen, asked, most=2, share=0.9), strict=True):
        if place.presence < THERE:
            continue
        for box, score in zip(place.boxes.tolist(), place.scores.tolist(), strict=True):
            region = _region(concept, side, tuple(box), film)
            if score >= HOT and _agreed(region.box, film.coded.get(concept, ())):
                regions.setdefault(concept, []).append(region)
    return replace(film, regions={**film.regions, **{name: tuple(some) for name, some in regions.items()}})


def _agreed(box: Box, coded: Sequence[Region]) -> bool:
    """Whether the middle of the box lies where a coded report places the finding, if one does."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = [r.box[0] <= x <= r.box[2] and r.box[1] <= y <= r.box[3] for r in coded]
    return not coded or any(inside)


def _region(concept: str, side: str, box: Box, film: Film) -> Region:
    """Off the canvas, on to the film."""
    x0, y0 = placed((0, 0, 0, 0), film.size_hw)[:2]
    own: Box = tuple((v - o) / (1 - 2 * o) for v, o in zip(box, (x0, y0, x0, y0), strict=True))  # type: ignore[assignment]
    x = (box[0] + box[2]) / 2
    if concept not in c.SIDELESS and not side and abs(x - 0.5) >= NEAR:
        side = "right" if x < 0.5 else "left"  # the patient's right is on the viewer's left
    return Region(own, "" if concept in c.SIDELESS else side, made=True)
