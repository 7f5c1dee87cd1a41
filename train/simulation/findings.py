"""The findings by their names in the NIH's spelling."""

import numpy as np

from train.simulation.anatomy import Patient
from train.simulation.finding import Finding, Maker
from train.simulation.opacities import atelectasis, consolidation, edema
from train.simulation.pleura import effusion, pneumothorax
from train.simulation.rounded import mass, nodule


def cardiomegaly(patient: Patient, rng: np.random.Generator) -> list[Finding]:
    """Nothing is added here: the patient was drawn with a large heart, and the heart is the box."""
    return [Finding("Cardiomegaly", "cardiomegaly")]


MAKERS: dict[str, Maker] = {
    "Effusion": effusion,
    "Consolidation": consolidation,
    "Nodule": nodule,
    "Mass": mass,
    "Pneumothorax": pneumothorax,
    "Cardiomegaly": cardiomegaly,
    "Atelectasis": atelectasis,
    "Edema": edema,
}


def draw_findings(names: tuple[str, ...], patient: Patient, seed: int) -> list[Finding]:
    """Each finding has its own stream, so that leaving one out changes nothing else."""
    found = []
    for name in names:
        rng = np.random.default_rng([seed, 7, list(MAKERS).index(name)])
        found.extend(MAKERS[name](patient, rng))
    return found
