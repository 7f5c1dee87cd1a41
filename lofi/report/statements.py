"""A report, pasted or found, as statements: sentence by sentence, what it says is there and what is not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lofi.errors import BadQuery
from lofi.report.assertion import State, assertions
from lofi.report.layout import SENTENCE_LIMIT, Sentence, plain, sentences
from lofi.report.tongue import ONLY_ENGLISH, speaks_english

__all__ = [
    "SENTENCE_LIMIT",
    "Sentence",
    "Statement",
    "groundable_phrases",
    "read_report",
    "sentences",
    "split_report",
    "statements_of",
]


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


def split_report(text: str) -> tuple[Statement, ...]:
    """The statements of a report in their order; every sentence gives one or more. None where it is not in English."""
    if not speaks_english(text):
        return ()
    return tuple(statement for sentence in sentences(text) for statement in statements_of(sentence))


def read_report(text: str) -> tuple[Statement, ...]:
    """As ``split_report``, for a report that a person gave. Raises BadQuery where it is not in English."""
    if not speaks_english(text):
        raise BadQuery(ONLY_ENGLISH)
    return split_report(text)


def statements_of(sentence: Sentence) -> tuple[Statement, ...]:
    """What one sentence states, one or more."""
    return tuple(
        Statement(sentence.text, phrase, state, sentence.start, sentence.end, sentence.section)
        for state, phrase in _said(sentence)
    )


def groundable_phrases(statements: Sequence[Statement]) -> tuple[str, ...]:
    """The phrases to look for on the film, each once."""
    return tuple(dict.fromkeys(statement.phrase for statement in statements if statement.groundable))


def _said(sentence: Sentence) -> Iterator[tuple[State, str]]:
    if sentence.about_film:
        yield from assertions(plain(sentence.text))
    else:
        yield "none", ""
