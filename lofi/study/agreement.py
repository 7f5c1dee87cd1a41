"""How far readers agree with one another and the model: κ, AC1 and percent with intervals by case, IoU, acceptance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from lofi.boxes import Boxes, as_boxes, set_iou
from lofi.metrics.agreement import (
    as_ratings,
    cohen_columns,
    cohen_kappa,
    fleiss_columns,
    fleiss_kappa,
    gwet_ac1,
    percent_agreement,
)
from lofi.metrics.bootstrap import Estimate, PatientBootstrap
from lofi.study.store import current
from lofi.study.verdict import PRESENT, Decision, Verdict

Item = tuple[str, str, int]
"""What was judged: a film and a box, a phrase (number −1) or a hit."""

Judged = Mapping[str, Mapping[Item, int]]
"""For each reader, each item judged: 1 for yes, 0 for no."""

_NO, _YES = 0, 1


@dataclass(frozen=True)
class Figure:
    """One line of the answer: a figure with its 95 % interval by case, or, where it is undefined, why.

    ``n`` items of ``cases`` cases were judged by all readers; ``left_out`` were judged by some of them only.
    """

    name: str
    estimate: Estimate | None
    n: int
    cases: int
    left_out: int = 0
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the values are null where the figure is undefined."""
        numbers: dict[str, float | None] = dict.fromkeys(("value", "low", "high"))
        if self.estimate is not None:
            # Resampling one case gives that case again: its interval of no width would tell a lie.
            known = ("value", "low", "high") if self.cases > 1 else ("value",)
            numbers |= {name: round(getattr(self.estimate, name), 5) for name in known}
        counts = {"n": self.n, "cases": self.cases, "left_out": self.left_out}
        return {"name": self.name, **numbers, **counts, "why": self.why}

    def __str__(self) -> str:
        left = f", {self.left_out} not judged by all" if self.left_out else ""
        said = self.why if self.estimate is None else str(self.estimate)
        if self.estimate is not None and self.cases < 2:
            said = f"{self.estimate.value:.3f}, no interval from one case"
        return f"{self.name}: {said} (n = {self.n}, {self.cases} cases{left})"


def agreement(
    verdicts: Sequence[Verdict], resamples: int = 1000, seed: int = 0, training: frozenset[str] = frozenset()
) -> tuple[Figure, ...]:
    """Every figure of a study's verdicts, oldest first. What was replaced or withdrawn is left aside.

    The films of ``training`` (their sha256) do not count.

    Of a reader study only finished cases count: half a case would pass for "not there". The reading room has no
    such end, so all of its verdicts do.
    """
    last = [verdict for verdict in current(verdicts) if verdict.film not in training]
    done = {(verdict.reader, verdict.film) for verdict in last if verdict.decision is Decision.DONE}
    judged = [verdict for verdict in last if verdict.kind in {"box", "phrase", "hit"}]
    counting = [verdict for verdict in judged if not verdict.study or (verdict.reader, verdict.film) in done]
    readers = sorted({verdict.reader for verdict in counting})
    questions = (
        ("boxes accepted as drawn", boxes_accepted(counting)),
        ("findings present", findings_present(counting)),
        ("similar studies relevant", hits_relevant(counting)),
    )
    figures = [one for name, judged in questions for one in _between(name, judged, readers, resamples, seed)]
    figures += _overlap(counting, readers, resamples, seed)
    figures += _rates(counting, readers, resamples, seed)
    return tuple(figures)


def boxes_accepted(verdicts: Sequence[Verdict]) -> Judged:
    """The model's boxes: yes where accepted as drawn; no where rejected, moved or redrawn."""
    return _judged(
        verdicts,
        lambda one: (one.film, one.phrase, one.number) if one.kind == "box" and one.model_box is not None else None,
        lambda one: one.decision is Decision.ACCEPTED,
    )


def findings_present(verdicts: Sequence[Verdict]) -> Judged:
    """Phrases: yes where any box stands, the model's or the reader's own; no where all were rejected, or "absent"."""
    return _judged(
        verdicts,
        lambda one: (one.film, one.phrase, -1) if one.kind in {"box", "phrase"} else None,
        lambda one: one.decision in PRESENT,
    )


def hits_relevant(verdicts: Sequence[Verdict]) -> Judged:
    """Similar studies: relevant or not."""
    return _judged(
        verdicts,
        lambda one: (one.film, one.hit, -1) if one.kind == "hit" else None,
        lambda one: one.decision is Decision.RELEVANT,
    )


def _judged(
    verdicts: Sequence[Verdict], item_of: Callable[[Verdict], Item | None], is_yes: Callable[[Verdict], bool]
) -> Judged:
    """An item is a yes as soon as one of its verdicts is."""
    found: dict[str, dict[Item, int]] = {}
    for verdict in verdicts:
        item = item_of(verdict)
        if item is not None:
            of_reader = found.setdefault(verdict.reader, {})
            of_reader[item] = max(of_reader.get(item, _NO), _YES if is_yes(verdict) else _NO)
    return found


def _between(name: str, judged: Judged, readers: Sequence[str], resamples: int, seed: int) -> list[Figure]:
    """Cohen's κ of two readers, Fleiss' of more, Gwet's AC1 and percent, over the items that all of them judged."""
    two = len(readers) == 2
    titles = ["Cohen's κ" if two else "Fleiss' κ", "Gwet's AC1", "percent agreement"]
    each = [judged.get(reader, {}) for reader in readers]
    some = sorted({item for of_reader in each for item in of_reader})
    items = [item for item in some if all(item in of_reader for of_reader in each)] if len(readers) > 1 else []
    cases, left = len({film for film, *_ in items}), len(some) - len(items)
    if len(readers) < 2:
        films = len({film for film, *_ in some})
        alone = ["κ", *titles[1:]]
        return [Figure(f"{title}, {name}", None, len(some), films, 0, "needs at least two readers") for title in alone]
    if not items:
        why = "not defined: no item was judged by all readers"
        return [Figure(f"{title}, {name}", None, 0, 0, left, why) for title in titles]
    ratings = as_ratings([[of_reader[item] for of_reader in each] for item in items], len(readers))
    boot = PatientBootstrap([film for film, *_ in items], resamples, seed)
    shares = fleiss_columns(ratings, 2)
    found = [None, boot.of_sums(shares, gwet_ac1), boot.of_sums(shares, percent_agreement)]
    why = ""
    if len(np.unique(ratings)) == 1:
        why = f'not defined: all readers said "{"yes" if ratings[0, 0] == _YES else "no"}" to every item'
    else:
        columns, kappa = (cohen_columns(ratings, 2), cohen_kappa) if two else (shares, fleiss_kappa)
        found[0] = boot.of_sums(columns, kappa)
    whys = [why, "", ""]
    return [
        Figure(f"{title}, {name}", one, len(items), cases, left, said)
        for title, one, said in zip(titles, found, whys, strict=True)
    ]


def _overlap(verdicts: Sequence[Verdict], readers: Sequence[str], resamples: int, seed: int) -> list[Figure]:
    """IoU between two readers' boxes of a phrase, mean over pairs of readers; and of those with a box of their own."""
    boxes: dict[str, dict[tuple[str, str], list[Verdict]]] = {reader: {} for reader in readers}
    for verdict in verdicts:
        if verdict.shown_box is not None:
            boxes[verdict.reader].setdefault((verdict.film, verdict.phrase), []).append(verdict)
    films: list[str] = []
    overlaps: list[float] = []
    drawn: list[bool] = []
    for first, second in combinations(readers, 2):
        for key in sorted(boxes[first].keys() & boxes[second].keys()):
            pair = (boxes[first][key], boxes[second][key])
            films.append(key[0])
            overlaps.append(set_iou(*(as_regions(marks) for marks in pair)))
            drawn.append(any(mark.box is not None for marks in pair for mark in marks))
    why = "not defined: no two readers see the same finding" if len(readers) > 1 else "needs at least two readers"
    own = [at for at, one in enumerate(drawn) if one]
    changed = "not defined: no reader moved, redrew or added a box there"
    return [
        _mean("IoU between readers' boxes", overlaps, films, why, resamples, seed),
        _mean(
            "IoU where a reader drew a box",
            [overlaps[at] for at in own],
            [films[at] for at in own],
            changed if overlaps else why,
            resamples,
            seed,
        ),
    ]


def as_regions(marks: Sequence[Verdict]) -> Boxes:
    """(M, 4) boxes that stand after these verdicts."""
    return as_boxes([mark.shown_box for mark in marks if mark.shown_box is not None])


def _rates(verdicts: Sequence[Verdict], readers: Sequence[str], resamples: int, seed: int) -> list[Figure]:
    """What became of the model's boxes, over readers and for each."""
    on_model = [verdict for verdict in verdicts if verdict.kind == "box" and verdict.model_box is not None]
    films = [verdict.film for verdict in on_model]
    none = "not defined: no box of the model was judged"
    figures = []
    for decision in (Decision.ACCEPTED, Decision.MOVED, Decision.REDRAWN, Decision.REJECTED):
        shares = [float(verdict.decision is decision) for verdict in on_model]
        figures.append(_mean(f"model's boxes {decision}", shares, films, none, resamples, seed))
    for reader in readers if len(readers) > 1 else ():
        own = [verdict for verdict in on_model if verdict.reader == reader]
        shares = [float(verdict.decision is Decision.ACCEPTED) for verdict in own]
        name = f"model's boxes accepted by {reader}"
        figures.append(_mean(name, shares, [verdict.film for verdict in own], none, resamples, seed))
    return figures


def _mean(name: str, values: Sequence[float], films: Sequence[str], why: str, resamples: int, seed: int) -> Figure:
    if not values:
        return Figure(name, None, 0, 0, 0, why)
    found = PatientBootstrap(films, resamples, seed).mean(values)
    return Figure(name, found, len(values), found.patients)
