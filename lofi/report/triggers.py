"""Words that decide what a sentence says of a finding, held as data: ConText's table with rules for radiology.

Sources, by the short name that stands in each row:

negex     Chapman et al., A simple algorithm for identifying negated findings, J Biomed Inform 34 (2001)
context   Harkema et al., ConText: an algorithm for determining negation, experiencer and temporal status, J Biomed
          Inform 42 (2009), with the termination terms of its published lists
negbio    Peng et al., NegBio, AMIA Joint Summits (2018), and the CheXpert labeler (Irvin et al., AAAI 2019)
openi     read off sentences of Open-i reports that the others get wrong
own       ours
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

Effect = Literal["denies", "doubts", "states", "ends", "drops", "history"]
"""What a trigger does to the findings that it reaches.

``states`` looks like a denial and is none: what it speaks of is there. ``ends`` ends the reach of another trigger.
``drops`` begins a request or a notice, which says nothing of the film; ``history`` what was, not what is seen.
"""
Direction = Literal["forward", "backward", "both"]
Scope = Literal["phrase", "list", "clause"]
"""How far a trigger reaches: to the next comma; on through a list ("A, B, or C"); to the end of its clause."""


class Trigger(NamedTuple):
    """One row: ``words`` is a regular expression of whole words; a ``states`` trigger is read as ``instead``."""

    words: str
    effect: Effect
    direction: Direction
    scope: Scope
    source: str
    instead: str = ""


SEEN = (
    r"(?:seen|identified|present|visuali[sz]ed|visible|demonstrated|appreciated|evident|noted|detected|observed|found)"
)
_CHANGE = (
    r"(?:change|increase|decrease|improvement|progression|worsening|growth|expansion|migration|"
    r"reaccumulation|redistribution)s?"
)
_CHANGED = (
    r"(?:changed?|improved?|progress(?:ed)?|resolved?|clear(?:ed)?|grown|increased|worsened|enlarged|moved|migrated|"
    r"decreased)"
)
_NEARLY = (
    r"(?:almost|nearly|near|partial(?:ly)?|partly|incomplete(?:ly)?|mostly|largely|substantial(?:ly)?|some|"
    r"significant(?:ly)?|marked(?:ly)?|not (?:yet )?(?:completely|fully|entirely)|ongoing|slow|gradual|continued|"
    r"improving|early|minimal)"
)
_GONE = r"(?:resolved|cleared|ruled out|excluded|removed|absent|gone|withdrawn|extracted|disappeared|extubated)"
_HEART = (
    r"(?:the )?(?:heart|cardi\w+|hil\w+|mediast\w+|aort\w+|pulmonary (?:art|vas|vei)\w+|"
    r"vascul\w+|azygos|right (?:atri|ventr|heart)\w*)"
)
_IS = r"(?:is|are|was|were|has|have|had)"

TRIGGERS = (
    # Not a denial, though it looks like one: the finding is there.
    Trigger(
        rf"no (?:[\w-]+ ){{0,4}}{_CHANGE} (?:in|of|from|to(?! suggest))",
        "states",
        "forward",
        "clause",
        "negex",
        "unchanged",
    ),
    Trigger(
        r"no (?:[\w-]+ ){0,2}(?:of )?(?:interval|further|new|additional) (?:enlargement|widening) of",
        *("states", "forward", "clause", "openi", "unchanged"),
    ),
    Trigger(rf"no (?:[\w-]+ ){{0,3}}enlargement of(?! {_HEART})", "states", "forward", "clause", "own", "unchanged"),
    Trigger(
        rf"no (?:\w+ )?(?:evidence|sign|suggestion|indication) that(?=.*\b{_CHANGED}\b)",
        *("states", "forward", "clause", "own", "unchanged"),
    ),
    Trigger(
        rf"(?:{_IS} )?not (?:much |any |a |an )?(?:\w+ )?{_CHANGE} (?:in|of)",
        "states",
        "forward",
        "clause",
        "own",
        "unchanged",
    ),
    Trigger(
        rf"without (?:[\w-]+ ){{0,3}}{_CHANGE}(?: (?:in|of))?", "states", "forward", "clause", "negex", "unchanged"
    ),
    Trigger(
        rf"(?:(?:has|have|had)(?: not|n't) (?:yet )?(?:been )?(?:\w+ly )?{_CHANGED}|"
        r"(?:(?:is|are|do|does|did)(?: not|n't)|not) (?:yet )?(?:\w+ly )?"
        r"(?:changed?|improved?|progress(?:ed)?|resolved?|"
        r"clear(?:ed)?)(?<!not clear))",
        *("states", "backward", "clause", "negex", "unchanged"),
    ),
    Trigger(
        rf"(?:interval )?{_NEARLY}[- ](?:interval )?(?:complete(?:ly)? |total(?:ly)? )?(?:interval )?"
        r"(?:resolution|clearing|clearance|removal) of",
        *("states", "forward", "clause", "openi", "residual"),
    ),
    Trigger(
        rf"(?:{_IS} |been )*{_NEARLY}[- ](?:complete(?:ly)? )?(?:resolved|cleared|gone)",
        *("states", "backward", "clause", "openi", "unchanged"),
    ),
    Trigger(
        r"(?:can ?not|could not|can't|couldn't|may not|not|difficult to|unable to) (?:be |\w+ly )*"
        r"(?:excluded?|ruled? out)(?: (?:an?|the))?",
        *("states", "both", "clause", "negex", "possible"),
    ),
    Trigger(r"not (?:only|just|necessarily)|no doubt", "states", "forward", "clause", "negex"),
    Trigger(r"not (?:clear|normal)", "states", "forward", "clause", "own", "abnormal"),
    Trigger(
        rf"(?:{_IS} )?(?:not (?:well|fully|completely|entirely|adequately|optimally|included|clearly)|poorly|"
        r"incompletely|"
        rf"suboptimally|partially) (?:{SEEN}|evaluated|assessed|imaged|included|defined|delineated|characteri[sz]ed)",
        *("states", "backward", "clause", "own"),
    ),
    Trigger(r"no longer(?= (?:normal|clear)\b)", "states", "forward", "clause", "own", "not"),
    # Denials of what follows.
    Trigger(
        r"rather than|as opposed to|instead of|unlikely to (?:be|represent|reflect)|not typical (?:of|for)",
        "denies",
        "forward",
        "phrase",
        "context",
    ),
    Trigger(
        r"no (?:\w+ )?(?:evidence|signs?|suggestion|indication|findings?) (?:of|for|to suggest)",
        "denies",
        "forward",
        "list",
        "negex",
    ),
    Trigger(r"no longer (?:any|an?)|no|nil|without(?: any)?|w/o|with no", "denies", "forward", "list", "negex"),
    Trigger(
        r"(?:negative|neg) for|free (?:of|from)|clear(?:ed)? of|devoid of|unremarkable for",
        "denies",
        "forward",
        "list",
        "negex",
    ),
    Trigger(
        r"absence of|lack of|lacks?|neither|nor|never|denies|fails? to (?:show|demonstrate|reveal)",
        "denies",
        "forward",
        "list",
        "negex",
    ),
    Trigger(
        r"(?:complete |interval |total )*(?:resolution|clearing|clearance|disappearance|removal|withdrawal) of",
        *("denies", "forward", "list", "context"),
    ),
    Trigger(
        r"(?:do|does|did|is|are|was|were|has|have|had)(?: not|n't)(?: have| show| demonstrate| see| contain| reveal|"
        r" suggest| represent| any| an?| been)*",
        *("denies", "forward", "list", "negex"),
    ),
    Trigger(r"excludes?|not", "denies", "forward", "list", "negex"),
    # Denials of what stands before; of what follows where nothing stands before ("Absent effusion").
    Trigger(rf"(?:not|no longer) (?:\w+ly )?{SEEN}", "denies", "backward", "clause", "negex"),
    Trigger(
        rf"(?:has|have|had|is|are|was|were) (?:now |since |also )*(?:\w+ly )?(?:been )?(?:\w+ly )?{_GONE}",
        *("denies", "backward", "clause", "context"),
    ),
    Trigger(rf"(?:(?:now |since |interval |completely )+)?{_GONE}", "denies", "backward", "clause", "context"),
    Trigger(r"(?:(?:is|are|was|were) )?(?:\w+ly )?unlikely(?! to\b)", "denies", "backward", "clause", "negex"),
    # Doubts of the whole clause.
    Trigger(
        r"may|might|could|probabl[ey]|likely|suspicious|suspicion|concerning|concern|suggest\w*|presum\w+|perhaps|"
        r"equivocal|potential\w*|versus|vs|apparent\w*|worrisome|cannot (?:exclude|rule out)|(?:can ?not|could not) be",
        *("doubts", "both", "clause", "negbio"),
    ),
    Trigger(
        r"favou?r(?:s|ed|ing)?|consider|(?<!age[- ])indeterminate|"
        r"uncertain(?! (?:chronicity|a?etiology|significance|age|origin))|doubtful|borderline for",
        "doubts",
        "both",
        "clause",
        "own",
    ),
    Trigger(r"if any|if present|at most|is possible|are possible|not excluded", "doubts", "both", "clause", "own"),
    Trigger(r"\?", "doubts", "both", "clause", "own"),
    # Doubts of what follows alone: "cardiomegaly, possible edema" is sure of the heart.
    Trigger(r"possibl[ey]|questionabl[ey]|question of|suspected|suspect", "doubts", "forward", "clause", "negbio"),
    # The end of a reach.
    Trigger(
        r"but|however|although|though|whereas|while|yet|except(?: for)?|aside from|apart from|other than|"
        r"with the exception of|besides",
        *("ends", "both", "clause", "context"),
    ),
    Trigger(
        r"due to|because of|secondary to|owing to|caused by|in (?:the )?(?:setting|presence) of|despite|given",
        "ends",
        "forward",
        "list",
        "context",
    ),
    # Requests and notices, which drop their own clause only.
    Trigger(
        r"rule out|r/o|ruling out|evaluate for|assess for|eval for|look for|to (?:exclude|evaluate|assess|confirm|"
        r"document|ensure|establish|identify|detect|characteri[sz]e|determine)",
        *("drops", "forward", "clause", "negbio"),
    ),
    Trigger(
        r"(?:is |are |was |were )?(?:strongly )?(?:recommend\w*|advi[sc]ed?|advisable)|"
        r"consider (?:\w+ )?(?:ct|mri|imaging|radiographs?|x-?rays?|fluoroscopy|views?|follow)|"
        r"suggest (?:follow|repeat|further|ct|clinical|correlat\w+)|"
        r"(?:follow[- ]?up|repeat\w*|ct|imaging|correlation) (?:\w+ )?(?:is |are )?suggested|"
        r"follow(?:ed)?[- ]?up|correlat\w+|would be (?:helpful|of|useful)|"
        r"may be (?:helpful|useful|of (?:use|value|help))|"
        r"further (?:evaluation|imaging|assessment|characteri[sz]ation|workup|work-up|study)|"
        r"(?:can|could|may|might) be (?:performed|obtained|helpful|useful|considered)|"
        r"should be (?:considered|obtained|performed|followed|evaluated|correlated)|"
        r"(?:if|as) clinically|please|"
        r"is needed|are needed",
        *("drops", "both", "clause", "own"),
    ),
    Trigger(
        r"(?:(?:was|were|has been|have been|is|are) )?(?:also )?(?:(?<!as )discussed|communicated|relayed|conveyed|"
        r"telephoned|phoned|paged|notified|informed|dictated|signed)|"
        r"(?:was|were|has been|have been) (?:told|called|made aware|alerted|contacted|reported to)|is aware|"
        r"made aware|called to",
        *("drops", "both", "clause", "own"),
    ),
    # What was, not what is seen.
    Trigger(
        r"(?:clinical |known |past |prior |with a |with )?(?:history|hx) of|h/o",
        "history",
        "forward",
        "clause",
        "context",
    ),
)


def pattern_of(triggers: Iterable[Trigger]) -> re.Pattern[str]:
    """One pattern for several triggers; the row that matches is found again by ``row_of``."""
    return re.compile("|".join(_whole(trigger.words) for trigger in triggers), re.IGNORECASE)


def chosen(effect: Effect, *directions: Direction) -> tuple[Trigger, ...]:
    """The rows of an effect, those of some directions alone where these are named; order as in the table."""
    return tuple(row for row in TRIGGERS if row.effect == effect and (not directions or row.direction in directions))


def _whole(words: str) -> str:
    """The words as whole words; a sign such as "?" may touch one."""
    return rf"\b(?:{words})(?!\w)" if words[0].isalnum() or words[0] == "(" else words
