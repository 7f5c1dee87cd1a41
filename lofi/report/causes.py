"""Causes, which no film shows: a draft says what is seen and never what it comes from.

"Bilateral opacities, consistent with Covid-19 pneumonia" keeps its first half; "Covid-19 pneumonia" goes.
"""

import re

from lofi.report.lexicon import names_finding

_CAUSE = re.compile(
    r"\b(?:covid\w*|corona ?virus\w*|sars(?:-cov-?2)?|mers|influenza|tubercul\w+|tb|mycobacter\w+|pneumocystis|pcp|"
    r"(?:viral|bacterial|fungal|atypical|aspiration|lipoid|hospital[- ]acquired|community[- ]acquired) pneumonia|"
    r"virus\w*|bacteri\w+|fung(?:us|al)|infecti\w+|sepsis|aspiration|"
    r"carcinoma\w*|cancer\w*|malignan\w+|neoplas\w+|tumou?rs?|metasta\w+|lymphoma\w*|sarcoid\w*|"
    r"(?:congestive )?(?:heart|cardiac) failure|chf|cardiogenic|fluid overload|renal failure|embol(?:us|i|ism)|"
    r"infarct\w*|trauma\w*|silicosis|asbestosis|pneumoconiosis|ards|vasculitis|copd|asthma)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"[\s,;]*\b(?:(?:which|that|findings?|this|may|might|could|are|is|be|most|more|very|likely|probably|possibly|"
    r"perhaps|and)\s+)*(?:(?:consistent|compatible|in keeping|in line) with|suggest(?:s|ing|ive of)?|due to|"
    r"caused by|secondary to|represent(?:s|ing)?|reflect(?:s|ing)?|indicat(?:es?|ing|ive of)|"
    r"concerning for|suspicious for|suspected|related to|because of|attributable to|from|in the setting of|"
    r"as (?:seen )?in|of)\s",
    re.IGNORECASE,
)


def names_cause(text: str) -> bool:
    """Whether a phrase or sentence names what a finding comes from."""
    return bool(_CAUSE.search(text))


def without_cause(sentence: str) -> str:
    """The sentence as far as it says what is seen; "" where that is nothing."""
    cause = _CAUSE.search(sentence)
    if cause is None:
        return sentence
    joints = [joint for joint in _JOINT.finditer(sentence) if joint.end() <= cause.start() + 1]
    kept = next((sentence[: joint.start()] for joint in reversed(joints) if joint.start()), "").strip(" ,;:")
    if names_cause(kept) or not names_finding(kept):
        return ""
    return f"{kept}." if sentence.rstrip().endswith(".") else kept
