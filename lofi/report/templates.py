"""Lines of a form, "Effusion: small, left" and "Pneumothorax - none": the finding first, what is said of it after."""

import re
from dataclasses import dataclass
from typing import Literal

from lofi.report.lexicon import finds, names_finding
from lofi.report.triggers import SEEN, chosen, pattern_of

_LINE = re.compile(
    r"(?P<name>[^:?=;.\[\]]{2,80}?)\s*(?P<mark>[:=?]|\s[-–—]+(?=\s)|\.{3,}|(?=[(\[][^()\[\]]*[)\]]\W*$))\s*"
    r"(?P<value>[^.;]*)(?P<rest>.*)",
    re.DOTALL,
)
_ABSENT = re.compile(
    rf"^\W*(?:none(?: {SEEN})?|no(?: {SEEN}|(?=\W*$|\s*[,(]))|nil|negative|neg|absent|n|"
    rf"not (?:\w+ly )?{SEEN}|un{SEEN}|removed|resolved|"
    rf"cleared|excluded|unlikely|denied|free|0|-|\[ ?\])(?!\w)(?!\s+(?:change|longer)\b)[\s,)\]]*",
    re.IGNORECASE,
)
_PRESENT = re.compile(rf"^\W*(?:yes|y|present|positive|pos|{SEEN}|\+|\[x\])(?!\w)[\s,:)\]]*", re.IGNORECASE)
_KIND = re.compile(
    r"(?:(?:lines?|tubes?|drains?|devices?|catheters?|support|medical|hardware|and)[\s/,&]*)+", re.IGNORECASE
)
_DOUBT = pattern_of(chosen("doubts"))
_DOUBT_OR_UNSURE = re.compile(rf"cannot be (?:excluded|ruled out)|\+/-|{_DOUBT.pattern}", re.IGNORECASE)
_BEFORE_NOUN = re.compile(
    r"(?:(?:and|both|very|small|large|moderate|mild|minimal|severe|trace|tiny|slight|marked|massive|huge|medium|"
    r"left|right|bilateral|basal|basilar|bibasilar|apical|lateral|medial|upper|middle|lower|old|new|acute|chronic|stable|"
    r"unchanged|increased|decreased|focal|diffuse|patchy|loculated|displaced|healed|healing|subtle|sided|[-/ ])\s*)+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class FormLine:
    """A line of a form: the ``finding`` with size and side, what is said of it, and the ``rest`` to be read as text.

    ``state`` is None where the line only names a part of the chest or a kind of finding: ``rest`` is all it says.
    """

    finding: str
    state: Literal["present", "uncertain", "absent"] | None
    rest: str


def filled_in(text: str) -> FormLine | None:
    """The text as a line of a form; None where it is a sentence."""
    line = _LINE.fullmatch(text)
    if line is None or not line["value"].strip():
        return None
    name, value, rest = line["name"].strip(" -*•"), line["value"].strip(), line["rest"].strip(" .;")
    if not finds(name) or _opens_sentence(name):
        return None
    absent = _ABSENT.match(value)
    if absent is not None:
        more = value[absent.end() :]
        return FormLine(name, "absent", " ".join([more if names_finding(more) else "", rest]).strip())
    if names_finding(value) and not _only_degree(value):
        kind = _KIND.fullmatch(name) or all(word in value.lower() for word in name.lower().split())
        return FormLine("", None, f"{value} {rest}".strip()) if kind and line["mark"] == ":" else None
    doubted = bool(_DOUBT_OR_UNSURE.search(value)) or text[line.end("name") :].lstrip()[:1] == "?"
    said = _DOUBT_OR_UNSURE.sub("", _PRESENT.sub("", value)).strip(" ,()[]")
    return FormLine(_composed(name, said), "uncertain" if doubted else "present", rest)


def _opens_sentence(name: str) -> bool:
    """Whether the name is already a statement: "No effusion - mild atelectasis"."""
    return bool(re.search(r"\b(?:no|not|without|is|are|was|were|has|have|there|seen)\b", name, re.IGNORECASE))


def _only_degree(value: str) -> bool:
    """Whether the value says how much and where, though one of its words could say more ("increased")."""
    return bool(_BEFORE_NOUN.fullmatch(value.replace(",", " ") + " "))


def _composed(name: str, said: str) -> str:
    """The finding with its size and side: "Small, left" before the name, "in both bases" after it."""
    before = [part.strip() for part in said.split(",") if part.strip() and _only_degree(part)]
    after = [part.strip() for part in said.split(",") if part.strip() and not _only_degree(part)]
    return " ".join([*before, name, *after])
