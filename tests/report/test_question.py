"""A phrase as concept, side and third of the lung: wholly understood, or not at all."""

import pytest

from lofi.report.question import WORDS, Asked, asked


@pytest.mark.parametrize(
    ("phrase", "concept", "side", "third"),
    [
        ("pleural effusion", "effusion", "", ""),
        ("Small left-sided pleural effusions.", "effusion", "left", ""),
        ("effusion on the left", "effusion", "left", ""),
        ("nodule in the right lung", "nodule", "right", ""),
        ("right lower lobe consolidation", "consolidation", "right", "lower"),
        ("consolidation in the right lower lobe", "consolidation", "right", "lower"),
        ("left basal atelectasis", "atelectasis", "left", "lower"),
        ("bibasilar atelectasis", "atelectasis", "", "lower"),
        ("right apical pneumothorax", "pneumothorax", "right", "upper"),
        ("left opacity in the upper lobe", "lung opacity", "left", "upper"),
        ("opacities", "lung opacity", "", ""),
        ("the heart is enlarged", "cardiomegaly", "", ""),
        ("right lung", "lung", "right", ""),
        ("both lungs", "lung", "", ""),
        ("lungs", "lung", "", ""),
        ("left upper lung zone", "upper lung zone", "left", ""),
    ],
)
def test_what_is_asked(phrase: str, concept: str, side: str, third: str) -> None:
    assert asked(phrase) == Asked(concept, side, third)


@pytest.mark.parametrize(
    "phrase",
    [
        "no pleural effusion",
        "left",
        "",
        "xylophone",
        "left or right effusion",
        "left effusion in the right lung",
        "nodule, mass",
        "effusion with cardiomegaly",
        "lung in the right lower lobe",
        "tension pneumothorax of the thorax",
        "123",
    ],
)
def test_what_is_not_wholly_understood_is_not_asked(phrase: str) -> None:
    assert asked(phrase) is None


def test_a_form_belongs_to_one_concept() -> None:
    forms = [form for own in WORDS.values() for form in own]
    assert len(forms) == len(set(forms))
    assert all(asked(form) == Asked(concept) for concept, own in WORDS.items() for form in own)
