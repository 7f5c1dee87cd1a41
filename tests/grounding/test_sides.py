"""Words that say one side and a box on the other."""

import pytest

from lofi.grounding.sides import contradicted
from lofi.results import Box

ON_THE_PATIENTS_RIGHT, ON_THE_LEFT, IN_THE_MIDDLE = (0.1, 0.4, 0.3, 0.8), (0.7, 0.4, 0.9, 0.8), (0.4, 0.4, 0.68, 0.8)


@pytest.mark.parametrize(
    ("phrase", "boxes", "warned"),
    [
        ("right pleural effusion", [ON_THE_LEFT], "The words say right, but the box lies on the patient's left"),
        (
            "left pleural effusion",
            [ON_THE_PATIENTS_RIGHT],
            "The words say left, but the box lies on the patient's right",
        ),
        (
            "left lung",
            [ON_THE_LEFT, ON_THE_PATIENTS_RIGHT],
            "The words say left, but a box lies on the patient's right",
        ),
        ("right pleural effusion", [ON_THE_PATIENTS_RIGHT], ""),
        ("right heart border", [IN_THE_MIDDLE], ""),
        ("left and right effusion", [ON_THE_LEFT], ""),
        ("effusion", [ON_THE_LEFT], ""),
        ("right effusion", [], ""),
    ],
)
def test_warning(phrase: str, boxes: list[Box], warned: str) -> None:
    said = contradicted(phrase, boxes)
    assert said.startswith(warned)
    assert bool(said) == bool(warned)
