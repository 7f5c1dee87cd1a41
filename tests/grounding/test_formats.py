"""Recorded answers of several families, whole and broken."""

import pytest

from lofi.grounding.formats import CONVENTIONS, FAMILIES, read_boxes, write_boxes

SIZE = (896, 672)
BOX = (0.1, 0.2, 0.5, 0.6)

RECORDED = [
    pytest.param("xy1000", '```json\n[\n\t{"bbox_2d": [100, 200, 500, 600], "label": "mass"}\n]\n```', id="Qwen2-VL"),
    pytest.param("xy1000", "The mass is at (100,200),(500,600)? No: [100, 200, 500, 600].", id="Qwen, chatty"),
    pytest.param("pixels", '[{"bbox_2d": [89.6, 134.4, 448.0, 403.2], "label": "mass"}]', id="Qwen2.5-VL pixels"),
    pytest.param("yx1000", '```json\n[{"box_2d": [200, 100, 600, 500], "label": "mass"}]\n```', id="MedGemma"),
    pytest.param("xy1000", "[{'box_2d': [200, 100, 600, 500]}]", id="y first is told by its key"),
    pytest.param("loc", "<loc0204><loc0102><loc0614><loc0512> mass<eos>", id="PaliGemma"),
    pytest.param(
        "yx1000",
        "<unused94>thought\nThe lungs [0, 0, 999, 999] …<unused95>It lies left.\nFinal Answer: ```json\n"
        '[{"box_2d": [200, 100, 600, 500], "label": "mass"}]\n```',
        id="MedGemma, thinking aloud",
    ),
    pytest.param("unit", "[[0.10, 0.20, 0.50, 0.60]]", id="RadVLM"),
    pytest.param("xy1000", "[0.1, 0.2, 0.5, 0.6]", id="fractions where thousandths were asked for"),
]


@pytest.mark.parametrize(("convention", "text"), RECORDED)
def test_one_box_of_each_family(convention: str, text: str) -> None:
    found = read_boxes(text, CONVENTIONS[convention], SIZE)
    assert found.boxes[0] == pytest.approx(BOX, abs=2e-3)
    assert len(found.boxes) == 1


@pytest.mark.parametrize(
    ("text", "kept", "dropped"),
    [
        pytest.param('[{"bbox_2d": [100, 200, 500, 600]}, {"bbox_2d": [100, 200, 500]}]', 1, 1, id="three numbers"),
        pytest.param('[{"bbox_2d": [500, 600, 100, 200]}, {"bbox_2d": [100, 200, 500, 600]}]', 1, 1, id="inverted"),
        pytest.param('[{"bbox_2d": [100, 200, 500, 600]}, {"bbox_2d": [1, 2, 5000, 6000]}]', 1, 1, id="outside"),
        pytest.param('[{"bbox_2d": [100, 200, 500, 600]}, {"bbox_2d": [3, 4,', 1, 0, id="cut off"),
        pytest.param('[{"bbox_2d": [1e400, 2, 3, 4]}, {"bbox_2d": [100, 200, 500, 600]}]', 1, 1, id="infinite"),
        pytest.param("[[100, 200, 500, 600], [100, 200, 500, 600]]", 1, 0, id="said twice"),
        pytest.param("<loc0204><loc0102><loc0614><loc0512><loc0001>", 1, 1, id="a location too many"),
        pytest.param("[]", 0, 0, id="none"),
        pytest.param("No evidence of a mass (see [1]).", 0, 0, id="words"),
        pytest.param("", 0, 0, id="nothing"),
        pytest.param("[" * 30_000, 0, 0, id="hostile brackets"),
    ],
)
def test_one_malformed_box_never_empties_the_answer(text: str, kept: int, dropped: int) -> None:
    found = read_boxes(text, CONVENTIONS["xy1000"], SIZE)
    assert (len(found.boxes), found.dropped) == (kept, dropped)
    if kept:
        assert found.boxes[0] == pytest.approx(BOX, abs=2e-2)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_what_is_written_is_read(name: str) -> None:
    boxes = [BOX, (0.6, 0.1, 0.9, 0.4)]
    text = write_boxes(boxes, 'mass "<x>', CONVENTIONS[name], SIZE)
    found = read_boxes(text, CONVENTIONS[name], SIZE)
    assert found.dropped == 0
    for read, written in zip(found.boxes, boxes, strict=True):
        assert read == pytest.approx(written, abs=1.1e-2)


def test_every_family_has_a_convention() -> None:
    assert set(FAMILIES.values()) <= set(CONVENTIONS)


@pytest.mark.parametrize(
    ("convention", "text", "none"),
    [
        pytest.param("xy1000", "[]", True, id="an empty list"),
        pytest.param("yx1000", "Nothing at [1, 2].\nFinal Answer: ```json\n[ ]\n```", True, id="after reasoning"),
        pytest.param("loc", "<eos>", True, id="PaliGemma says nothing"),
        pytest.param("loc", "sorry, no<eos>", False, id="PaliGemma in words"),
        pytest.param("xy1000", "I am sorry, I cannot help with medical images.", False, id="a refusal"),
        pytest.param("xy1000", "", False, id="nothing at all"),
        pytest.param("xy1000", '[{"bbox_2d": [5, 6, 1, 2]}]', False, id="a box that is none"),
        pytest.param("xy1000", '[{"bbox_2d": [100, 200, 500, 600]}]', False, id="a box"),
    ],
)
def test_only_an_empty_list_says_that_there_is_nothing(convention: str, text: str, none: bool) -> None:
    assert read_boxes(text, CONVENTIONS[convention], SIZE).none is none


def test_families_are_those_that_transformers_knows() -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    assert set(FAMILIES) <= set(CONFIG_MAPPING_NAMES)
