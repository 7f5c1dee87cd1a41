"""What an answer stands for: found, or why it is not. The one place where that is decided."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from lofi.network.concepts import Concept
from lofi.report.query import checked_phrase
from lofi.report.understanding import Understood, understood
from lofi.results import Grounding, Likely, Standing

UNPLACED = frozenset({"never learnt", "unsure"})
"""Standings of which a box is a guess."""


def standing(
    said: Understood,
    known: Mapping[str, Concept] | None,
    confidence: float = 0.0,
    placed: bool = False,
    low: float = 0.0,
    high: float = 0.0,
) -> Standing:
    """The standing of a phrase as it was understood, of a model that knows ``known`` (None: it does not say).

    ``placed`` says whether the model gives a box. From ``high`` on it is found, from ``low`` on unsure; equal
    thresholds leave no band between.
    """
    if not said.asserts:
        return "denied"
    if not said.readable or (known is not None and not said.concepts):
        return "not understood"
    if never_learnt(said.concepts, known):
        return "never learnt"
    if placed and confidence >= high:
        return "found"
    return "unsure" if placed and confidence >= low else "not found"


def never_learnt(concepts: Collection[str], known: Mapping[str, Concept] | None) -> bool:
    """Whether a model was never shown any of the concepts of a phrase."""
    return known is not None and not any(concept in known and known[concept].learnt for concept in concepts)


def to_be_asked(said: Understood, known: Mapping[str, Concept] | None) -> bool:
    """Whether the model is asked at all: not for what is denied, nor for what holds no word that it knows."""
    return standing(said, known) not in ("denied", "not understood")


def note(state: Standing, said: Understood, model: str, placed: bool) -> str:
    """The sentence that an answer is shown with; "" where "found" or "not found" says it all."""
    if state == "never learnt":
        guess = "its box is a guess" if placed else "that it finds none says nothing"
        return f"{model} was never shown an example of {said.subject}: {guess}."
    if state == "not understood":
        return f"{model} knows no word of this: nothing was looked for."
    if state == "denied":
        return "This says what is not there: nothing was looked for."
    return f"{model} is not sure that this is there." if state == "unsure" else ""


def guessed(concepts: Collection[str], known: Mapping[str, Concept] | None, model: str) -> str:
    """The sentence for a box of what a model was shown by labels alone, and never a place of; "" for anything else."""
    shown = [known[concept] for concept in concepts if known is not None and concept in known]
    if not shown or any(concept.presence != "labels" for concept in shown):
        return ""
    return f"{model} learnt this from labels without boxes: where it lies is a guess."


def answered(
    typed: str,
    known: Mapping[str, Concept] | None,
    model: str,
    look: Callable[[str], Grounding],
    low: float,
    high: float,
) -> Grounding:
    """The answer to a phrase by ``look``, which takes what is asked; with what it stands for. Raises BadQuery."""
    said = understood(checked_phrase(typed), known or ())
    if not to_be_asked(said, known):
        return unasked(typed, said, known, model)
    return stood(look(said.asked), typed, said, known, model, low, high)


def asked_as(typed: str, known: Mapping[str, Concept] | None) -> str:
    """What a model is asked for a phrase; "" where it is asked nothing. Raises BadQuery."""
    said = understood(checked_phrase(typed), known or ())
    return said.asked if to_be_asked(said, known) else ""


def unasked(typed: str, said: Understood, known: Mapping[str, Concept] | None, model: str) -> Grounding:
    """The answer to a phrase that the model is not asked for."""
    state = standing(said, known)
    return Grounding(typed, False, 0.0, asked=said.asked, state=state, note=note(state, said, model, placed=False))


def stood(
    answer: Grounding,
    typed: str,
    said: Understood,
    known: Mapping[str, Concept] | None,
    model: str,
    low: float,
    high: float,
) -> Grounding:
    """The model's ``answer`` with what was typed, what was asked, and what it stands for."""
    if answer.state == "no answer":
        return replace(answer, phrase=typed, asked=said.asked)
    placed = bool(answer.boxes)
    state = standing(said, known, answer.confidence, placed, low, high)
    unseen = guessed(said.concepts, known, model) if placed else ""
    told = note(state, said, model, placed) or unseen
    guess = placed and (state in UNPLACED or bool(unseen))
    return replace(
        answer,
        phrase=typed,
        asked=said.asked,
        state=state,
        found=state == "found",
        note=told,
        guess=guess,
        likely="" if state == "never learnt" else in_words(answer.confidence, low, high),
        concepts=tuple(concept for concept in said.concepts if known is not None and concept in known),
    )


def in_words(chance: float, low: float, high: float) -> Likely:
    """The chance that something is there, in words; "" where there are no thresholds, as inside a drawn box."""
    if high <= 0:
        return ""
    return "likely" if chance >= high else "unsure" if chance >= low else "unlikely"
