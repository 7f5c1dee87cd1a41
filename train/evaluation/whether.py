"""What is asked to calibrate whether a finding is there: phrases that are and phrases that are not, of any records.

Sets differ in what they say. NIH's labels deny what they do not name; MIMIC-CXR's and VinDr's deny some labels one by
one; PadChest-GR and MIMIC-Ext-CXR-QBA give sentences and deny nothing, so that there a phrase of another patient's film
stands for one that is absent, wherever this film has no such label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.data.lexicon import CANONICAL
from train.evaluation.questions import Film, Question, absent_questions, phrase_of, present_questions

OTHERS = 3
"""Phrases of other patients that are asked of a film."""


@dataclass(frozen=True)
class Whether:
    """One phrase asked of one film, by its number: is it there?"""

    film: int
    phrase: str
    present: bool


def boxed_questions(films: Sequence[Film]) -> list[Question]:
    """Findings with boxes, by label and with side; where a set has sentences and no labels, by sentence."""
    sets = present_questions(films)
    return [*sets["bare"], *sets["side"]] or sets["sentence"]


def whether_questions(films: Sequence[Film], seed: int = 0) -> list[Whether]:
    """Phrases that are there and phrases that are not, of films of one split.

    Raises ValueError where one kind is missing: then the split says nothing of presence.
    """
    present = [Whether(q.film, q.phrase, True) for q in boxed_questions(films)] or _labelled(films)
    absent = [Whether(q.film, q.phrase, False) for q in absent_questions(films)] or _denied(films)
    absent = absent or _of_others(films, present, seed)
    if not present or not absent:
        missing = "present" if not present else "absent"
        raise ValueError(
            f"no phrase is known to be {missing} in any of the {len(films):,} films of that split: take a split, or "
            "records, with boxed or labelled findings of several patients"
        )
    return [*present, *absent]


def _labelled(films: Sequence[Film]) -> list[Whether]:
    """Labels that films have, where none is boxed."""
    return [
        Whether(number, phrase_of(label), True)
        for number, film in enumerate(films)
        for label, value in film.known().items()
        if value > 0
    ]


def _denied(films: Sequence[Film]) -> list[Whether]:
    """Labels that the set, or a reading as normal, says a film has not."""
    return [
        Whether(number, CANONICAL[label], False)
        for number, film in enumerate(films)
        for label, value in film.known().items()
        if value < 0 and label in CANONICAL
    ]


def _of_others(films: Sequence[Film], present: Sequence[Whether], seed: int) -> list[Whether]:
    """Phrases of other patients' films that say nothing which a film's own phrases and labels say."""
    rng, own = np.random.default_rng(seed), [set[str]() for _ in films]
    for asked in present:
        own[asked.film].add(asked.phrase.casefold())
    labels = [{label for label in (*film.findings, *(box.label for box in film.boxes)) if label} for film in films]
    found = []
    for number, film in enumerate(films):
        others = [
            asked.phrase
            for asked in present
            if films[asked.film].patient != film.patient
            and asked.phrase.casefold() not in own[number]
            and not labels[asked.film] & labels[number]
        ]
        chosen = rng.permutation(sorted(set(others)))[:OTHERS].tolist()
        found += [Whether(number, str(phrase), False) for phrase in chosen]
    return found
