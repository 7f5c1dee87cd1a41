"""Codes of findings: SNOMED CT or DICOM's own where a phrase names a finding and nothing else, a private one otherwise.

A phrase is matched whole, apart from words for side, place and size: "small left pleural effusion" is a pleural
effusion, "scar after pneumonia" is no pneumonia.
"""

import hashlib
import re
from typing import Final

from highdicom.sr import CodedConcept

from lofi.gallery.text import fold
from lofi.results import Standing

SCHEME: Final = "99LOFI"
"""Designator of the private scheme; "99" marks one by the standard (PS3.16 section 8.1)."""

_CONCEPTS = {
    ("46621007", "SCT", "Atelectasis"): ("atelectasis",),
    ("8186001", "SCT", "Cardiomegaly"): ("cardiomegaly", "enlarged heart", "enlarged cardiac silhouette"),
    ("95436008", "SCT", "Lung consolidation"): ("consolidation", "lung consolidation", "airspace consolidation"),
    ("19242006", "SCT", "Pulmonary edema"): ("edema", "oedema", "pulmonary edema", "pulmonary oedema"),
    ("60046008", "SCT", "Pleural effusion"): ("effusion", "pleural effusion"),
    ("87433001", "SCT", "Pulmonary emphysema"): ("emphysema", "pulmonary emphysema"),
    ("51615001", "SCT", "Fibrosis of lung"): ("fibrosis", "pulmonary fibrosis", "lung fibrosis"),
    ("84089009", "SCT", "Hiatal hernia"): ("hiatal hernia", "hiatus hernia"),
    ("409609008", "SCT", "Pulmonary infiltrate"): ("infiltrate", "infiltration", "pulmonary infiltrate"),
    ("309529002", "SCT", "Lung mass"): ("mass", "masses", "lung mass", "pulmonary mass"),
    ("786838002", "SCT", "Nodule of lung"): ("nodule", "lung nodule", "pulmonary nodule"),
    ("233604007", "SCT", "Pneumonia"): ("pneumonia",),
    ("36118008", "SCT", "Pneumothorax"): ("pneumothorax",),
    ("33737001", "SCT", "Fracture of rib"): ("rib fracture", "fractured rib"),
    ("112001", "DCM", "Opacity"): ("opacity", "lung opacity", "pulmonary opacity", "opacification"),
    ("112120", "DCM", "Ground glass opacity"): ("ground glass opacity", "ground glass"),
}
_BY_WORDS = {words: code for code, names in _CONCEPTS.items() for words in names}
_MODIFIERS = frozenset(
    """
    a an the in of at on left right bilateral both sided side small large tiny mild moderate severe minimal
    upper lower middle mid lobe zone lung basal basilar apical base apex focal patchy diffuse
    """.split()  # noqa: SIM905 (a list of forty strings is no clearer)
)
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right"), "bilateral": ("51440002", "Bilateral")}
THORAX: Final = CodedConcept("816094009", "SCT", "Thorax")
PRESENCE: Final = CodedConcept("presence", SCHEME, "Presence of the finding")
ABSENT: Final = CodedConcept("272519000", "SCT", "Absent")
UNDETERMINED: Final = CodedConcept("373068000", "SCT", "Undetermined")
STATE: Final = CodedConcept("state", SCHEME, "What the answer stands for")
PLACE: Final = CodedConcept("place", SCHEME, "What the place of the box stands for")
GUESS: Final = CodedConcept("guess", SCHEME, "A guess")
PRESENT: Final = CodedConcept("52101004", "SCT", "Present")
CONFIDENCE: Final = CodedConcept("confidence", SCHEME, "Probability that the finding is present")
CERTAINTY: Final = CodedConcept("111012", "DCM", "Certainty of Finding")
BOX_SCORE: Final = CodedConcept("box-score", SCHEME, "Score of the box among the model's boxes")
VERDICT: Final = CodedConcept("verdict", SCHEME, "Reader's verdict on the box")
CHEST_FILM: Final = CodedConcept("399208008", "SCT", "Plain chest X-ray")


def finding_code(phrase: str) -> CodedConcept:
    """The code of what a phrase names: a public one, else a private one that is the same for the same words."""
    words = _words(phrase)
    for wanted in (words, [word for word in words if word not in _MODIFIERS]):
        code = _known(wanted)
        if code is not None:
            return CodedConcept(*code)
    digest = hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
    return CodedConcept(f"p-{digest}", SCHEME, meaning(phrase))


def side_code(phrase: str) -> CodedConcept | None:
    """Laterality where the phrase names exactly one."""
    words = set(_words(phrase))
    if {"left", "right"} <= words or "both" in words:
        words = {"bilateral"}
    named = [side for side in _SIDES if side in words]
    return CodedConcept(_SIDES[named[0]][0], "SCT", _SIDES[named[0]][1]) if len(named) == 1 else None


def state_code(state: Standing) -> CodedConcept:
    """The code of what an answer stands for."""
    return CodedConcept(state.replace(" ", "-"), SCHEME, state.capitalize())


def verdict_code(word: str) -> CodedConcept:
    """The code of a reader's word on a box."""
    return CodedConcept(word, SCHEME, f"{word.capitalize()} by the reader")


def meaning(text: str) -> str:
    """``text`` as a DICOM long string: no backslash, which would divide it, and at most 64 bytes of UTF-8.

    The standard counts characters; software that counts bytes is too common to be surprised by.
    """
    single = " ".join(text.replace("\\", "/").split())
    if len(single.encode()) <= 64:
        return single
    return single.encode()[:61].decode(errors="ignore").rstrip() + "…"


def _words(phrase: str) -> list[str]:
    return re.findall(r"\w+", fold(phrase))


def _known(words: list[str]) -> tuple[str, str, str] | None:
    joined = " ".join(words)
    singular = re.sub("ies$", "y", joined).removesuffix("s")
    return _BY_WORDS.get(joined) or _BY_WORDS.get(singular)
