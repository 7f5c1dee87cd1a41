"""What may be asked of a film, each question with its true answer."""

import random
from dataclasses import dataclass, replace

from train.densely import concepts as c
from train.densely.answers import Box, Film

PRESENT, ABSENT = True, False


@dataclass(frozen=True)
class Question:
    """``boxes``: where it is; empty with ``placed``: nowhere; not ``placed``: nobody knows where.

    ``within``: ``boxes`` are regions, somewhere in which it is, and nowhere else.
    ``present`` is None where presence is not asked (anatomy). ``weight`` is of the place, ``trust`` of the presence.
    """

    concept: str
    side: str
    boxes: tuple[Box, ...] = ()
    placed: bool = True
    present: bool | None = None
    weight: float = 1.0
    trust: float = 1.0
    made: bool = False
    within: bool = False


MACHINE_MADE, DRAWN_BY_HAND = 0.5, 1.0
UNMENTIONED = 0.4
"""How far a finding that no word is said of counts as not there."""


def placed_findings(film: Film) -> list[Question]:
    """Findings with boxes, bare and with each side that has some."""
    return [
        Question(
            concept,
            side,
            tuple(r.box for r in regions if side in ("", r.side)),
            present=True,
            weight=MACHINE_MADE if regions[0].made else DRAWN_BY_HAND,
        )
        for concept, regions in film.regions.items()
        if concept in c.FINDINGS
        for side in _sides(film, concept)
    ]


def anatomy(film: Film) -> list[Question]:
    """Regions, bare and with side; a paired region that has only one box is not asked bare."""
    out = []
    for concept, regions in film.regions.items():
        if concept in c.FINDINGS:
            continue
        weight = MACHINE_MADE if regions[0].made else DRAWN_BY_HAND
        for side in _sides(film, concept):
            if side or concept not in c.PAIRED or len(regions) == 2:
                boxes = tuple(r.box for r in regions if side in ("", r.side))
                out.append(Question(concept, side, boxes, weight=weight, made=regions[0].made))
    return out


def labelled(film: Film) -> list[Question]:
    """Findings that are there and nobody boxed: they teach presence, and at most a region as place."""
    boxed = {(concept, side) for concept in film.regions for side in ("", *_sides(film, concept))}
    return [_somewhere(film, concept, side) for concept, side in sorted(film.present) if (concept, side) not in boxed]


def _somewhere(film: Film, concept: str, side: str) -> Question:
    boxes = tuple(r.box for r in film.coded.get(concept, ()) if side in ("", r.side))
    if not boxes:
        return Question(concept, side, placed=False, present=True)
    return Question(concept, side, boxes, present=True, weight=MACHINE_MADE, within=True)


def denied(film: Film) -> list[Question]:
    """Findings that are not there: nowhere, and absent."""
    return [Question(concept, side, present=False) for concept, side in sorted(film.absent)]


def unmentioned(film: Film) -> list[Question]:
    """Findings that a report which names others says nothing of: perhaps not there."""
    return [
        Question(concept, "", placed=False, present=False, trust=UNMENTIONED) for concept in sorted(film.unmentioned)
    ]


def on_a_side(question: Question, rng: random.Random) -> Question:
    """What is nowhere is on neither side: now and then an absent finding is asked with one."""
    unsided = question.side or not question.placed or question.concept in c.SIDELESS
    if question.present is not False or unsided:
        return question
    return replace(question, side=rng.choice(("", "", "left", "right")))


def _sides(film: Film, concept: str) -> list[str]:
    return ["", *sorted({r.side for r in film.regions.get(concept, ()) if r.side})]


def choose(film: Film, main: str | None, rng: random.Random, most: int = 6) -> list[Question]:
    """Up to ``most`` questions: those about the concept ``main`` first, then boxes, presence, anatomy."""
    boxed, there, not_there, regions = placed_findings(film), labelled(film), denied(film), anatomy(film)
    perhaps = unmentioned(film)
    for some in (boxed, there, not_there, perhaps, regions):
        rng.shuffle(some)
    first = [q for q in (*boxed, *there, *not_there, *perhaps) if q.concept == main][:2]
    if len(not_there) < 2:
        not_there = [*not_there, *perhaps]
    by_hand = any(not q.made for q in regions)
    rest = [*boxed[:2], *there[:1], *not_there[:2]]
    rng.shuffle(rest)
    keep = 3 if by_hand else 1
    chosen = first + [q for q in rest if q not in first]
    chosen = chosen[: most - min(keep, len(regions))] + regions[:keep]
    return [on_a_side(q, rng) for q in chosen]
