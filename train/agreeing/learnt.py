"""What a checkpoint is told to have learnt by its dense network, with what was measured of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lofi.metrics.bootstrap import Estimate, PatientBootstrap
from lofi.network.concepts import Concept, Concepts, Presence
from lofi.network.hearing import ALWAYS_THERE
from lofi.report.concepts import canonical
from lofi.report.question import SHAPES
from train.agreeing.asking import SPOKEN, Whether
from train.agreeing.folds import Crossed, concepts_of
from train.agreeing.presence import Weights
from train.densely import concepts as c
from train.densely import figures as f

LEAST_AREA, LEAST_YES = 0.7, 5
"""AUROC, and films that show it, without which the dense network alone does not speak about a finding."""
BOXED_FILMS = 5
"""Films with boxes by hand, below which a place was not taught."""
RIGHT = (0.5, 0.3)
"""Overlaps (IoU) with a reader's box from which on a box counts as right: the usual one, and a laxer one."""
_PART = {"upper lung zone": "lung zone", "middle lung zone": "lung zone", "lower lung zone": "lung zone"}


def trusted(weights: Weights, crossed: Crossed) -> dict[str, tuple[float, float, float]]:
    """The weights of what may be answered, and of the parts of the body that the language model was not taught."""
    answered = concepts_of(crossed)
    kept = {
        name: three
        for name, three in weights.items()
        if name in SPOKEN
        or (_area(answered[name]).value >= LEAST_AREA and sum(w.there for w, _ in answered[name]) >= LEAST_YES)
    }
    return kept | {name: ALWAYS_THERE for name in c.ANATOMY if name in SHAPES and name != "lung"}


def learnt(
    before: Concepts, taught: Mapping[str, Mapping[str, Any]], weights: Weights, crossed: Crossed
) -> dict[str, Concept]:
    """The table of a manifest, with what the dense network was taught by (its description's ``concepts``)."""
    out = dict(before)
    items = concepts_of(crossed)
    if lung := taught.get("lung"):  # one lung is what the language model was taught
        films = lung["films_with_boxes"] + lung["machine_made_films"]
        out["both lungs"] = Concept("both lungs", films, 2 * films, _how(lung))
    for name in weights:
        told = taught[name]
        yes = sum(pair[0] for pair in told["yes_no_films"].values())
        key = _PART.get(name, name)
        old = before.get(key)
        if name in SHAPES:
            films = told["films_with_boxes"] + told["machine_made_films"]
            if old is None or not old.learnt or old.films < films:
                out[key] = Concept(_part(key), films, max(told["boxes"], films), _how(told))
            continue
        figures = {}
        if name in items:
            figures["AUROC"] = _figure(_area(items[name]))
        figures |= _placed(name, crossed)
        boxes = max(told["boxes"] if told["films_with_boxes"] >= BOXED_FILMS else 0, old.boxes if old else 0)
        how: Presence = "boxes" if boxes else "labels"
        out[name] = Concept(canonical(name), max(yes, old.films if old else 0), boxes, how, figures)
    return out


def _how(told: Mapping[str, Any]) -> Presence:
    return "boxes" if told["films_with_boxes"] else "machine"


def _part(key: str) -> str:
    return f"left or right {key}" if key in (*c.PAIRED, "lung zone") else canonical(key)


def _area(items: Sequence[tuple[Whether, float]]) -> Estimate:
    judged = [f.Judged(w.patient, w.concept, v, w.there, w.beside, w.image) for w, v in items]
    return f.area(judged)


def _placed(name: str, crossed: Crossed) -> dict[str, tuple[float, float, float, float]]:
    """How well a finding's boxes lie where readers drew theirs, asked with its side; nothing where too few did."""
    placed = [(w.patient, o) for w, o in crossed.overlaps if w.concept == name and (w.side or name in c.SIDELESS)]
    if len(placed) < LEAST_YES:
        return {}
    boot, overlaps = PatientBootstrap([patient for patient, _ in placed]), [overlap for _, overlap in placed]
    right = {f"IoU≥{level}": _figure(boot.mean([float(o >= level) for o in overlaps])) for level in RIGHT}
    return {"mean IoU": _figure(boot.mean(overlaps)), **right}


def _figure(found: Estimate) -> tuple[float, float, float, float]:
    return round(found.value, 3), round(found.low, 3), round(found.high, 3), float(found.n)
