"""What was typed becomes what is asked: one function for the page, the API, the command line and every export.

Abbreviations are written out, spellings and plurals made those that the models were taught, misspelt words of the
lexicon put right where one word only can be meant; signs of markup and control tokens are no words. A phrase that
denies asks for nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lofi.report.abbreviations import ABBREVIATIONS, PLURALS, SPELLINGS
from lofi.report.assertion import parts
from lofi.report.concepts import PARTS, concepts_of
from lofi.report.lexicon import SPELLER, finds
from lofi.report.query import tidied

_MARKUP = re.compile(r"[<>\[\]{}|\\*_`#~^=\"“”«»]+|^\s*(?:[-•·+]|\(?\d{1,2}[.)])\s+|\s[-–—]+\s")
_LETTER_STOP = re.compile(r"\b([lr]|lt|rt|bilat)\.(?=\s|$)")
_SHORT = {row.short: row.long for row in ABBREVIATIONS}
_WRITTEN_OUT = re.compile(
    r"(?<![\w/])(?:"
    + "|".join(re.escape(short) for short in sorted({*_SHORT, *SPELLINGS}, key=len, reverse=True))
    + r")(?![\w/])"
)
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = re.compile(r"[a-z]{2}")

_ASKING = re.compile(
    r"^(?:please\s+)?(?:(?:is|are) there|where (?:is|are)|find|show(?: me)?|locate|look for|check for|any)\s+"
    r"(?:(?:an?|any|the)\s+)?",
    re.IGNORECASE,
)

_SIDED = r"(?:[- ]?sided)?"
_SIDE_LAST = re.compile(
    rf"^(?P<rest>.+?)[\s,(]+(?:(?:on|in|at|of|to)\s+)?(?:the\s+)?(?P<side>left|right){_SIDED}"
    r"(?:\s+(?:side|lung|hemithorax|chest|pleural space))?\)?$"
)
_SIDE_FIRST = re.compile(
    rf"^(?:the\s+)?\(?(?P<side>left|right)\)?{_SIDED}(?:\s+(?:side|hemithorax|chest))?[\s,:]+(?P<rest>.+)$"
)
_PLACE_LAST = re.compile(r"^(?P<rest>.+?)[\s,(]+(?P<place>(?:left|right) (?:upper|middle|lower) lobe)\)?$")
_HAS_SIDE = re.compile(r"\b(?:left|right|bilateral|bibasilar|biapical|both)\b")
_BOTH = re.compile(r"^(?P<rest>.+?)[\s,(]+(?:bilateral(?:ly)?|(?:on |in )?both (?:sides|lungs))\)?$")
_PLACE_WORDS = "left right bilateral both the of in a an and upper middle mid lower whole entire region area field side"
_PART_WORDS = frozenset(_PLACE_WORDS.split()) | {
    form for wordings in PARTS.values() for words in wordings for word in words.split() for form in (word, word + "s")
}


@dataclass(frozen=True)
class Understood:
    """A phrase as it was ``typed`` and as it is ``asked`` of the model.

    ``asserts`` is False where the phrase denies: nothing is to be looked for. ``concepts`` are what it is about
    (lofi.report.concepts, or words of the lexicon), none where it holds no word of chest films. ``readable`` is False
    where it holds no word in Latin letters at all, so that no model can have learnt it.
    """

    typed: str
    asked: str
    asserts: bool
    concepts: tuple[str, ...]
    readable: bool

    @property
    def subject(self) -> str:
        """What is asked for, without its side, for a sentence about it."""
        return _bare(self.asked)


def understood(typed: str, names: Iterable[str] = ()) -> Understood:
    """What a phrase asks for. ``names`` are concepts that the model calls by names of its own."""
    shown = tidied(typed)
    words = written_out(shown)
    words = _ASKING.sub("", words) or words
    said = list(parts(words))
    stated = [text for state, text in said if state in ("present", "uncertain") and _about(text)]
    denied = any(state in ("absent", "normal") for state, _ in said)
    asserts = bool(stated) or not denied
    asked = _tidy(" ".join(stated)) if stated and denied else words
    asked = sided(_undoubted(asked)) if asserts else words
    known = _concepts(asked, frozenset(names))
    return Understood(shown, asked or words or shown, asserts, known, bool(_ENGLISH.search(words)))


def written_out(text: str) -> str:
    """The text in lower case and plain words, everything in it spelt as the models were taught."""
    plain = " ".join(_MARKUP.sub(" ", text).lower().split()).strip(" .,;:!-")
    plain = _LETTER_STOP.sub(r"\1", plain)
    plain = _WRITTEN_OUT.sub(lambda match: _SHORT.get(match[0]) or SPELLINGS[match[0]], plain)
    return _tidy(_WORD.sub(lambda match: _spelt(match[0]), plain))


def sided(phrase: str) -> str:
    """The phrase with its one side in front, "left pleural effusion" for "pleural effusion on the left": the order
    that every model was taught. A phrase with a place of its own keeps it.
    """
    last = _SIDE_LAST.match(phrase)
    if last is not None and not _HAS_SIDE.search(last["rest"]) and _about(last["rest"]):
        return f"{last['side']} {_tidy(last['rest'])}"
    first = _SIDE_FIRST.match(phrase)
    if first is not None and not _HAS_SIDE.search(first["rest"]):
        return f"{first['side']} {_tidy(first['rest'])}"
    place = _PLACE_LAST.match(phrase)
    if place is not None and not re.search(r"\b(?:in|of|the|at|left|right)\b", place["rest"]):
        return f"{place['place']} {_tidy(place['rest'])}"
    both = _BOTH.match(phrase)
    if both is not None and not _HAS_SIDE.search(both["rest"]):
        return f"bilateral {_tidy(both['rest'])}"
    return phrase


def _undoubted(phrase: str) -> str:
    """Without words of doubt: what is possible is looked for as what is there is."""
    return _tidy(re.sub(r"\b(?:possible|probable|questionable|suspected|likely|query|rule out|r/o)\b|\?", " ", phrase))


def _tidy(text: str) -> str:
    return re.sub(r"\s+([,.;:])", r"\1", " ".join(text.split())).strip(" .,;:!-")


def _spelt(word: str) -> str:
    """One word in the singular, and put right where one word of the lexicon only is near."""
    word = SPELLER.meant(word) or word
    return PLURALS.get(word, word)


def _concepts(phrase: str, names: frozenset[str]) -> tuple[str, ...]:
    """What a phrase is about. A part of the chest is meant where nothing else is named: "left lung", not "left lung
    abscess", which is about a word that no model may take for the lung.
    """
    found = concepts_of(phrase, names)
    if not found:
        return _of_lexicon(phrase)
    if set(found) <= PARTS.keys() and not set(_WORD.findall(phrase)) <= _PART_WORDS:
        return (_bare(phrase),)
    return found


def _about(text: str) -> bool:
    return bool(concepts_of(text)) or finds(text)


def _of_lexicon(phrase: str) -> tuple[str, ...]:
    """A finding of the lexicon that no concept covers, by its own words: "bronchiectasis"."""
    return (_bare(phrase),) if finds(phrase) else ()


def _bare(phrase: str) -> str:
    return re.sub(r"^(?:left|right|bilateral)\s+(?!$)", "", phrase)
