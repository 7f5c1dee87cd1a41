"""The labels of each set in the words of the lexicon; a label that the lexicon has not is kept as its set writes it."""

from collections.abc import Iterable

from lofi.gallery.text import clean_line, fold
from train.data.film import NO_FINDING
from train.data.lexicon import PHRASES

_ALIASES = {
    "pleural effusion": "Effusion",
    "pleural effusions": "Effusion",
    "infiltrate": "Infiltration",
    "infiltrates": "Infiltration",
    "pulmonary edema": "Edema",
    "pulmonary edema/hazy opacity": "Edema",
    "pulmonary fibrosis": "Fibrosis",
    "enlarged cardiac silhouette": "Cardiomegaly",
    "pulmonary nodule": "Nodule",
    "mass/nodule (not otherwise specified)": "Nodule/Mass",
    "pulmonary mass": "Mass",
    "airspace opacity": "Lung Opacity",
    "hiatal hernia": "Hernia",
    "normal": NO_FINDING,
    "no finding": NO_FINDING,
    "no findings": NO_FINDING,
}
_KNOWN = {fold(label): label for label in PHRASES} | _ALIASES


def canonical(name: object) -> str:
    """The lexicon's label for a set's name of it ("Pleural effusion" is "Effusion"), else the name, cleaned."""
    plain = clean_line(name)
    return _KNOWN.get(fold(plain), plain)


def labels(names: Iterable[object]) -> tuple[str, ...]:
    """Each label once, in order; "No Finding" only where it stands alone."""
    found = dict.fromkeys(label for name in names if (label := canonical(name)))
    present = tuple(label for label in found if label != NO_FINDING)
    return present or tuple(found)
