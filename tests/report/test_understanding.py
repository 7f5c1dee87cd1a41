"""What was typed and what is asked: abbreviations, spellings, sides, denials, and what is no word of chest films."""

import pytest

from lofi.report.abbreviations import ABBREVIATIONS
from lofi.report.understanding import understood


@pytest.mark.parametrize(
    "typed",
    [
        *("left pleural effusion", "L pleural effusion", "lt pleural effusion", "Lt. pleural effusion"),
        *(
            "pleural effusion on the left",
            "pleural effusion, left",
            "pleural effusion (L)",
            "left-sided pleural effusion",
        ),
        *("left sided pleural effusion", "LT-sided pleural effusions", "pleural effusion left side"),
        *("Pleural effusion in the left lung", "pleural effusion of the left hemithorax", "left: pleural effusion"),
        *("is there a left pleural effusion?", "**left pleural effusion**", "1. Left pleural effusion."),
        *("(L) pleural effusion", "left side pleural effusion", "left hemithorax pleural effusion"),
        *("possible left pleural effusion", "left pleural efusion", "left hydrothorax"),
    ],
)
def test_one_question_however_it_is_written(typed: str) -> None:
    assert understood(typed).asked == "left pleural effusion"


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("RUL PNA", "right upper lobe pneumonia"),
        ("mass RUL", "right upper lobe mass"),
        ("mass in the right upper lobe", "mass in the right upper lobe"),
        ("bilat effusions", "bilateral effusion"),
        ("effusions on both sides", "bilateral effusion"),
        ("Pulmonary oedema", "pulmonary edema"),
        ("ptx", "pneumothorax"),
        ("CPA blunting", "costophrenic angle blunting"),
        ("opacity in the left lower lung zone", "opacity in the left lower lung zone"),
        ("atelectasis at the left base", "atelectasis at the left base"),
        ("left mass and right nodule", "left mass and right nodule"),
        ("effusion without pneumothorax", "effusion"),
        ("<none>", "none"),
        ("<loc_5> mass", "loc 5 mass"),
        ("infusion", "infusion"),
        ("SOB", "sob"),
    ],
)
def test_asked(typed: str, asked: str) -> None:
    said = understood(typed)
    assert (said.typed, said.asked) == (typed, asked)


@pytest.mark.parametrize(
    "typed",
    [
        *("no effusion", "No L effusion", "without effusion", "effusion has resolved", "Effusion: none", "w/o ptx"),
        *(
            "negative for pneumonia",
            "absent effusion",
            "normal heart",
            "clear lungs",
            "lungs are clear",
            "no mass or nodule",
        ),
    ],
)
def test_a_denial_asks_for_nothing(typed: str) -> None:
    assert not understood(typed).asserts


@pytest.mark.parametrize(
    "typed", ["no change in effusion", "effusion not excluded", "effusion, no pneumothorax", "r/o mass"]
)
def test_what_only_looks_like_a_denial_is_asked(typed: str) -> None:
    assert understood(typed).asserts


@pytest.mark.parametrize(
    ("typed", "concepts"),
    [
        ("Large heart", ("cardiomegaly",)),
        ("rib fracture", ("fracture",)),
        ("pacemaker", ("medical device",)),
        ("left lung", ("lung",)),
        ("both lungs", ("both lungs",)),
        ("left upper lung zone", ("lung zone",)),
        ("mass or effusion", ("mass", "effusion")),
        ("blunted costophrenic angle", ("effusion",)),
        ("bronchiectasis", ("bronchiectasis",)),
        ("left lung abscess", ("lung abscess",)),
        ("left lung transplant", ("lung transplant",)),
        ("entire left lung", ("lung",)),
        ("left", ()),
        ("purple elephants", ()),
        ("123", ()),
        ("плевральный выпот", ()),
        ("🫁", ()),
    ],
)
def test_what_a_phrase_is_about(typed: str, concepts: tuple[str, ...]) -> None:
    assert understood(typed).concepts == concepts


def test_a_model_may_know_concepts_by_names_of_its_own() -> None:
    assert understood("Left Aortic Enlargement", ["aortic_enlargement"]).concepts == ("aortic_enlargement",)


@pytest.mark.parametrize("typed", ["123", "плевральный выпот", "🫁", "...", "左"])
def test_without_latin_letters_nothing_is_readable(typed: str) -> None:
    assert not understood(typed).readable


def test_each_abbreviation_stands_once_and_names_its_source() -> None:
    assert len({row.short for row in ABBREVIATIONS}) == len(ABBREVIATIONS)
    assert {row.source for row in ABBREVIATIONS} == {"openi", "own"}
    assert not {"pe", "sob", "lad"} & {row.short for row in ABBREVIATIONS}
