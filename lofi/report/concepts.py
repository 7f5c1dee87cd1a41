"""What a phrase can be about, under one name for all models: findings, devices and parts of the chest.

A checkpoint's manifest says by these names what the model was trained on (lofi.network.concepts).
"""

import re
from collections.abc import Mapping
from functools import lru_cache

FINDINGS: Mapping[str, tuple[str, ...]] = {
    "atelectasis": (
        "atelectasis",
        "volume loss",
        "collapse",
        "atelectatic change",
        "plate-like atelectasis",
        "atelectatic",
    ),
    "cardiomegaly": (
        *("cardiomegaly", "enlarged heart", "enlarged cardiac silhouette", "heart is enlarged", "increased heart size"),
        *("heart is large", "large heart", "cardiac enlargement", "heart enlargement", "heart enlarged", "big heart"),
    ),
    "effusion": (
        *("pleural effusion", "effusion", "pleural fluid", "blunting of the costophrenic angle", "fluid"),
        *("blunted costophrenic angle", "costophrenic angle blunting", "blunted costophrenic sulcus"),
    ),
    "infiltration": ("infiltrate", "infiltration", "pulmonary infiltrate", "patchy infiltrate"),
    "mass": ("mass", "lung mass", "large rounded opacity", "mass lesion", "tumor"),
    "nodule": ("nodule", "pulmonary nodule", "small rounded opacity", "nodular opacity", "nodular density"),
    "pneumonia": ("pneumonia", "airspace disease suggesting pneumonia", "infectious consolidation"),
    "pneumothorax": (
        "pneumothorax",
        "air in the pleural space",
        "visible pleural line",
        "collapsed lung with pleural air",
    ),
    "consolidation": ("consolidation", "airspace consolidation", "focal consolidation", "dense airspace opacity"),
    "edema": (
        *("pulmonary edema", "interstitial edema", "vascular congestion", "perihilar edema", "edema", "congestion"),
        *("heart failure", "congestive heart failure"),
    ),
    "pleural thickening": ("pleural thickening", "thickened pleura"),
    "fibrosis": ("fibrosis", "pulmonary fibrosis", "fibrotic scarring", "fibrotic"),
    "emphysema": ("emphysema", "emphysematous"),
    "hyperinflation": (
        "hyperinflation",
        "hyperinflated lungs",
        "hyperexpanded lungs",
        "hyperinflated",
        "hyperexpanded",
    ),
    "hernia": ("hiatal hernia", "hernia", "hiatus hernia"),
    "lung opacity": (
        "lung opacity",
        "opacity",
        "airspace opacity",
        "hazy opacity",
        "airspace disease",
        "density",
        "haziness",
    ),
    "covid-19": ("covid-19 pneumonia", "viral pneumonia", "peripheral ground-glass opacity", "covid-19", "covid"),
    "ground glass opacity": ("ground glass opacity", "ground-glass opacity", "ground glass"),
    "fracture": ("fracture", "rib fracture", "fractured"),
    "calcification": ("calcification", "calcified"),
    "granuloma": ("granuloma", "granulomatous disease", "calcified granuloma", "granulomatous"),
    "scar": ("scar", "scarring"),
    "scoliosis": ("scoliosis", "dextroscoliosis", "levoscoliosis"),
    "degenerative spine": ("degenerative spine", "degenerative change", "spondylosis", "osteophyte", "degenerative"),
    "atherosclerosis": ("atherosclerosis", "atherosclerotic"),
    "tortuous aorta": ("tortuous aorta", "aortic tortuosity", "aorta is tortuous", "unfolded aorta", "aortic ectasia"),
    "hypoinflation": ("hypoinflation", "low lung volume", "lung volumes are low", "poor inspiration", "hypoinflated"),
    "elevated diaphragm": (
        *("elevated diaphragm", "elevated hemidiaphragm", "elevation of the diaphragm", "raised hemidiaphragm"),
        *("elevation of the left hemidiaphragm", "elevation of the right hemidiaphragm", "elevated left hemidiaphragm"),
        "elevated right hemidiaphragm",
    ),
    "catheter": (
        *("catheter", "central venous catheter", "central line", "picc line", "picc", "tube", "endotracheal tube"),
        *("nasogastric tube", "orogastric tube", "chest tube", "line"),
    ),
    "medical device": (
        "medical device",
        "pacemaker",
        "defibrillator",
        "device",
        "lead",
        "valve",
        "stent",
        "clip",
        "wire",
    ),
}
"""Name → the ways to say it; the first is the canonical phrase."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "lung zone": ("upper lung zone", "middle lung zone", "lower lung zone", "mid lung zone"),
    "lung apex": ("lung apex", "apex"),
    "lung": ("lung",),
    "both lungs": ("both lungs", "lungs"),
    "heart": ("heart", "cardiac silhouette"),
    "clavicle": ("clavicle",),
    "costophrenic angle": ("costophrenic angle", "costophrenic sulcus"),
    "hilum": ("hilum", "hilar region"),
    "upper mediastinum": ("upper mediastinum",),
    "mediastinum": ("mediastinum", "cardiomediastinum"),
    "trachea": ("trachea",),
    "diaphragm": ("diaphragm", "hemidiaphragm"),
    "aorta": ("aorta", "aortic arch", "aortic knob"),
    "spine": ("spine", "vertebra"),
    "rib": ("rib",),
    "stomach": ("stomach", "gastric bubble"),
}
"""Parts of the chest; asked for themselves where a phrase names no finding."""
PAIRED = frozenset({"lung", "clavicle", "costophrenic angle", "hilum", "lung apex", "lung zone"})
"""Parts of which there are two: a model was shown one side at a time."""


def canonical(concept: str) -> str:
    """The canonical phrase of a concept; the concept's own name where it is not listed."""
    return {**FINDINGS, **PARTS}.get(concept, (concept,))[0]


def concepts_of(phrase: str, names: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The concepts that a lower-case phrase names, findings before parts of the chest; none where it names none.

    ``names`` are further concepts that a model calls by names of its own.
    """
    own = sorted(names - {*FINDINGS, *PARTS})
    found = _named(phrase, tuple((name, (name.replace("_", " ").lower(),)) for name in own))
    found = found or _named(phrase, tuple(FINDINGS.items()))
    if found:
        return found
    parts = _named(phrase, tuple(PARTS.items()))
    sided = re.search(r"\b(?:left|right)\b", phrase) is not None
    return tuple("both lungs" if part == "lung" and not sided else part for part in parts)


def _named(phrase: str, table: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    """The concepts of a table whose words stand in the phrase, the longest first, each word for one."""
    rest = phrase
    found: dict[str, int] = {}
    for words, concept in _longest_first(table):
        pattern = rf"\b{re.escape(words)}(?:s|es)?\b"
        if words.split()[-1] in rest and (match := re.search(pattern, rest)) is not None:
            found.setdefault(concept, match.start())
            rest = re.sub(pattern, lambda m: "~" * len(m[0]), rest)
    return tuple(sorted(found, key=found.__getitem__))


@lru_cache(maxsize=64)
def _longest_first(table: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[tuple[str, str], ...]:
    every = [(words, concept) for concept, wordings in table for words in wordings]
    return tuple(sorted(every, key=lambda pair: -len(pair[0])))
