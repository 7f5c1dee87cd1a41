"""What sentences of reports say of the findings that they name, kind by kind."""

import pytest

from lofi.report.assertion import assertions
from lofi.report.triggers import TRIGGERS


def said(sentence: str) -> set[str]:
    """The pairs as words: "absent mass"."""
    return {f"{state} {phrase}".strip() for state, phrase in assertions(sentence)}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No mass, large pneumothorax, or rib fracture.",
         {"absent mass", "absent large pneumothorax", "absent rib fracture"}),
        ("No edema, right effusion or hernia", {"absent edema", "absent right effusion", "absent hernia"}),
        ("Without nodule, increased interstitial markings, or scarring", {"absent nodule", "absent scarring"}),
        ("No pneumonia, hilar adenopathy, or cardiac enlargement is seen.",
         {"absent pneumonia", "absent hilar adenopathy", "absent cardiac enlargement"}),
        ("No mass, the aorta is tortuous", {"absent mass", "present aorta is tortuous"}),
        ("No mass, and there is a small effusion", {"absent mass", "present small effusion"}),
        ("No effusion and mild scoliosis", {"absent effusion", "present mild scoliosis"}),
        ("Neither nodule, right mass, nor effusion", {"absent nodule", "absent right mass", "absent effusion"}),
    ],
)  # fmt: skip
def test_a_denial_runs_through_its_list(sentence: str, expected: set) -> None:
    assert expected <= said(sentence)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Left hilar mass, recommend bronchoscopy", {"present left hilar mass"}),
        ("8 mm nodule in the lingula which should be followed with CT", {"present nodule in the lingula"}),
        ("Tension pneumothorax; the team was called", {"present tension pneumothorax"}),
        ("Chest CT is advised for further evaluation of the apical opacity", {"present apical opacity"}),
        ("Recommend CT to rule out a mass", {"none"}),
        ("If pneumonia is suspected, a lateral view would be helpful", {"none"}),
        ("History of lymphoma, no adenopathy", {"absent adenopathy"}),
        ("Clinical correlation is advised", {"none"}),
    ],
)
def test_a_request_drops_its_own_clause_only(sentence: str, expected: set) -> None:
    assert said(sentence) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Pneumothorax: None", "absent pneumothorax"),
        ("Consolidation: No.", "absent consolidation"),
        ("Pneumothorax - nil", "absent pneumothorax"),
        ("Cardiomegaly [x]", "present cardiomegaly"),
        ("Hernia [ ]", "absent hernia"),
        ("Nodule (none)", "absent nodule"),
        ("Effusion: not seen", "absent effusion"),
        ("Pleural effusion: Trace, right", "present trace right pleural effusion"),
        ("Atelectasis: yes, in both bases", "present atelectasis in both bases"),
        ("Edema: possible", "uncertain edema"),
        ("Mass: cannot be excluded", "uncertain mass"),
        ("Tubes: PICC at the cavoatrial junction", "present picc at the cavoatrial junction"),
        ("Effusion: No large effusion", "absent large effusion"),
        ("Absent effusion", "absent effusion"),
        ("Chest tube removed", "absent chest tube"),
    ],
)
def test_lines_of_a_form(line: str, expected: str) -> None:
    assert said(line) == {expected}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No pneumothorax with stable emphysema", {"absent pneumothorax", "present emphysema"}),
        ("No mass - moderate left effusion", {"absent mass", "present moderate left effusion"}),
        ("Effusion without shift and with right basal atelectasis",
         {"present effusion", "absent shift", "present right basal atelectasis"}),
        ("Right, but not left, apical scarring", {"present right apical scarring"}),
        ("no effusion left clavicle fracture", {"absent effusion", "present left clavicle fracture"}),
        ("No fracture of the left rib", {"absent fracture of the left rib"}),
        ("Effusion has resolved with residual scarring", {"absent effusion", "present scarring"}),
        ("Effusion is stable and edema has cleared", {"present effusion", "absent edema"}),
        ("No effusion but a nodule", {"absent effusion", "present nodule"}),
        ("Right hilar and lung base calcifications are old",
         {"present right hilar and lung base calcifications are old"}),
    ],
)  # fmt: skip
def test_a_reach_ends(sentence: str, expected: set) -> None:
    assert said(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        *(
            "Incomplete resolution of the effusion",
            "No increase in the effusion",
            "No evidence of progression of effusion",
        ),
        *("Not a significant change in effusion", "Effusion without interval change", "Effusion has not cleared"),
        *("Effusion has nearly resolved", "Improving effusion", "No suggestion that the effusion has increased"),
        *("No further enlargement of the effusion", "Effusion is not completely resolved"),
    ],
)
def test_change_words_state_what_is_there(sentence: str) -> None:
    assert {word.split()[0] for word in said(sentence)} == {"present"}


@pytest.mark.parametrize(
    "sentence",
    [
        *("Effusion resolved", "Resolution of the effusion", "Interval clearing of effusion", "Effusion is gone"),
        *("Effusion is no longer visible", "Resolved effusion", "Effusion is unlikely", "Effusion was ruled out"),
        *("No enlargement of the heart", "No new effusion", "nil effusion", "w/o effusion"),
    ],
)
def test_what_is_gone_is_denied(sentence: str) -> None:
    assert {word.split()[0] for word in said(sentence)} == {"absent"}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Trace effusion, if any", {"uncertain trace effusion"}),
        ("Opacity favors scarring over mass", {"uncertain opacity favors scarring"}),
        ("?nodule", {"uncertain nodule"}),
        ("Cardiomegaly and possible edema", {"present cardiomegaly", "uncertain edema"}),
        ("Additional nodules cannot entirely be excluded", {"uncertain additional nodules"}),
        ("Nodule of uncertain significance", {"present nodule of uncertain significance"}),
        ("Opacity, not typical of pneumonia", {"present opacity", "absent pneumonia"}),
    ],
)
def test_doubt(sentence: str, expected: set) -> None:
    assert said(sentence) == expected


@pytest.mark.parametrize(
    "phrase",
    [
        *("apical scarring", "low lung volumes", "the heart is large", "hydropneumothorax", "hemopneumothorax"),
        *(
            "foreign body",
            "air bronchograms",
            "small ptx",
            "lll pna",
            "free intraperitoneal air",
            "oedema",
            "pnemothorax",
        ),
        *("atelectesis", "lung volumes are reduced", "ett in place"),
    ],
)
def test_words_that_name_a_finding(phrase: str) -> None:
    assert {word.split()[0] for word in said(phrase)} == {"present"}


def test_no_word_loses_its_first_letter() -> None:
    assert said("This may represent an abscess or atelectasis") == {"uncertain abscess", "uncertain atelectasis"}
    assert said("This may be atelectasis") == {"uncertain atelectasis"}


def test_each_row_of_the_table_names_its_source() -> None:
    assert {row.source for row in TRIGGERS} <= {"negex", "context", "negbio", "openi", "own"}
    assert all(row.instead == "" or row.effect == "states" for row in TRIGGERS)
