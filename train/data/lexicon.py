"""Findings as radiologists say them. The first phrase of a label is the canonical one, used in boxes and reports."""

import numpy as np

PHRASES: dict[str, tuple[str, ...]] = {
    "Atelectasis": (
        "atelectasis",
        "volume loss",
        "plate-like atelectasis",
        "collapse",
        "bibasilar atelectasis",
        "atelectatic change",
    ),
    "Cardiomegaly": (
        "cardiomegaly",
        "enlarged heart",
        "enlarged cardiac silhouette",
        "heart is enlarged",
        "increased heart size",
    ),
    "Effusion": (
        "pleural effusion",
        "effusion",
        "pleural fluid",
        "blunting of the costophrenic angle",
        "blunted costophrenic angle",
    ),
    "Infiltration": ("infiltrate", "infiltration", "pulmonary infiltrate", "patchy infiltrate"),
    "Mass": ("mass", "lung mass", "large rounded opacity", "mass lesion"),
    "Nodule": ("nodule", "pulmonary nodule", "small rounded opacity", "nodular opacity"),
    "Pneumonia": ("pneumonia", "airspace disease suggesting pneumonia", "infectious consolidation"),
    "Pneumothorax": (
        "pneumothorax",
        "air in the pleural space",
        "visible pleural line",
        "collapsed lung with pleural air",
    ),
    "Consolidation": ("consolidation", "airspace consolidation", "focal consolidation", "dense airspace opacity"),
    "Edema": ("pulmonary edema", "interstitial edema", "vascular congestion", "perihilar edema"),
    "Pleural_Thickening": ("pleural thickening", "thickened pleura"),
    "Fibrosis": ("fibrosis", "pulmonary fibrosis", "fibrotic scarring"),
    "Emphysema": ("emphysema", "hyperinflated lungs", "hyperexpanded lungs"),
    "Hernia": ("hiatal hernia", "hernia"),
    "Lung Opacity": ("lung opacity", "opacity", "airspace opacity", "hazy opacity"),
    "COVID-19": ("covid-19 pneumonia", "viral pneumonia", "peripheral ground-glass opacities"),
}

UNSIDED = frozenset({"Cardiomegaly", "Hernia", "Emphysema", "Edema", "COVID-19"})
"""Labels for which "left" and "right" say nothing."""

CANONICAL = {label: phrases[0] for label, phrases in PHRASES.items()}


def with_side(phrase: str, side: str, rng: np.random.Generator | None = None) -> str:
    """The phrase on the patient's ``side``; canonical ("left mass") without ``rng``, else one of several wordings."""
    if not side:
        return phrase
    forms = (f"{side} {phrase}", f"{phrase} on the {side}", f"{side}-sided {phrase}", f"{phrase} in the {side} lung")
    return forms[0] if rng is None else forms[int(rng.choice(4, p=(0.55, 0.2, 0.15, 0.1)))]


def denied(phrase: str, rng: np.random.Generator | None = None) -> str:
    """A sentence that denies the phrase."""
    forms = (f"no {phrase}", f"there is no {phrase}", f"no evidence of {phrase}", f"without {phrase}")
    return forms[0] if rng is None else forms[int(rng.integers(len(forms)))]


def pick(label: str, rng: np.random.Generator, canonical: float = 0.6) -> str:
    """A phrase for the label: the canonical one with the given chance, else any."""
    phrases = PHRASES[label]
    return phrases[0] if rng.random() < canonical else str(rng.choice(phrases))
