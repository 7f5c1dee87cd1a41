"""What the dense network is asked about, and which labels and codes of the sources say it."""

NIH = (
    "atelectasis",
    "cardiomegaly",
    "effusion",
    "infiltration",
    "mass",
    "nodule",
    "pneumonia",
    "pneumothorax",
    "consolidation",
    "edema",
    "emphysema",
    "fibrosis",
    "pleural thickening",
    "hernia",
)
"""Denied by a film that NIH ChestX-ray14 labels "No Finding", in its order; the first eight have boxes."""

FINDINGS = (
    *NIH,
    "lung opacity",
    "fracture",
    "calcification",
    "ground glass opacity",
    "granuloma",
    "scar",
    "scoliosis",
    "degenerative spine",
    "atherosclerosis",
    "tortuous aorta",
    "hypoinflation",
    "hyperinflation",
    "elevated diaphragm",
    "pulmonary congestion",
    "catheter",
    "medical device",
)

PAIRED = (
    "lung",
    "clavicle",
    "upper lung zone",
    "middle lung zone",
    "lower lung zone",
    "lung apex",
    "costophrenic angle",
    "hilum",
)
ANATOMY = (*PAIRED, "heart", "upper mediastinum")
CONCEPTS = (*FINDINGS, *ANATOMY)

SAID = {"effusion": "pleural effusion", "infiltration": "infiltrate", "edema": "pulmonary edema"}
"""How a concept is put into words where its name is not what one writes."""

SIDELESS = frozenset({"cardiomegaly", "heart", "upper mediastinum", "scoliosis", "degenerative spine", "edema"})
"""Never asked with a side."""

AKIN = (
    frozenset({"infiltration", "pneumonia", "consolidation", "lung opacity", "atelectasis"}),
    frozenset({"mass", "nodule"}),
)
"""Findings that readers take for one another: one of them present leaves the others open."""

_LABELS = {
    "pulmonary edema": "edema",
    "granulomatous disease": "granuloma",
    "calcified granuloma": "granuloma",
    "catheters, indwelling": "catheter",
    "tube, inserted": "catheter",
    "implanted medical device": "medical device",
    "spondylosis": "degenerative spine",
    "osteophyte": "degenerative spine",
    "diaphragmatic eventration": "elevated diaphragm",
    "pulmonary disease, chronic obstructive": "hyperinflation",
}
_HEADS = {
    "opacity": "lung opacity",
    "airspace disease": "lung opacity",
    "pulmonary atelectasis": "atelectasis",
    "pleural effusion": "effusion",
    "calcinosis": "calcification",
    "cicatrix": "scar",
    "fractures, bone": "fracture",
    "infiltrate": "infiltration",
    "hernia, hiatal": "hernia",
    "pulmonary emphysema": "emphysema",
    "pulmonary fibrosis": "fibrosis",
    **_LABELS,
}
_QUALIFIED = {
    ("lung", "hypoinflation"): "hypoinflation",
    ("lung", "hyperdistention"): "hyperinflation",
    ("aorta", "tortuous"): "tortuous aorta",
    ("aorta, thoracic", "tortuous"): "tortuous aorta",
    ("diaphragm", "elevated"): "elevated diaphragm",
    ("spine", "degenerative"): "degenerative spine",
    ("thoracic vertebrae", "degenerative"): "degenerative spine",
}


def said(concept: str, side: str) -> str:
    """The phrase that asks for a concept on a side, "" for anywhere."""
    return f"{side} {SAID.get(concept, concept)}".strip()


def near(concept: str) -> frozenset[str]:
    """The concept and all that is akin to it."""
    return frozenset({concept}).union(*(group for group in AKIN if concept in group))


def of_label(label: str) -> str | None:
    """The concept that a source's label means; None where it is not asked about."""
    name = label.replace("_", " ").lower()
    name = _LABELS.get(name, name)
    return name if name in CONCEPTS else None


def of_region(name: str) -> tuple[str, str] | None:
    """("left lung") → ("lung", "left"); None where it is no region that is asked about."""
    words = name.lower().split(" ", 1)
    side, rest = (words[0], words[1]) if words[0] in ("left", "right") and len(words) == 2 else ("", name.lower())
    return (rest, side) if rest in ANATOMY and (rest in PAIRED) == bool(side) else None


def of_code(code: str) -> tuple[str, tuple[str, ...]] | None:
    """A MeSH code: "Opacity/lung/upper lobe/right" → ("lung opacity", ("right",)); None where not asked about."""
    head, *rest = (part.strip().lower() for part in code.split("/"))
    concept = _HEADS.get(head, head if head in FINDINGS else None)
    for part in rest:
        concept = _QUALIFIED.get((head, part), concept)
    if concept not in FINDINGS:
        return None
    sides = ("left", "right") if "bilateral" in rest else tuple(side for side in ("left", "right") if side in rest)
    return concept, sides
