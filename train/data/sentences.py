"""Reports cut into sentences, and those left out that no film can answer for."""

import re
from collections.abc import Iterable

from lofi.gallery.text import REPORT_LIMIT, clean, clean_line
from lofi.report.statements import SENTENCE_LIMIT, sentences
from train.data.request import Tally

_GAP = re.compile(r"_{2,}|X{3,}|\[\*\*")
_WORD = re.compile(r"[A-Za-zÀ-ÿ]{3,}")


def report_text(text: object) -> str:
    """A report without control characters, at most as long as galleries take."""
    return clean(text, REPORT_LIMIT)


def split(text: object) -> list[str]:
    """What a report says of its film: sentences without headings and bullets, none of why or how it was made."""
    said = (sentence for sentence in sentences(report_text(text)) if sentence.about_film)
    return [clean_line(sentence.text, SENTENCE_LIMIT) for sentence in said]


def usable(given: Iterable[object], tally: Tally) -> tuple[str, ...]:
    """The sentences, each once, that have a word and no gap left by de-identification; the others are counted."""
    kept: dict[str, None] = {}
    for value in given:
        sentence = clean_line(value, SENTENCE_LIMIT)
        if not _WORD.search(sentence):
            tally.dropped_sentences["no word in it"] += 1
        elif _GAP.search(sentence):
            tally.dropped_sentences["a gap left by de-identification"] += 1
        else:
            kept[sentence] = None
    return tuple(kept)
