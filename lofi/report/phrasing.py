"""How a clause of a report becomes short phrases for grounding, one a finding."""

import re

from lofi.report.lexicon import FINDING, GENERIC, changed, finds, names_finding

PHRASE_LIMIT = 200

_GAPS = re.compile(r"\bx{3,}\b|_{2,}|\[\*\*[^\]]*\]|\([^()]*\)", re.IGNORECASE)
_MEASURES = re.compile(
    r"(?:\b(?:measur(?:ing|es?)|approximately|about|up to|at least|roughly)\s+)*"
    r"\b\d+(?:\.\d+)?(?:\s?(?:x|by|×|-|to)\s?\d+(?:\.\d+)?)*[\s-]?(?:cm|mm|centimeters?|millimeters?)\b\.?"
    r"(?:\s+in\s+(?:size|diameter|length|thickness)|\s+across)?",
    re.IGNORECASE,
)
_PART = re.compile(
    r"^(?:lungs?|heart|pleura\w*|mediastinum|bones?|soft tissues?|airways?|devices?|other)\s*(?:[:-]\s+)", re.I
)
_VERB = r"(?:is|are|was|were|has been|have been|remains?|appears?|continues? to be)"
_LEADS = re.compile(
    rf"^(?:(?:and|also|again|additionally|otherwise|in addition|note is made of|findings?:?|impression:?|"
    rf"there (?:{_VERB}|"
    r"may be|appears to be|continues to be)|(?:is|are) (?:again )?(?:seen|noted)|(?:the )?(?:patient|film|study|"
    r"chest|exam\w*|"
    r"radiographs?|images?)(?: \w+)? (?:has|shows?|demonstrates?|reveals?)|(?:re)?demonstrated?|redemonstration of|"
    r"evidence (?:of|for)|signs? of|presence of|(?:interval )?(?:development|placement|appearance) of|"
    r"(?:mild |slight |interval )*(?:worsening|increase|decrease|improvement) (?:of|in)|consistent with|"
    r"compatible with|"
    r"(?:findings?|changes|features|appearances?) (?:are |is )?(?:most )?(?:consistent|compatible) with|"
    r"status post|s/p|"
    r"seen|noted|this|these|those|its|a|an|the|some|any|definite|definitely|obvious|gross|overt|significant|"
    r"radiographic|"
    r"acute|new|stable|unchanged|persistent|persisting|interval|again seen|known|chronic-appearing|stably|"
    r"further|other|"
    r"suspicious|appearing|typical findings of|suspect|consider|convincing|residual|grossly|"
    r"with|has|have|shows?|demonstrates?|reveals?|to|of|in|is|are|be|been|that|which)\b[\s:,]*)+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    rf"[\s,]+(?:(?:which )?{_VERB} (?:again |also |now |stable |unchanged )?(?:seen|noted|present|identified|"
    rf"demonstrated|"
    r"visuali[sz]ed|visible|evident|observed|appreciated|redemonstrated|unchanged|stable|similar)|"
    r"(?:as )?compared (?:to|with)\b.*|(?:since|from|than) (?:the )?(?:prior|previous|last|most recent|\d).*|"
    r"on (?:the|this) (?:current |lateral |frontal )?(?:study|exam\w*|view|film|image)|(?:in )?(?:the )?interval|"
    r"at this time|for age|as (?:well|before|described)|to suggest.*|seen|noted|present|identified|unchanged|stable|"
    r"demonstrated|again|also|is|are|was|has|have|and|or|nor|the|an?|of|with|which|that|be|not|no|likely|consistent|"
    r"compatible|suggesting|associated|if any|due|because|secondary|given|now|to|for|may|might|could)[\s.,;:]*$",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|likely|questionabl[ey]|suspected|presumed|presumably|perhaps|equivocal|"
    r"potential(?:ly)?|"
    r"apparent(?:ly)?|cannot (?:exclude|rule out))\b\s*|,?\s*\bif (?:any|present)\b,?",
    re.IGNORECASE,
)
_MEANING = re.compile(
    r"[\s,]*\b(?:(?:which|that|this|and) )?(?:(?:(?:may|might|could|can|would|likely|probably|most likely|possibly) )+"
    r"(?:represents?|reflects?|be|indicates?|due|related|from|secondary|suggests?|relates?)|"
    r"(?:most )?(?:suggests?|suggestive|"
    r"suggesting|suspicious|concerning|worrisome|representing|reflecting|"
    r"due to|because of|secondary to|related to|from))\b(?: (?:be|to|for|of|due|with|secondary|the|a|an)\b)*\s*",
    re.IGNORECASE,
)
_JOINTS = re.compile(
    r"[\s,]+(?:which )?(?:(?:is|are) )?(?:most )?(?:consistent with|compatible with|in keeping with)\s+|"
    r"\s*[,;]\s*(?:(?:and/or|and|or|nor|with|as well as|plus)\s+)?|\s+(?:and/or|and|or|nor|as well as|plus|"
    r"along with)\s+|"
    r"\s+with\s+(?:an?\s+)?(?=\w)",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"^(?:adjacent|associated|accompanying|overlying|underlying)\s+", re.IGNORECASE)
_REST = re.compile(r"(?:,?\s+with|:)\s.*$")
_SIDE = re.compile(r"\b(?:left|right|bilateral|bibasilar|biapical)\b", re.IGNORECASE)


def phrases_of(clause: str) -> tuple[str, ...]:
    """The findings that a clause names, each as a short lower-case phrase; none where it names none.

    What a single film cannot show is left out: comparisons, certainty, gaps of de-identification, measures in cm. Of
    "X may represent Y" it is X that is seen, unless X is only "findings".
    """
    seen = _seen(" ".join(_MEASURES.sub(" ", _GAPS.sub(" ", clause)).split()))
    found: list[str] = []
    for part in _conjuncts(seen):
        phrase = _tidy(part)
        if _BESIDE.match(phrase):
            side = _SIDE.search(found[-1]) if found else None
            phrase = _BESIDE.sub("", phrase)
            phrase = phrase if side is None or _SIDE.search(phrase) else f"{side[0].lower()} {phrase}"
        if phrase and names_finding(phrase) and phrase not in found:
            found.append(phrase[:PHRASE_LIMIT])
    return tuple(found)


def _seen(clause: str) -> str:
    """Of "X, which may represent Y" the X; the Y where X names nothing of its own."""
    while (match := _MEANING.search(clause)) is not None:
        before = clause[: match.start()]
        if changed(before) or any(not GENERIC.match(word[0]) for word in FINDING.finditer(before)):
            return before
        clause = clause[match.end() :]
    return clause


def _conjuncts(clause: str) -> list[str]:
    """The clause cut at its joints, but only between parts that each name a finding ("left and right effusions")."""
    parts: list[str] = []
    place, beside = 0, False
    for joint in [*_JOINTS.finditer(clause), None]:
        end = len(clause) if joint is None else joint.start()
        part = clause[place:end]
        if parts and not (finds(part) and (finds(parts[-1]) or (beside and changed(parts[-1])))):
            parts[-1] = clause[place - _width(clause, place, parts[-1]) : end]
        else:
            parts.append(part)
        place = end if joint is None else joint.end()
        beside = joint is not None and joint[0].split()[0] == "with"  # "low lung volumes with atelectasis"
    return parts


def _width(clause: str, place: int, part: str) -> int:
    """How far before ``place`` the part begins that ends at the joint there."""
    return place - clause.rindex(part, 0, place)


def _tidy(part: str) -> str:
    """A phrase without lead-in, tail and words of certainty."""
    text = part.strip(" .,;:!?-\t\n\"'").lower()
    if finds(bare := _PART.sub("", text)):
        text = bare  # "Pleura: small effusion", but "Heart: enlarged"
    if names_finding(bare := _REST.sub("", text)):
        text = bare  # "effusion with a meniscus at the chest wall"
    while True:
        shorter = _TAIL.sub("", _LEADS.sub("", _DOUBT.sub("", text))).strip(" .,;:!?-\"'")
        if shorter == text:
            return text
        text = shorter
