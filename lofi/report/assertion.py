"""What a sentence of a report asserts of the findings that it names: ConText's idea with rules for radiology.

A trigger ("no", "without", "negative for") governs what follows it until its reach ends ("but", a new clause), some
govern what stands before them ("… has resolved", "… is not seen"), some only look like one ("no change in"). Which
words do what, and whose rule it is, stands in the table of lofi.report.triggers; here is how the table is applied.
"""

import re
from collections.abc import Iterator
from typing import Literal

from lofi.report.borders import CLAUSE, VERB, clauses, ends_in_finding, new_parts, reach
from lofi.report.lexicon import names_finding
from lofi.report.phrasing import phrases_of
from lofi.report.requests import says_nothing, without_requests
from lofi.report.templates import filled_in
from lofi.report.triggers import chosen, pattern_of

State = Literal["present", "uncertain", "absent", "normal", "none"]
"""``none``: the sentence says nothing about what is on the film (a request, a comparison, a technique)."""

_STATES = tuple((pattern_of([row]), row.instead) for row in chosen("states"))
_DENIALS = chosen("denies", "forward")
_DENIED = pattern_of(_DENIALS)
_PHRASE_ONLY = pattern_of(row for row in _DENIALS if row.scope == "phrase")
_DENIED_BEFORE = pattern_of(chosen("denies", "backward"))
_DOUBT = pattern_of(chosen("doubts"))

_JOINT = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|with)\s+", re.IGNORECASE)
_NEXT_IS_NEW = re.compile(r"(?:,|\band|\bwith)\s*$", re.IGNORECASE)
_AUXILIARY = re.compile(r"(?:has|have|had|is|are|was|were|not|no)\b", re.IGNORECASE)
_NEW_START = re.compile(r"\s*(?:[,.;:]|(?:with|and|in|on|at|since|now|after|from|but|by)\b)", re.IGNORECASE)
_FINITE = re.compile(rf"\b{VERB}", re.IGNORECASE)
_NORMAL = re.compile(
    r"\b(?:normal(?:ly)?|unremarkable|clear|intact|midline|patent|preserved|negative|within (?:\w+ )?limits|sharp|"
    r"not (?:\w+ly )?(?:enlarged|dilated|widened|elevated)|well[- ](?:expanded|aerated|inflated|preserved))\b",
    re.IGNORECASE,
)
_CHANGE_ALONE = re.compile(
    r"(?:(?:increased|decreased|prominent|borderline|abnormal|accentuated|"
    r"it|this|these|that|they|findings?|has|have|had|been|is|are|was|were|be|"
    r"slightly|mildly|moderately|markedly|significantly|more|less|now|again|and|in|size|degree|extent)\W*)+",
    re.IGNORECASE,
)
"""That something has changed, and not what: no finding."""
_ALARM = re.compile(r"\b(?:above|beyond|exceeds?) (?:the )?(?:upper )?(?:limits? of )?normal\b", re.IGNORECASE)
_ONE_SIDE = re.compile(
    r"\b(left|right)((?:[- ]sided)?),?\s+(?:but\s+)?not\s+(?:the\s+|on the\s+)?(?:left|right)(?:[- ]sided)?\b,?", re.I
)
_OVER = re.compile(r"(\bfavou?r(?:s|ed|ing)?\b[^,;]*?)\s+over\b[^,;]*|(\bmore likely\b[^,;]*?)\s+than\b[^,;]*", re.I)


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
        if not _CHANGE_ALONE.fullmatch(phrase)
    ]
    if named:
        yield from dict.fromkeys(named)
    else:
        yield ("normal", "") if any(state == "normal" for state, _ in found) else ("none", "")


def parts(sentence: str) -> Iterator[tuple[State, str]]:
    """The parts of a sentence, each with what is said of whatever it names; nothing of a request or a technique.

    This is where it is decided whether a finding is denied; everybody else asks here.
    """
    text = " ".join(sentence.split())
    if says_nothing(text):
        return
    form = filled_in(text)
    if form is not None:
        if form.state is not None:
            yield form.state, form.finding
        text = form.rest
    for clause in clauses(_plainly(text)):
        yield from _of_clause(without_requests(clause))


def _plainly(text: str) -> str:
    """The text without what only looks like a denial, and without the side or the cause that it sets aside."""
    for pattern, instead in _STATES:
        text = pattern.sub(f" {instead} ", text)
    return _OVER.sub(r"\1\2", _ONE_SIDE.sub(r"\1\2", text))


def _of_clause(clause: str) -> Iterator[tuple[State, str]]:
    """What one clause says: of what stands before its first trigger, and of what follows it."""
    after = _DENIED_BEFORE.search(clause)
    if after is not None:
        yield from _denied_before(clause, after)
        return
    trigger = _DENIED.search(clause)
    if trigger is None:
        yield from _affirmed(clause)
        return
    yield from _affirmed(clause[: trigger.start()])
    yield from _denied(clause[trigger.end() :], bool(_PHRASE_ONLY.fullmatch(trigger[0])))


def _denied_before(clause: str, after: re.Match[str]) -> Iterator[tuple[State, str]]:
    """A clause such as "edema has resolved"; "resolved edema" denies what follows, as nothing stands before."""
    before, rest = clause[: after.start()], clause[after.end() :]
    if not names_finding(before) or _attributive(before, after[0], rest):
        yield from _affirmed(before)
        yield from _denied(rest)
        return
    trigger = _DENIED.search(before)
    if trigger is not None:
        yield from _affirmed(before[: trigger.start()])
        yield "absent", before[trigger.end() :]
    else:
        own = max((joint.end() for joint in _JOINT.finditer(before) if _complete(before[: joint.start()])), default=0)
        if own:
            yield from _affirmed(before[:own])
        yield "absent", before[own:]
    if names_finding(rest):
        yield from _of_clause(rest)


def _attributive(before: str, words: str, rest: str) -> bool:
    """Whether "resolved" and its kind belong to what follows: "suggesting resolved edema", not "effusion resolved"."""
    if _AUXILIARY.match(words) or not names_finding(rest) or _NEW_START.match(rest):
        return False
    return bool(_NEXT_IS_NEW.search(before)) or not ends_in_finding(before.rstrip())


def _complete(text: str) -> bool:
    """Whether the text is a clause of its own: "the effusion is stable" and not "the drain"."""
    return bool(_FINITE.search(text)) and names_finding(text)


def _denied(text: str, phrase_only: bool = False) -> Iterator[tuple[State, str]]:
    """What follows a denial: denied as far as it reaches, and what the rest says for itself."""
    end, rest = reach(text, phrase_only)
    again = _DENIED.search(text, 0, end)
    if again is not None:
        end = rest = again.start()
    yield "absent", text[:end]
    if text[rest:].strip():
        yield from _of_clause(text[rest:])


def _affirmed(clause: str) -> Iterator[tuple[State, str]]:
    """A clause without a denial, part by part: normal, certain or uncertain."""
    part = ""
    for piece in new_parts(clause):
        if (names_finding(part) or CLAUSE.search(part)) and not _only_means(piece):
            yield _plain_state(part), part
            part = piece
        else:
            part += piece
    yield _plain_state(part), part


def _only_means(piece: str) -> bool:
    """Whether a piece says what the one before it may be: ", right base, could be pneumonia"."""
    doubt = _DOUBT.search(piece)
    return doubt is not None and not names_finding(piece[: doubt.start()])


def _plain_state(clause: str) -> State:
    if _NORMAL.search(clause) and not _ALARM.search(clause) and not names_finding(_NORMAL.sub("", clause)):
        return "normal"
    return "uncertain" if _DOUBT.search(clause) else "present"
