"""What a report says that is nothing about the film: requests, notices, history, technique."""

import re

from lofi.report.lexicon import names_finding
from lofi.report.triggers import chosen, pattern_of

_DROPPED = pattern_of(chosen("drops"))
_HISTORY = re.compile(
    rf"(?:{pattern_of(chosen('history')).pattern}).*?(?=[,;]|\s+(?:without|with no)\b|$)", re.IGNORECASE
)
_PIECES = re.compile(
    rf"\s*,\s*|\s*[()]\s*|\s+(?:and|for which|on which|which|that)\s+(?=[^,]*?{_DROPPED.pattern})", re.IGNORECASE
)
_FOR_WHAT = re.compile(
    r"\b(?:for|of|regarding|evaluate|assess|follow|characteri[sz]e)\s+(?:the|this|these|those)\s+"
    r"(?!(?:\w+\s+)?(?:evaluation|exclusion|assessment|diagnosis|possibility|presence)\b)",
    re.IGNORECASE,
)
_TECHNIQUE = re.compile(
    r"^\W*(?:(?:two|2|pa|ap|frontal|lateral|single|portable|upright|erect|supine|chest|and|the|of|views?|an?|one|x-?ray|"
    r"radiographs?|film|today|examination|exam|comparison|technique|none|is|are|made|to|available|no|prior|previous|"
    r"studies|study|for)\W+)*$",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\W*if\b", re.IGNORECASE)


def says_nothing(sentence: str) -> bool:
    """Whether a sentence is all technique ("Two views of the chest.") or a condition ("If pain persists, …")."""
    return bool(_TECHNIQUE.match(sentence + " ") or _CONDITION.match(sentence))


def without_requests(clause: str) -> str:
    """The clause without requests, notices and history; "CT is recommended for the nodule" still names a nodule."""
    text = _HISTORY.sub("", clause)
    if not _DROPPED.search(text):
        return text
    kept = []
    for piece in _PIECES.split(text):
        dropped = _DROPPED.search(piece)
        if dropped is None:
            kept.append(piece)
            continue
        if names_finding(before := piece[: dropped.start()]):
            kept.append(before)
        about = _FOR_WHAT.search(piece, dropped.start())
        if about is not None:
            kept.append(piece[about.end() :])
    return ", ".join(kept)
