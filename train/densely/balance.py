"""How much each answer about presence weighs: within a group of like films, yes and no weigh the same.

Sources differ in sharpness and in who lies under the tube; if a finding's yes came from one source and its no from
another, the source would be learnt. A cell is a (concept, group); a cell without enough of both teaches no presence.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from train.densely.answers import Film
from train.densely.questions import Question

Key = tuple[str, str, bool]
FEWEST = 8
STRANGERS = {"rsna": "nih"}
"""Groups with normal films only → the group of the same scanners whose negatives they may join."""
STRANGE_SHARE = 0.1
UNBALANCED = ("covid",)
"""Groups that were collected for one disease: place only."""


def films_by_answer(films: Sequence[Film]) -> dict[Key, list[int]]:
    """(concept, group, there or not) → places of the films that answer so."""
    out: dict[Key, list[int]] = {}
    for place, film in enumerate(films):
        for concept, side in film.present | film.absent:
            if not side:
                out.setdefault((concept, film.group, (concept, "") in film.present), []).append(place)
    return out


def cells(answers: Mapping[Key, Sequence[int]]) -> list[tuple[str, str]]:
    """(concept, group) with at least ``FEWEST`` films of each answer."""
    pairs = {(concept, group) for concept, group, _ in answers if group not in UNBALANCED}
    return sorted(p for p in pairs if all(len(answers.get((*p, there), ())) >= FEWEST for there in (True, False)))


def counted(asked: Iterable[tuple[str, Question]]) -> dict[Key, float]:
    """How often each answer comes up among (group, question) of a rehearsal of the sampler, half an answer as such;
    drawn findings left out.
    """
    out: dict[Key, float] = defaultdict(float)
    for group, q in asked:
        if q.present is not None and not q.made:
            out[(q.concept, group, q.present)] += q.trust
    return out


def weights(counts: Mapping[Key, float], taught: Iterable[tuple[str, str]], most: float = 4.0) -> dict[Key, float]:
    """Weight of each answer: counts × weights of yes and of no are equal in every taught cell; the rest has none.

    The rarer answer counts at most ``most`` times as much as it would; then the other is made lighter.
    """
    out: dict[Key, float] = {}
    for concept, group in taught:
        yes, no = counts.get((concept, group, True), 0), counts.get((concept, group, False), 0)
        if not yes or not no:
            continue
        mass = min((yes + no) / 2, most * yes, most * no)
        out[(concept, group, True)], out[(concept, group, False)] = mass / yes, mass / no
        for stranger, host in STRANGERS.items():
            seen = counts.get((concept, stranger, False), 0)
            if host == group and seen:
                out[(concept, stranger, False)] = min(1.0, STRANGE_SHARE * mass / seen)
    return out
