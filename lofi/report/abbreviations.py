"""Short forms and other spellings of reports, and what they are written out as.

Sources, by the short name that stands in each row: ``openi`` stands in reports of the Open-i collection, ``own`` was
added by us. Left out on purpose, because they are read in more than one way: PE (embolism, effusion), LAD (lymph nodes,
an artery), SOB (a complaint, no finding), CM, RA, MS.
"""

from typing import NamedTuple


class Short(NamedTuple):
    """``short`` in lower case, and what it stands for."""

    short: str
    long: str
    source: str


ABBREVIATIONS = (
    Short("l", "left", "openi"),
    Short("r", "right", "openi"),
    Short("lt", "left", "openi"),
    Short("rt", "right", "openi"),
    Short("lft", "left", "own"),
    Short("rgt", "right", "own"),
    Short("bilat", "bilateral", "openi"),
    Short("b/l", "bilateral", "own"),
    Short("rul", "right upper lobe", "own"),
    Short("rml", "right middle lobe", "own"),
    Short("rll", "right lower lobe", "openi"),
    Short("lul", "left upper lobe", "own"),
    Short("lll", "left lower lobe", "own"),
    Short("ptx", "pneumothorax", "openi"),
    Short("pnx", "pneumothorax", "own"),
    Short("pna", "pneumonia", "openi"),
    Short("pneumo", "pneumothorax", "openi"),
    Short("chf", "congestive heart failure", "openi"),
    Short("ett", "endotracheal tube", "own"),
    Short("ngt", "nasogastric tube", "own"),
    Short("ogt", "orogastric tube", "own"),
    Short("cvc", "central venous catheter", "own"),
    Short("cvl", "central venous catheter", "own"),
    Short("picc", "picc line", "openi"),
    Short("ppm", "pacemaker", "own"),
    Short("aicd", "defibrillator", "openi"),
    Short("icd", "defibrillator", "openi"),
    Short("cpa", "costophrenic angle", "own"),
    Short("cp angle", "costophrenic angle", "own"),
    Short("ggo", "ground glass opacity", "own"),
    Short("copd", "emphysema", "openi"),
    Short("tb", "tuberculosis", "openi"),
    Short("fx", "fracture", "openi"),
    Short("eff", "effusion", "own"),
    Short("consol", "consolidation", "own"),
    Short("atel", "atelectasis", "own"),
    Short("infil", "infiltrate", "own"),
    Short("w/", "with", "openi"),
    Short("w/o", "without", "own"),
    Short("s/p", "after", "openi"),
)

SPELLINGS = {
    "oedema": "edema", "oedematous": "edematous", "haemothorax": "hemothorax", "haematoma": "hematoma",
    "haemopneumothorax": "hemopneumothorax", "tumour": "tumor", "tumours": "tumors", "fibre": "fiber",
    "oesophagus": "esophagus", "oesophageal": "esophageal", "paediatric": "pediatric",
    "calibre": "caliber", "centre": "center", "grey": "gray", "hydrothorax": "pleural effusion",
    "artefact": "artifact", "artefacts": "artifacts", "coin lesion": "nodule",
}  # fmt: skip
"""British and other spellings of words of the lexicon, in American spelling, which the models were taught."""

PLURALS = {
    "effusions": "effusion", "opacities": "opacity", "masses": "mass", "nodules": "nodule", "infiltrates": "infiltrate",
    "infiltrations": "infiltration", "consolidations": "consolidation", "pneumothoraces": "pneumothorax",
    "pneumothoraxes": "pneumothorax", "pneumonias": "pneumonia", "atelectases": "atelectasis", "fractures": "fracture",
    "calcifications": "calcification", "granulomas": "granuloma", "granulomata": "granuloma", "hernias": "hernia",
    "densities": "density", "tumors": "tumor", "scars": "scar", "catheters": "catheter", "tubes": "tube",
    "lines": "line", "pacemakers": "pacemaker", "apices": "apex", "hila": "hilum", "clavicles": "clavicle",
    "hemidiaphragms": "hemidiaphragm", "diaphragms": "diaphragm", "ribs": "rib", "lesions": "lesion",
    "zones": "zone", "angles": "angle", "lobes": "lobe",
}  # fmt: skip
"""Plurals of words that the models were taught in the singular. Lungs stay: a model is shown one at a time."""
