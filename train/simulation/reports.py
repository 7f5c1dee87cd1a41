"""Reports in radiologists' words: what is there, where, and what is not, varied from film to film."""

from collections.abc import Sequence

import numpy as np

from train.simulation.anatomy import Patient
from train.simulation.finding import LOBES, Finding

SIZES = {
    "small": ("small", "trace", "minor"),
    "moderate": ("moderate", "moderate-sized"),
    "large": ("large", "sizeable"),
}


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _effusion(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    if len(found) == 2:
        right, left = found
        if right.degree == left.degree:
            return [_pick(rng, (
                f"{_capital(right.degree)} bilateral pleural effusions.",
                f"There are bilateral pleural effusions, {right.degree} in size on both sides.",
                f"{_capital(right.degree)} pleural effusions are present on the right and on the left.",
            ))]  # fmt: skip
        return [f"Bilateral pleural effusions, {right.degree} on the right and {left.degree} on the left."]
    one = found[0]
    size = _pick(rng, SIZES[one.degree])
    options = [
        f"{_capital(size)} {one.side} pleural effusion.",
        f"There is a {size} pleural effusion on the {one.side}, with a meniscus at the lateral chest wall.",
        f"{_capital(size)} {one.side}-sided pleural effusion with adjacent loss of the hemidiaphragm contour.",
    ]
    if one.degree == "small":
        options.append(f"Blunting of the {one.side} costophrenic angle in keeping with a small pleural effusion.")
    if one.degree == "large":
        options.append(f"Large {one.side} pleural effusion opacifies the lower half of the hemithorax.")
    return [_pick(rng, options)]


def _pneumothorax(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    one = found[0]
    place = "apical " if one.zone else ""
    return [_pick(rng, (
        f"{_capital(one.degree)} {one.side} {place}pneumothorax with a visible visceral pleural line.",
        f"There is a {one.degree} {place}pneumothorax on the {one.side}; no lung markings beyond the pleural edge.",
        f"A pleural line is visible on the {one.side}, consistent with a {one.degree} {place}pneumothorax.",
    ))]  # fmt: skip


def _nodule(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    one = found[0]
    size = f"{max(5, round(one.mm))} mm"
    return [_pick(rng, (
        f"{size} nodule in the {one.side} {one.zone} zone.",
        f"There is a rounded nodule measuring about {size} in the {one.side} {one.zone} lung zone.",
        f"Solitary pulmonary nodule projected over the {one.side} {one.zone} zone, approximately {size} across.",
    )), _pick(rng, ("CT is suggested for further characterisation.", "Compare with earlier films.", ""))]  # fmt: skip


def _mass(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    one = found[0]
    size = f"{one.mm / 10:.1f} cm"
    edge = "spiculated" if one.clouds else "lobulated"
    return [_pick(rng, (
        f"{_capital(edge)} mass in the {one.side} {one.zone} zone measuring {size}.",
        f"There is a {size} {edge} mass projected over the {one.side} {one.zone} lung zone, suspicious for malignancy.",
        f"Large soft tissue mass in the {one.side} {one.zone} zone, about {size} in diameter.",
    )), _pick(rng, ("CT of the chest is recommended.", "Further evaluation with CT is recommended.", ""))]  # fmt: skip


def _consolidation(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    one = found[0]
    lobe = LOBES[-1 if one.side == "right" else 1, one.zone]
    lobe = "left lingula" if lobe == "lingula" else lobe
    return [_pick(rng, (
        f"Consolidation in the {lobe}.",
        f"There is patchy airspace consolidation in the {lobe}, which may represent pneumonia.",
        f"Focal airspace opacity in the {lobe} consistent with consolidation.",
        f"Ill-defined consolidation projected over the {one.side} {one.zone} zone, {lobe}.",
    ))]  # fmt: skip


def _atelectasis(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    one = found[0]
    if one.degree == "linear":
        return [_pick(rng, (
            f"Linear atelectasis in the {one.side} {one.zone} zone.",
            f"Band of subsegmental atelectasis in the {one.side} {one.zone} zone.",
            f"Plate-like atelectasis is seen in the {one.side} {one.zone} lung zone.",
        ))]  # fmt: skip
    lobe = LOBES[-1 if one.side == "right" else 1, one.zone]
    if one.zone == "upper":
        return [f"Atelectasis of the {lobe} with elevation of the horizontal fissure."]
    return [_pick(rng, (
        f"Triangular retrocardiac opacity in keeping with {lobe} atelectasis.",
        f"{_capital(lobe)} collapse: increased density medially, consistent with lobar atelectasis.",
    ))]  # fmt: skip


def _edema(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    degree = _capital(found[0].degree)
    return [_pick(rng, (
        f"{degree} pulmonary edema with bilateral perihilar haze and septal lines at the bases.",
        f"Bilateral perihilar opacities with Kerley B lines, consistent with {degree.lower()} pulmonary edema.",
        f"{degree} pulmonary edema: indistinct vessels, perihilar opacity on both sides and peripheral septal lines.",
    ))]  # fmt: skip


def _cardiomegaly(found: Sequence[Finding], rng: np.random.Generator) -> list[str]:
    return [_pick(rng, (
        "The heart is enlarged.", "Cardiomegaly.", "The cardiac silhouette is enlarged, in keeping with cardiomegaly.",
        "Enlarged cardiac silhouette with a cardiothoracic ratio above 0.5.",
    ))]  # fmt: skip


WORDS = {
    "Effusion": _effusion, "Pneumothorax": _pneumothorax, "Nodule": _nodule, "Mass": _mass, "Edema": _edema,
    "Consolidation": _consolidation, "Atelectasis": _atelectasis, "Cardiomegaly": _cardiomegaly,
}  # fmt: skip

NORMAL = (
    "The lungs are clear. The heart is normal in size. No pleural effusion or pneumothorax.",
    "Normal heart size and mediastinal contours. Clear lungs. The costophrenic angles are sharp. No acute abnormality.",
    "No focal consolidation, pleural effusion or pneumothorax. Cardiomediastinal silhouette within normal limits.",
    "Lungs are well expanded and clear. Heart size is normal. The bony thorax is intact. Normal chest radiograph.",
    "The cardiac silhouette is not enlarged. Hilar contours are normal. The lungs and pleural spaces are clear.",
    "Normal study: no consolidation, no pleural fluid, no pneumothorax; heart and mediastinum unremarkable.",
    "Both lungs are clear and the pulmonary vessels are normal in calibre. No pleural fluid. No acute bony injury.",
    "The heart, mediastinum and hila are normal. The lungs are clear. No acute cardiopulmonary disease.",
)


def _negatives(labels: set[str], rng: np.random.Generator) -> list[str]:
    sentences = []
    absent = []
    if not labels & {"Consolidation", "Edema"}:
        absent.append("focal consolidation")
    if "Effusion" not in labels:
        absent.append("pleural effusion")
    if "Pneumothorax" not in labels:
        absent.append("pneumothorax")
    if absent:
        absent = list(rng.permutation(absent)) if rng.random() < 0.5 else absent
        text = absent[0] if len(absent) == 1 else f"{', '.join(absent[:-1])} or {absent[-1]}"
        sentences.append(_pick(rng, (f"No {text}.", f"There is no {text}.", f"No evidence of {text}.")))
    if "Cardiomegaly" not in labels:
        sentences.append(_pick(rng, (
            "Heart size is within normal limits.",
            "The heart is normal in size.", "The cardiac silhouette is not enlarged.",
            "Cardiomediastinal contours are unremarkable.",
        )))  # fmt: skip
    return sentences


def write_report(found: Sequence[Finding], patient: Patient, view: str, rng: np.random.Generator) -> str:
    """The report of one film: findings first, then pertinent negatives and a remark on the rest."""
    opening = []
    if rng.random() < 0.35:
        words = ("PA chest radiograph.", "Frontal view of the chest, PA projection.")
        opening.append(_pick(rng, ("Portable AP chest radiograph.", "Single AP view.") if view == "AP" else words))
    rest = []
    if patient.age > 68 and rng.random() < 0.6:
        rest.append(
            _pick(
                rng, ("The aorta is unfolded.", "Degenerative changes of the thoracic spine.", "The aorta is tortuous.")
            )
        )
    elif rng.random() < 0.3:
        rest.append(
            _pick(rng, ("No acute bony abnormality.", "The visualised bones are unremarkable.", "Trachea is midline."))
        )
    if not found:
        return " ".join([*opening, _pick(rng, NORMAL), *rest])
    sentences = []
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.label, []).append(finding)
    for label, members in groups.items():
        sentences += [text for text in WORDS[label](members, rng) if text]
    return " ".join([*opening, *sentences, *_negatives(set(groups), rng), *rest])
