"""Where the sections and the sentences of a report begin and end. Offsets are those of the text that came in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lofi.report.lexicon import names_finding

SENTENCE_LIMIT = 600
"""Characters after which a sentence is cut: what goes on so long is no sentence."""
NARROW = 60
"""A text whose longest line is shorter was not wrapped: each line was begun on purpose."""

_HEADING = re.compile(
    r"^[ \t]*(?P<line>[A-Z][A-Za-z0-9 /&,()-]{1,70}?)[ \t]*:(?!\d)|"
    r"(?<=[.;!?])[ \t]*(?P<name>[A-Z][A-Za-z]+(?:[ /&][A-Za-z]+){0,4})[ \t]*:|"
    r"^[ \t]*(?P<alone>findings?|impressions?|conclusions?|results?|report|indications?|technique|comparisons?|"
    r"(?:clinical )?history|clinical (?:information|data|details))[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_ABOUT_FILM = re.compile(
    r"^(?:findings?|impressions?|conclusions?|opinion|interpretation|summary|reports?$|results?|reading|assessment|"
    r"description|comments?$|body$)",
    re.IGNORECASE,
)
_WHY = r"indication|history|reason|clinical|question|symptom|complaint|diagnos|referr|^hx$|^cc$|^pmh"
_HOW = (
    r"comparison|technique|^exam|exam(?:ination)? (?:date|type|name|code)|type of exam|procedure|^views?$|protocol|"
    r"priors?$"
)
_REST = (
    r"recommend|signed|dictat|transcri|attending|accession|date|time$|patient|name$|physician|doctor|radiologist|author|"
    r"electronically|status|^age$|^sex$|^mrn$|^dob$|^order|^notif|communicat"
)
_ELSEWHERE = re.compile(f"{_WHY}|{_HOW}|{_REST}", re.IGNORECASE)
_ONLY_HOW = re.compile(_HOW, re.IGNORECASE)
_PICTURE = re.compile(
    r"\b(?:chest|thorax|radiographs?|radiography|x-?rays?|cxr|films?|views?|portable)\b", re.IGNORECASE
)
_BLANK = re.compile(r"\n[ \t]*\n")
_NEXT_PARAGRAPH = re.compile(r"(?<=[.!?])[ \t]*\n(?=[ \t]*[A-Z])")
_INK = re.compile(r"\S")
_BODY = re.compile(
    r"(?:the |both )?(?:lungs?|heart|cardi\w+|mediastin\w+)(?: \w+){0,3}? "
    r"(?:is|are|remains?|appears?|normal|clear|enlarged)\b",
    re.IGNORECASE,
)
"""How a report of a film speaks and a history does not: "The lungs are clear."."""

_END = re.compile(
    r"(?<=[^\s.!?]) ?[.!?]+[\"')\]]*(?=\s|$)|(?<=[A-Za-z]{2})\.(?=[A-Z][A-Za-z])|"
    r"(?<=[A-Za-z)])[.;]\s?(?=\d{1,2}[.)]\s?[A-Z])|"
    r"(?<=[A-Za-z])\s+(?=\(?\d{1,2}[.)]\s?[A-Z][a-z])|"
    r"\n[ \t]*(?=\n)|\n(?=[ \t]*(?:[-*•·]|\(?\d{1,2}[.)])\s?)|(?<=[:;])\n|(?P<line>\n)"
)
_BULLET = re.compile(r"(?:[-*•·]+|\(?\d{1,2}[.)])(?=\s|[A-Z])")
_NO_STOP_AFTER = re.compile(
    r"\b(?:drs?|mrs?|ms|vs|approx|fig|e\.g|i\.e|cf|st|inc|resp|incl|esp|poss|prob|lt|rt|bilat|[a-z])$", re.IGNORECASE
)
_UNIT = re.compile(r"\d\s?[cm]m$", re.IGNORECASE)
_CLOCK = re.compile(r"\d\s?[ap]\.m$", re.IGNORECASE)
_GOES_ON = re.compile(r"\s+[a-z]")
_LINE_GOES_ON = re.compile(
    r"(?:[,/–-]|\b(?:the|an?|of|and|or|nor|with|without|no|not|in|at|on|to|for|from|by|is|are|was|were|left|right))"
    r"[ \t]*$",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"[ \t]*([\w'-]+)")

_TAG = re.compile(r"<(?P<name>/?[a-z][a-z0-9]*)\b[^<>]{0,200}>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,6}|[a-z]{2,8});", re.IGNORECASE)
_MARKDOWN = re.compile(r"\*\*|^[ \t]*#{1,6}(?= )|`+|^[ \t]*>(?= )", re.MULTILINE)
_IN_PLACE = {"li": "\n-", "/li": "\n", "br": "\n"}
_BLOCKS = frozenset({"p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"})


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
        return not _elsewhere(self.section)


def plain(text: str) -> str:
    """The text without HTML and Markdown, as long as before: what is no word becomes spaces and line breaks."""
    if "<" in text:
        text = _TAG.sub(_blanked, text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: " " * len(match[0]), text)
    return _MARKDOWN.sub(lambda match: " " * len(match[0]), text)


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a report, without headings, bullets and what has no words in it."""
    words = plain(text.replace("\r\n", " \n").replace("\r", "\n"))
    widest = max(map(len, words.split("\n")))
    for start, stop, section in _sections(words):
        for place, end in _between(words, start, stop, widest):
            if _elsewhere(section) and _is_body(words, section, start, place, end):
                section = ""
            yield Sentence(text[place:end], place, end, section)


def _blanked(tag: re.Match[str]) -> str:
    name = tag["name"].lower()
    shown = "\n\n" if name.removeprefix("/") in _BLOCKS else _IN_PLACE.get(name, "")
    return shown.ljust(len(tag[0]))


def _elsewhere(section: str) -> bool:
    """Whether a heading stands over why or how a film was made, or who says so."""
    return not _ABOUT_FILM.match(section) and bool(_ELSEWHERE.search(section))


def _sections(words: str) -> Iterator[tuple[int, int, str]]:
    """Start, stop and heading of each section. One that is not about the film ends at a blank line, too."""
    place, section = 0, ""
    for heading in [*_HEADING.finditer(words), None]:
        stop = len(words) if heading is None else heading.start()
        text = _INK.search(words, place, stop) if _elsewhere(section) else None
        blank = None if text is None else _ends_elsewhere(words, place, text.start(), stop)
        if blank is None:
            yield place, stop, section
        else:
            yield place, blank.start(), section
            yield blank.end(), stop, ""
            section = ""
        if heading is not None:
            name = " ".join((heading["line"] or heading["name"] or heading["alone"]).lower().split())
            if (
                _ABOUT_FILM.match(name)
                or _ELSEWHERE.search(name)
                or (_PICTURE.search(name) and not names_finding(name))
            ):
                place, section = heading.end(), name
            else:  # "Heart: enlarged." is a sentence about the heart, whose first word is needed.
                place, section = heading.start(), "" if _elsewhere(section) else section


def _ends_elsewhere(words: str, heading: int, text: int, stop: int) -> re.Match[str] | None:
    """Where what stands under a heading such as HISTORY ends before the next heading: at a blank line, or where a new
    line begins after the full stop of a text that stood on the heading's own line.
    """
    blank = _BLANK.search(words, text, stop)
    if "\n" in words[heading:text]:
        return blank
    line = _NEXT_PARAGRAPH.search(words, text, stop if blank is None else blank.start())
    return line or blank


def _is_body(words: str, section: str, start: int, place: int, end: int) -> bool:
    """Whether a sentence under a heading such as TECHNIQUE begins what is said of the film, for want of a heading."""
    said = " ".join(words[place:end].split())
    if _BODY.match(said):
        return True
    first = not words[start:place].strip(" \t\n-*•.")
    return bool(_ONLY_HOW.search(section)) and not first and names_finding(said)


def _between(words: str, start: int, stop: int, widest: int) -> Iterator[tuple[int, int]]:
    place = start
    for end in [*_ends(words, start, stop, widest), stop]:
        while place < end:
            cut = min(end, place + SENTENCE_LIMIT)
            found = _trimmed(words, place, cut)
            if found is not None:
                yield found
            place = cut


def _ends(words: str, start: int, stop: int, widest: int) -> Iterator[int]:
    """Where sentences end: after a stop that closes no abbreviation, at a blank line, before a bullet or a new line."""
    for match in _END.finditer(words, start, stop):
        if match["line"] is not None:
            if _begun_on_purpose(words, start, match.start(), stop, widest):
                yield match.end()
            continue
        if match[0] != "." or not _is_no_stop(words, start, match, stop):
            yield match.end()


def _is_no_stop(words: str, start: int, stop_sign: re.Match[str], stop: int) -> bool:
    """Whether a full stop closes an abbreviation or a unit, and no sentence."""
    before = words[max(start, stop_sign.start() - 8) : stop_sign.start()]
    goes_on = _GOES_ON.match(words, stop_sign.end(), stop)
    in_size = _UNIT.search(before) and goes_on
    abbreviated = _NO_STOP_AFTER.search(before) and (goes_on or not _CLOCK.search(before))
    return bool(in_size or abbreviated)


def _begun_on_purpose(words: str, start: int, end: int, stop: int, widest: int) -> bool:
    """Whether the line after ``end`` begins a sentence of its own, or the text was only wrapped there.

    A wrapped line had no room for the next word; a list of findings without stops has.
    """
    line = words[max(start, words.rfind("\n", 0, end) + 1) : end]
    following = _FIRST_WORD.match(words, end + 1, stop)
    if not line.strip() or following is None or _LINE_GOES_ON.search(line):
        return False
    word = following[1]
    had_room = len(line.rstrip()) + 1 + len(word) <= widest
    if word[0].isupper() and not (word.isupper() and len(word) > 1 and not line.isupper()):
        return widest < NARROW or had_room
    return had_room and (word[0].islower() or word.isupper())


def _trimmed(words: str, start: int, end: int) -> tuple[int, int] | None:
    """The sentence without white space and bullet around it; None where no word is left."""
    while start < end and words[start].isspace():
        start += 1
    bullet = _BULLET.match(words, start, end)
    start = start if bullet is None else bullet.end()
    while start < end and words[start].isspace():
        start += 1
    while end > start and words[end - 1].isspace():
        end -= 1
    said = re.sub(r"X{3,}", "", words[start:end])
    return (start, end) if re.search(r"[A-Za-z]{2}", said) else None
