"""What a sentence of a report asserts of the findings that it names: NegEx's idea with rules for radiology.

A trigger ("no", "without", "negative for") governs what follows it until its scope ends ("but", a new clause); some
triggers govern what stands before them ("… has resolved", "… is not seen"); some only look like one ("no change in").
Chapman et al., A simple algorithm for identifying negated findings, J Biomed Inform 34 (2001).
"""

import re
from collections.abc import Iterator
from typing import Literal

from lofi.report.phrasing import names_finding, phrases_of

State = Literal["present", "uncertain", "absent", "normal", "none"]
"""``none``: the sentence says nothing about what is on the film (a request, a comparison, a technique)."""

_STATE_WORDS = (
    r"stable|unchanged|persistent|mild(?:ly)?|moderate(?:ly)?|severe(?:ly)?|minimal(?:ly)?|small|large|increased"
)
_SUBJECTS = (
    r"there|the|heart|cardi\w+|mediastin\w+|lungs?|bony|osseous|bones?|pulmonary vascula\w+|trachea|aort\w+|"
    rf"hilar|left|right|bilateral|degenerative|{_STATE_WORDS}"
)
_BORDERS = re.compile(
    r"\s*;\s*|[\s,]+(?:but|however|although|though|whereas|while|yet|except(?: for)?|aside from|apart from|other than|"
    rf"with the exception of|besides)\b[\s,]*|\s*,\s*(?:and\s+)?(?=(?:{_SUBJECTS})\b)(?!\s*(?:left|"
    rf"right)\s+(?:or|and)\b)|"
    rf"\s+and\s+(?=(?:there|the (?:heart|lungs?|aorta|cardi\w+|mediast\w+)|{_STATE_WORDS})\b)",
    re.IGNORECASE,
)
_NOT_NEGATIONS = (
    (r"\bno (?:\w+ ){0,3}(?:change|increase|decrease|improvement|progression)s? (?:in|of|from|to)\b", "unchanged"),
    (r"\bwithout (?:\w+ ){0,2}(?:change|progression|improvement)\b", "unchanged"),
    (r"\bnot (?:\w+ly )?(?:changed|improved|progressed|resolved|cleared)\b", "unchanged"),
    (r"\b(?:has|have) not (?:\w+ly )?(?:changed|improved|progressed|resolved|cleared)\b", "unchanged"),
    (
        r"\b(?:can ?not|could not|may not|not|difficult to|unable to) (?:be )?(?:\w+ly )?"
        r"(?:excluded?|ruled? out)(?: (?:an?|the))?\b",
        "possible",
    ),
    (r"\bnot (?:only|just|necessarily)\b|\bno doubt\b", ""),
    (r"\bnot (?:clear|normal)\b", "abnormal"),
    (r"\bno longer (?=(?:normal|clear)\b)", "not "),
)
_NO_LONGER = tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in _NOT_NEGATIONS)
_BEFORE = re.compile(
    r"\b(?:no evidence (?:of|for)|no (?:sign|signs|suggestion|indication) of|no longer any|no|without(?: any)?|"
    r"negative for|free (?:of|from)|clear of|devoid of|absence of|lack of|neither|nor|never|denies|resolution of|"
    r"(?:completely )?resolved|(?:do|does|did|is|are|was|were|has|have|had)(?: not|n't)(?: have| show|"
    r" demonstrate| see|"
    r" contain| reveal| suggest| represent| any| an?| been)*|not|fails? to (?:show|demonstrate|reveal)|rather than|"
    r"removal of|excludes?)\b(?!\s*(?:/|\d))",
    re.IGNORECASE,
)
_SEEN = (
    r"(?:seen|identified|present|visuali[sz]ed|visible|demonstrated|appreciated|evident|noted|detected|observed|found)"
)
_AFTER = re.compile(
    rf"\b(?:(?:not|no longer) (?:\w+ly )?{_SEEN}|(?:has|have|had|is|are) (?:since )?(?:\w+ly )?(?:been )?"
    r"(?:resolved|cleared|ruled out|excluded|removed|absent)|(?:is|are|was|were) (?:\w+ly )?(?:absent|unlikely)|"
    r"unlikely|ruled out)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:may|might|could|possibl[ey]|probabl[ey]|likely|questionabl[ey]|suspected|suspicious|suspicion|concerning|"
    r"concern|suggest\w*|presum\w+|perhaps|equivocal|potential\w*|versus|vs|apparent\w*|worrisome|"
    r"cannot (?:exclude|rule out)|"
    r"(?:can ?not|could not) be)\b|\?",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:rule out|r/o|evaluate for|assess for|eval for|recommend\w*|advised?|suggest (?:follow|repeat|further|"
    r"ct|clinical)|"
    r"follow[- ]?up|correlat\w+|would be (?:helpful|of)|should be (?:considered|obtained|performed)|if clinically|"
    r"please|discussed with|was notified|were called|telephoned|dictated|signed)\b|"
    r"^\W*(?:(?:two|2|pa|ap|frontal|lateral|single|portable|upright|chest|and|the|of|views?|an?|one|x-?ray|"
    r"radiographs?|"
    r"examination|comparison|technique|film|none|is|made|to|available|no|prior|studies|study|for)\W+)*$",
    re.IGNORECASE,
)
_NORMAL = re.compile(
    r"\b(?:normal(?:ly)?|unremarkable|clear|intact|midline|patent|preserved|negative|within (?:\w+ )?limits|"
    r"not (?:\w+ly )?(?:enlarged|dilated|widened|elevated)|well[- ](?:expanded|aerated|inflated|preserved))\b",
    re.IGNORECASE,
)
_ALARM = re.compile(r"\b(?:above|beyond|exceeds?) (?:the )?(?:upper )?(?:limits? of )?normal\b", re.IGNORECASE)


def assertions(sentence: str) -> Iterator[tuple[State, str]]:
    """(state, phrase) of each finding that a sentence names; of one that names none, one pair with the phrase "".

    A sentence that calls things normal gives ("normal", "").
    """
    found = list(parts(sentence))
    named = [
        (state, phrase)
        for state, text in found
        if state != "normal" and names_finding(text)
        for phrase in phrases_of(text)
    ]
    if named:
        yield from dict.fromkeys(named)
    else:
        yield ("normal", "") if any(state == "normal" for state, _ in found) else ("none", "")


def parts(sentence: str) -> Iterator[tuple[State, str]]:
    """The parts of a sentence, each with what is said of whatever it names; nothing of a request or a technique.

    This is where it is decided whether a finding is denied; everybody else asks here.
    """
    if _REQUEST.search(sentence):
        return
    text = _without_false_negations(" ".join(sentence.split()))
    for clause in _BORDERS.split(text):
        yield from _of_clause(clause)


def _without_false_negations(sentence: str) -> str:
    for pattern, instead in _NO_LONGER:
        sentence = pattern.sub(instead, sentence)
    return sentence


def _of_clause(clause: str) -> Iterator[tuple[State, str]]:
    """What one clause says: of what stands before its first trigger, and of what follows it."""
    after = _AFTER.search(clause)
    if after is not None:
        trigger = _BEFORE.search(clause[: after.start()])
        yield "absent", clause[: after.start()] if trigger is None else clause[trigger.end() : after.start()]
        return
    trigger = _BEFORE.search(clause)
    if trigger is None:
        yield _affirmed(clause)
        return
    yield _affirmed(clause[: trigger.start()])
    yield "absent", clause[trigger.end() :]


def _affirmed(clause: str) -> tuple[State, str]:
    """A clause without a trigger: normal, certain or uncertain."""
    if _NORMAL.search(clause) and not _ALARM.search(clause) and not names_finding(_NORMAL.sub("", clause)):
        return "normal", clause
    return "uncertain" if _DOUBT.search(clause) else "present", clause
