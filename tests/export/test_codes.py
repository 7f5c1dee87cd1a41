"""Which phrases get a public code, and which a private one."""

import pytest

from lofi.export.codes import SCHEME, finding_code, meaning, side_code


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("Atelectasis", "46621007"),
        ("cardiomegaly", "8186001"),
        ("left pleural effusion", "60046008"),
        ("Small bilateral pleural effusions", "60046008"),
        ("right upper lobe consolidation", "95436008"),
        ("pneumothorax.", "36118008"),
        ("pulmonary oedema", "19242006"),
        ("lung mass", "309529002"),
        ("masses", "309529002"),
        ("nodule in the left lung", "786838002"),
        ("pneumonia", "233604007"),
        ("emphysema", "87433001"),
        ("ground-glass opacities", "112120"),
        ("Infiltration", "409609008"),
    ],
)
def test_known_findings(phrase: str, code: str) -> None:
    assert finding_code(phrase).value == code


@pytest.mark.parametrize(
    "phrase", ["scar after pneumonia", "no effusion", "pleural effusion drain", "pneumothorax or bulla", "lung", ""]
)
def test_other_words_make_another_finding(phrase: str) -> None:
    code = finding_code(phrase or "(no text)")
    assert code.scheme_designator == SCHEME
    assert len(code.value) <= 16


def test_private_code_is_one_for_the_same_words() -> None:
    assert finding_code("Feeding tube").value == finding_code("feeding  tube.").value
    assert finding_code("Feeding tube").value != finding_code("chest tube").value
    assert finding_code("Feeding tube").meaning == "Feeding tube"


@pytest.mark.parametrize(
    ("phrase", "side"),
    [("left effusion", "Left"), ("mass on the right", "Right"), ("bilateral opacities", "Bilateral"),
     ("left and right effusion", "Bilateral"), ("both lungs", "Bilateral"), ("leftover", None), ("mass", None)],
)  # fmt: skip
def test_sides(phrase: str, side: str | None) -> None:
    found = side_code(phrase)
    assert (None if found is None else found.meaning) == side


@pytest.mark.parametrize("text", ["a" * 64, "a" * 65, "胸" * 21, "胸" * 22, "a\\b", "é" * 40], ids=len)
def test_long_strings_fit(text: str) -> None:
    cut = meaning(text)
    assert len(cut.encode()) <= 64
    assert "\\" not in cut
    assert cut[:10].replace("/", "\\") == text[:10]
