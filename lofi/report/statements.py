"""A report, pasted or found, as statements: sentence by sentence, what it says is there and what is not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lofi.report.assertion import State, assertions

SENTENCE_LIMIT = 600
"""Characters after which a sentence is cut: what goes on so long is no sentence."""

_HEADING = re.compile(
    r"(?:^|(?<=[\n.;]))[ \t]*(?P<name>[A-Z][A-Za-z]+(?:[ /&][A-Za-z]+){0,4})[ \t]*:|"
    r"^[ \t]*(?P<alone>FINDINGS?|IMPRESSIONS?|CONCLUSIONS?|INDICATION|TECHNIQUE|COMPARISON|HISTORY)[ \t]*$",
    re.MULTILINE,
)
_ELSEWHERE = re.compile(
    r"indication|history|comparison|technique|exam|procedure|reason|views?$|clinical|recommend|signed|dictat|attending|"
    r"accession|date|patient|name$|physician|protocol",
    re.IGNORECASE,
)
_ABOUT_FILM = re.compile(r"findings?|impressions?|conclusions?|opinion|interpretation|summary", re.IGNORECASE)
_END = re.compile(
    r"[.!?]+[\"')\]]*(?=\s|$)|(?<=[a-z]{2})\.(?=[A-Z][a-z])|\n[ \t]*(?=\n)|\n(?=[ \t]*(?:[-*•·]|"
    r"\(?\d{1,2}[.)])\s)|(?<=[:;])\n"
)
_BULLET = re.compile(r"(?:[-*•·]+|\(?\d{1,2}[.)])(?=\s)")
_NO_STOP_AFTER = re.compile(
    r"\b(?:drs?|mrs?|ms|vs|approx|fig|e\.g|i\.e|cf|st|inc|resp|incl|esp|poss|prob|lt|rt|bilat|[a-z])$", re.IGNORECASE
)
_UNIT = re.compile(r"\d\s?[cm]m$", re.IGNORECASE)
_CLOCK = re.compile(r"\d\s?[ap]\.m$", re.IGNORECASE)
_GOES_ON = re.compile(r"\s+[a-z]")


@dataclass(frozen=True)
class Statement:
    """One thing that a report says.

    ``sentence`` is ``text[start:end]`` of the report, ``section`` its heading in lower case. ``phrase`` names the
    finding in few words, "" where there is none to name. A sentence of several findings gives several statements.
    """

    sentence: str
    phrase: str
    state: State
    start: int
    end: int
    section: str = ""

    @property
    def negated(self) -> bool:
        """Whether it denies a finding or calls something normal: nothing to be boxed."""
        return self.state in ("absent", "normal")

    @property
    def groundable(self) -> bool:
        """Whether it asserts, for sure or perhaps, a finding that can be looked for."""
        return bool(self.phrase) and self.state in ("present", "uncertain")

    def to_json(self) -> dict[str, Any]:
        """The public form: the API's contract for one statement."""
        return {
            "sentence": self.sentence,
            "phrase": self.phrase,
            "state": self.state,
            "negated": self.negated,
            "section": self.section,
        }


@dataclass(frozen=True)
class Sentence:
    """``text[start:end]`` of a report and the section in which it stands."""

    text: str
    start: int
    end: int
    section: str

    @property
    def about_film(self) -> bool:
        """Whether it stands where a report says what is on the film, not why or how it was made."""
        return not self.section or bool(_ABOUT_FILM.fullmatch(self.section))


def split_report(text: str) -> tuple[Statement, ...]:
    """The statements of a report in their order; every sentence gives one or more."""
    return tuple(statement for sentence in sentences(text) for statement in statements_of(sentence))


def statements_of(sentence: Sentence) -> tuple[Statement, ...]:
    """What one sentence states, one or more."""
    return tuple(
        Statement(sentence.text, phrase, state, sentence.start, sentence.end, sentence.section)
        for state, phrase in _said(sentence)
    )


def groundable_phrases(statements: Sequence[Statement]) -> tuple[str, ...]:
    """The phrases to look for on the film, each once."""
    return tuple(dict.fromkeys(statement.phrase for statement in statements if statement.groundable))


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a report, without headings, bullets and what has no words in it."""
    place, section = 0, ""
    for heading in [*_HEADING.finditer(text), None]:
        yield from _sentences_between(text, place, len(text) if heading is None else heading.start(), section)
        if heading is not None:
            name = " ".join((heading["name"] or heading["alone"]).lower().split())
            known = _ABOUT_FILM.fullmatch(name) or _ELSEWHERE.search(name)
            # "Heart: enlarged." is a sentence about the heart, whose first word is needed.
            place, section = (heading.end(), name) if known else (heading.start(), section)


def _sentences_between(text: str, start: int, stop: int, section: str) -> Iterator[Sentence]:
    place = start
    for end in [*_ends(text, start, stop), stop]:
        while place < end:
            cut = min(end, place + SENTENCE_LIMIT)
            found = _trimmed(text, place, cut, section)
            if found is not None:
                yield found
            place = cut


def _ends(text: str, start: int, stop: int) -> Iterator[int]:
    """Where sentences end: after a stop that closes no abbreviation, at a blank line and before a bullet."""
    for match in _END.finditer(text, start, stop):
        before = text[max(start, match.start() - 8) : match.start()]
        goes_on = _GOES_ON.match(text, match.end(), stop)
        in_size = _UNIT.search(before) and goes_on
        abbreviated = _NO_STOP_AFTER.search(before) and (goes_on or not _CLOCK.search(before))
        if match[0] == "." and (in_size or abbreviated):
            continue
        yield match.end()


def _trimmed(text: str, start: int, end: int, section: str) -> Sentence | None:
    """The sentence without white space and bullet around it; None where no word is left."""
    while start < end and text[start].isspace():
        start += 1
    bullet = _BULLET.match(text, start, end)
    start = start if bullet is None else bullet.end()
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    words = re.sub(r"X{3,}", "", text[start:end])
    return Sentence(text[start:end], start, end, section) if re.search(r"[A-Za-z]{2}", words) else None


def _said(sentence: Sentence) -> Iterator[tuple[State, str]]:
    if sentence.about_film:
        yield from assertions(sentence.text)
    else:
        yield "none", ""
