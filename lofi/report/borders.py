"""Where a sentence falls into clauses, a denial ends and a list goes on: the borders that its triggers do not cross."""

import re
from collections.abc import Iterator

from lofi.report.lexicon import names_finding
from lofi.report.triggers import SEEN, chosen, pattern_of

_CAUSE = pattern_of(chosen("ends", "forward")).pattern
_ENDS = "|".join(row.words for row in chosen("ends", "both"))
_DOUBTED_NEXT = pattern_of(chosen("doubts", "forward")).pattern

VERB = (
    r"(?:is|are|was|were|has|have|had|remains?|appears?|shows?|demonstrates?|reveals?|persists?|measures?|lies?)"
    rf"(?!\s+(?:\w+\s+)?{SEEN})"
)
"""A verb that makes a clause of its own; "no mass, hilar adenopathy is seen" is still one list."""
_SUBJECT = (
    r"(?:the |both |an? )?(?:\w+ )?(?:heart|cardi\w+|mediastin\w+|lungs?|bon(?:y|es?)|osseous|pulmonary vascula\w+|"
    r"trachea|aort\w+|hil\w+|diaphragm\w*|hemidiaphragms?|costophrenic|vasculature|pleura\w*|apex|apices|lung bases?)"
)
STATE = (
    r"(?:normal\w*|clear|unremarkable|intact|midline|enlarged|tortuous|elevated|large|low|stable|unchanged|increased|"
    r"calcified|prominent|flattened|hyper\w+)"
)
_DEGREE = (
    r"(?:stable|unchanged|persistent|persisting|mild(?:ly)?|moderate(?:ly)?|severe(?:ly)?|minimal(?:ly)?|small|large|"
    r"tiny|trace|increased|degenerative|old|chronic|healed|healing|remote|probable|possible|questionable|likely|again|"
    r"slight(?:ly)?|borderline|marked(?:ly)?|extensive|residual|known|low|new|prominent|patchy|subtle|scattered|multiple|"
    r"several|diffuse)"
)
_SIDE = r"(?:left|right|bilateral|bibasilar|biapical|bibasal)"
_STARTS = rf"(?:an? |some |there is |the )?(?:{_DEGREE}|{_SIDE})\b(?!\s+(?:or|and|nor)\b)"
"""Words with which a new finding begins rather than the next of a list of denied ones."""
_BESIDE = r"(?:cardiomegaly|atelecta|scoliosis|sternotomy|pacemaker|granuloma|catheter|tubes?\b|emphysema|degenerative)"
"""What stands beside another finding, never a part of it: "no effusion with cardiomegaly" has an enlarged heart."""
_BREAKS = re.compile(
    # Borders that no reach crosses: semicolons, spaced dashes, "but" and its kind.
    rf"\s*;\s*|\s+[-–—]+\s+|[\s,]+(?:{_ENDS})\b[\s,]*|"
    # A clause with a subject and a verb of its own.
    rf"(?:\s*,\s*(?:and\s+)?|\s+and\s+)(?=there\s+{VERB}\b)|"
    rf"\s*,\s*(?:and\s+)?(?=(?:the|this|these|those|it|they)\b[^,]*?\s{VERB}\b)|"
    rf"(?:\s*,\s*(?:and\s+)?|(?P<and>\s+and\s+))(?={_SUBJECT}(?:\s+\w+){{0,2}}\s+(?:{VERB}|{STATE})\b)|"
    # A doubt that reaches forward alone.
    rf"(?:\s*,\s*(?:and\s+|with\s+)?|\s+(?:and|with)\s+)(?={_DOUBTED_NEXT})|\s+(?=\?\s*\w)",
    re.IGNORECASE,
)
_NEXT = (
    rf"(?P<next>\s+(?=(?!large|new)(?:{_DEGREE}|{_SIDE}|tortuous|calcified|enlarged|blunted)\s|"
    rf"{_SUBJECT}(?:\s+\w+)?\s+(?:{VERB}|{STATE})\b))"
)
"""A finding right behind another, in a text without signs. Not a large one: such texts leave out an "or" there."""
_LIST_ENDS = re.compile(
    # What ends the reach of a denial inside a clause; the text before must already name a finding.
    rf"\s*,\s*(?:(?:and|also)\s+)?(?P<comma>(?={_STARTS}))|\s+and\s+(?={_STARTS})|[\s,]+(?:and\s+)?with\s+(?={_STARTS})|"
    rf"(?:\s*,\s*(?:and\s+)?|\s+and\s+)with\s+|\s+and\s+(?=(?:more|most|very|also|is|are|may|could|probably|likely)\b)|"
    rf"\s+with\s+(?=(?:\w+\s+)?{_BESIDE})|\s*:\s*|[\s,]+{_CAUSE}\s*|{_NEXT}",
    re.IGNORECASE,
)
_NEW_PART = re.compile(rf"\s*,\s*(?:and\s+)?(?={_STARTS})|\s+and\s+(?=(?:{_DEGREE})\b)|{_NEXT}", re.IGNORECASE)
_NOUN_LAST = re.compile(r"\b(?!\w*(?:ed|ic|al|ous|ive|ar)$)[\w-]+$")
CLAUSE = re.compile(rf"\b(?:{VERB}|{STATE}|no|without|not)\b", re.IGNORECASE)
"""What makes words a clause: a verb, a state, a denial."""
_OR = re.compile(r"\b(?:or|nor)\b", re.IGNORECASE)
_OWN_CLAUSE = re.compile(rf"\bthere\s+{VERB}|\bwith\b", re.IGNORECASE)


def clauses(text: str) -> Iterator[str]:
    """The text cut at its borders: "clear and the heart is" has one, "hilar and lung base calcifications are" none."""
    place = 0
    for border in _BREAKS.finditer(text):
        before = text[place : border.start()]
        if border["and"] is None or CLAUSE.search(before):
            yield before
            place = border.end()
    yield text[place:]


def reach(text: str, phrase_only: bool) -> tuple[int, int]:
    """Where a denial that begins before ``text`` ends, and where the rest begins."""
    for match in _LIST_ENDS.finditer(text):
        before, ahead = text[: match.start()], text[match.end() :]
        if not names_finding(before):
            continue
        if match["comma"] is not None and _OR.search(_OWN_CLAUSE.split(ahead, maxsplit=1)[0]):
            continue  # "no pneumothorax, large effusion, or consolidation": one list
        if match["next"] is not None and not _runs_on(before, ahead):
            continue
        return match.start(), match.end()
    comma = text.find(",") if phrase_only else -1
    return (len(text), len(text)) if comma < 0 else (comma, comma + 1)


def ends_in_finding(text: str) -> bool:
    """Whether the last word is a finding, no adjective and no joint: what follows is another ("no mass old scar")."""
    last = _NOUN_LAST.search(text)
    return last is not None and names_finding(last[0])


def new_parts(clause: str) -> Iterator[str]:
    """A clause in pieces, each but the first beginning where a new finding may; joined they are the clause."""
    place = 0
    for match in _NEW_PART.finditer(clause):
        if match["next"] is not None and not _runs_on(clause[place : match.start()], clause[match.end() :]):
            continue
        yield clause[place : match.start()]
        place = match.start()
    yield clause[place:]


def _runs_on(before: str, ahead: str) -> bool:
    """Whether a finding is followed by another without any sign between them: "cardiomegaly small effusion"."""
    return ends_in_finding(before) and names_finding(ahead)
