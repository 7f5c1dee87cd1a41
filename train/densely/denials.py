"""What a report says is not there, in the few forms that radiologists use for it.

Strict on purpose: a sentence that also speaks of change, size or doubt denies nothing.
"""

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_DOUBT = re.compile(
    r"\b(chang\w*|exclud\w*|but|however|except|although|otherwise|large|significant|acute|increas\w*|worsen\w*"
    r"|enlarg\w*|interval|new|residual|progress\w*|definite|xxxx)\b"
)
_NEGATION = re.compile(r"\b(?:no|without|free of|clear of|negative for)\b(.*)")
_TERMS = {
    "pneumothorax": ("pneumothora",),
    "effusion": ("effusion", "pleural fluid"),
    "consolidation": ("consolidation", "airspace disease", "air space disease", "airspace opaci", "air space opaci"),
    "infiltration": ("infiltrate", "airspace disease", "air space disease"),
    "pneumonia": ("pneumonia", "consolidation", "airspace disease", "air space disease"),
    "nodule": ("nodule",),
    "mass": ("mass",),
    "edema": ("edema",),
    "fracture": ("fracture",),
    "pulmonary congestion": ("congestion", "edema"),
}
_NORMAL = r"(?:normal|within normal limits|unremarkable|not enlarged)"
_HEART = re.compile(rf"\b(?:heart|cardiac|cardiomediastinal)\b[^.;]*\b{_NORMAL}\b|\bnormal heart size\b")
_VESSELS = re.compile(rf"\bvascula\w+\b[^.;]*\b{_NORMAL}\b|\bnormal pulmonary vascula\w+")
_LUNGS = re.compile(r"\b(?:both )?lungs (?:are|appear) (?:\w+ )?clear\b|^clear lungs\b|^lungs clear\b")
_CLEAR = ("atelectasis", "consolidation", "infiltration", "pneumonia", "lung opacity", "mass", "edema")


def denied(report: str) -> frozenset[str]:
    """The concepts that the report denies in so many words."""
    found: set[str] = set()
    for sentence in _SENTENCE.split(report.lower()):
        if _DOUBT.search(sentence):
            continue
        negated = _NEGATION.search(sentence)
        if negated:
            found |= {c for c, terms in _TERMS.items() if any(term in negated.group(1) for term in terms)}
        if _HEART.search(sentence):
            found.add("cardiomegaly")
        if _VESSELS.search(sentence):
            found |= {"pulmonary congestion", "edema"}
        if _LUNGS.search(sentence):
            found.update(_CLEAR)
    return frozenset(found)
