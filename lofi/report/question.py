"""A phrase as one concept and its place: what "small left-sided pleural effusion" asks for, in the words of a detector.

Strict on purpose: a phrase is understood wholly, or not at all. What is not is left to the language model alone.
"""

import re
from typing import NamedTuple

from lofi.report.concepts import FINDINGS


class Asked(NamedTuple):
    """A concept, the patient's ``side`` ("left", "right", "" for anywhere), the ``third`` of the lung ("" for any)."""

    concept: str
    side: str = ""
    third: str = ""


_SHAPES: dict[str, tuple[str, ...]] = {
    "lung": ("lung",),
    "clavicle": ("clavicle",),
    "heart": ("heart", "cardiac silhouette"),
    "upper mediastinum": ("upper mediastinum",),
    "hilum": ("hilum", "hilus", "hilar region"),
    "costophrenic angle": ("costophrenic angle", "costophrenic sulcus"),
    "upper lung zone": ("upper lung zone", "upper zone", "upper lung"),
    "middle lung zone": ("middle lung zone", "mid lung zone", "middle zone", "mid zone", "mid lung"),
    "lower lung zone": ("lower lung zone", "lower zone", "lower lung"),
    "lung apex": ("lung apex", "apex"),
}
SHAPES = frozenset(_SHAPES)
"""Concepts that are parts of the body: always there, so that only their place is a question."""
PAIRED = SHAPES - {"heart", "upper mediastinum"}
"""Parts that everybody has on both sides."""
IN_EITHER_LUNG = frozenset(
    {
        *("atelectasis", "calcification", "consolidation", "effusion", "emphysema", "fibrosis", "granuloma"),
        *("infiltration", "lung opacity", "mass", "nodule", "pleural thickening", "pneumonia", "pneumothorax", "scar"),
    }
)
"""Findings of lung and pleura, which a film may show on one side or on both."""
WORDS = {**FINDINGS, **_SHAPES}
"""Concept → how it is written, in lower case and the singular; one form belongs to one concept."""

THIRDS = {
    "upper": "(?:upper (?:lobe|lung zone|lung|zone)|apex|apical|apical region)",
    "middle": "(?:middle (?:lobe|lung zone|zone)|mid[- ]?(?:lung zone|lung|zone)|lingula)",
    "lower": "(?:lower (?:lobe|lung zone|lung|zone)|base|lung base|basal|basilar|bibasal|bibasilar|basal region)",
}
"""Words for a third of a lung's height. A lobe is not a third: it is the third in which most of it is projected."""

_CONCEPTS = {form: concept for concept, forms in WORDS.items() for form in forms}
_LEADING = re.compile(
    r"^(?:(?:an?|the|some|small|large|moderate|mild|minimal|severe|tiny|trace|subtle|focal|patchy|dense|hazy|probable"
    r"|possible|layering|loculated|acute|chronic|new|bilateral|both|simple|spiculated|calcified(?! granuloma)"
    r"|lobar|subsegmental|linear|discoid|pulmonary|lung)\s+)+"
)
_BEFORE = re.compile(r"^(?P<side>left|right)(?:[- ]sided|[- ]side)?\s+")
_AFTER = re.compile(
    r"\s+(?:(?:on|at|in|of|involving|within)\s+)?(?:the\s+)?(?P<side>left|right)(?:\s+(?:side|lung|hemithorax|chest))?$"
)
_THIRD_AFTER = re.compile(
    r"\s+(?:on|at|in|of|involving|within)\s+(?:the\s+)?(?:(?P<side>left|right)\s+)?(?:{})$".format(
        "|".join(f"(?P<{name}>{words})" for name, words in THIRDS.items())
    )
)
_THIRD_BEFORE = re.compile(r"^(?:{})\s+".format("|".join(f"(?P<{name}>{words})" for name, words in THIRDS.items())))


def asked(phrase: str) -> Asked | None:
    """The concept and place that a phrase asks for; None where any word of it means something else.

    >>> asked("Small left-sided pleural effusions")
    Asked(concept='effusion', side='left', third='')
    >>> asked("consolidation in the right lower lobe")
    Asked(concept='consolidation', side='right', third='lower')
    """
    words = " ".join(phrase.lower().replace("–", "-").split()).strip(" .")
    if (concept := _concept(words)) is not None:  # before its words are taken apart: "large heart" is one form
        return Asked(concept)
    words = _LEADING.sub("", words)
    if (concept := _concept(words)) is not None:
        return Asked(concept)
    found = _THIRD_AFTER.search(words)
    if found:
        concept = _concept(words[: found.start()])
        named = _side_before(words[: found.start()]) if concept is None else (concept, "")
        if named is None or (named[1] and found["side"] and named[1] != found["side"]):
            return None
        return None if named[0] in SHAPES else Asked(named[0], found["side"] or named[1], _third(found))
    after = _AFTER.search(words)
    if after and (concept := _concept(words[: after.start()])) is not None:
        return Asked(concept, after["side"])
    before = _BEFORE.match(words)
    side = before["side"] if before else ""
    rest = _LEADING.sub("", words[before.end() :] if before else words)
    if (concept := _concept(rest)) is not None:
        return Asked(concept, side)
    third = _THIRD_BEFORE.match(rest)
    if third and (concept := _concept(_LEADING.sub("", rest[third.end() :]))) is not None:
        return None if concept in SHAPES else Asked(concept, side, _third(third))
    return None


def _side_before(words: str) -> tuple[str, str] | None:
    before = _BEFORE.match(words)
    concept = _concept(_LEADING.sub("", words[before.end() :])) if before else None
    return (concept, before["side"]) if before and concept else None


def _third(found: re.Match[str]) -> str:
    return next(name for name in THIRDS if found[name])


def _concept(words: str) -> str | None:
    """The concept that a form, in the singular or the plural, stands for."""
    for form in (words, words.removesuffix("s"), re.sub("ies$", "y", words)):
        if form in _CONCEPTS:
            return _CONCEPTS[form]
    return None
