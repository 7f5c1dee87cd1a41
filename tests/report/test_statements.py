"""Reports cut into statements: where sentences end, in which section they stand, what they say."""

import time

import pytest

from lofi.report.statements import groundable_phrases, sentences, split_report
from lofi.report.understanding import understood


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n . 1. \n--\n XXXX XXXX.", []),
        ("Mild edema. No effusion", ["Mild edema.", "No effusion"]),
        ("mild edema. no effusion.", ["mild edema.", "no effusion."]),
        ("A 1.5 cm nodule. A 2 cm. mass", ["A 1.5 cm nodule.", "A 2 cm. mass"]),
        ("Dr. Who saw approx. 3 nodules, e.g. one left.", ["Dr. Who saw approx. 3 nodules, e.g. one left."]),
        ("1. Edema. 2. No mass.", ["Edema.", "No mass."]),
        ("- Edema\n- Mass\n* Nodule", ["Edema", "Mass", "Nodule"]),
        ("Edema in the\nleft lung. Mass", ["Edema in the\nleft lung.", "Mass"]),
        ("Edema\n\nMass", ["Edema", "Mass"]),
        ("No mass.Heart enlarged.", ["No mass.", "Heart enlarged."]),
        ("FINDINGS: Edema. IMPRESSION: Mass.", ["Edema.", "Mass."]),
        ("Edema! Mass? Yes", ["Edema!", "Mass?", "Yes"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_sentences(text: str, expected: list[str]) -> None:
    found = list(sentences(text))
    assert [sentence.text for sentence in found] == expected
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)


def test_headings_name_sections_and_those_not_about_the_film_say_nothing() -> None:
    found = split_report(
        "INDICATION: Pneumonia.\nTechnique: PA view\nFINDINGS\nEdema.\nHeart: Enlarged.\nImpression: Mass."
    )
    assert [(s.section, s.state) for s in found] == [
        ("indication", "none"),
        ("technique", "none"),
        ("findings", "present"),
        ("findings", "present"),
        ("impression", "present"),
    ]


def test_phrases_to_ground_come_once_and_without_what_is_denied() -> None:
    found = split_report("Left effusion. No mass. Possible edema.\nIMPRESSION: Left effusion. Lungs are clear.")
    assert groundable_phrases(found) == ("left effusion", "edema")
    assert [s.phrase for s in found if s.negated] == ["mass", ""]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "is present ",
            "again seen ",
            "no ",
            "(",
            "x, ",
            "may be ",
            "\n",
            "1. ",
            "A: ",
            "compared to ",
            "\t.",
            "cm. ",
        ),
        *("which may represent mass ", "measuring 1 x ", "left mass, ", "without the ", "mass with ", "cannot be "),
        *(
            "no change in ",
            "no mass, ",
            "no evidence that ",
            "? ",
            "effusion: ",
            "no - ",
            "<b>",
            "<",
            "1.A",
            "pnuemonia ",
        ),
        *("recommend ct for the ", "history of ", "and the heart ", "small, ", "**", "effusion resolved "),
    ],
    ids=lambda text: repr(text),
)
def test_hostile_text_takes_no_time(text: str) -> None:
    long = (text * 8_000)[:8_000] + "!"
    began = time.process_time()
    split_report(long)
    understood(long[:300])
    assert time.process_time() - began < 10
