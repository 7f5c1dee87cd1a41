"""Evidence: how far each shot moved the answer, with answerers whose answer can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lofi.film.radiograph import Radiograph
from lofi.grounding import Shot, ground
from lofi.grounding.shots import LEAST_SUPPORT
from lofi.results import Box, Grounding

RIGHT_PLACE: Box = (0.1, 0.1, 0.5, 0.5)
WRONG_PLACE: Box = (0.5, 0.5, 0.9, 0.9)


def shot(name: str, box: Box, weight: float = 1.0) -> Shot:
    canvas = np.array([box], dtype=np.float32)
    return Shot(name, "mass", (box,), 0.5, weight, np.zeros((3, 4), dtype=np.float16), canvas)


class Mean:
    """Answers with the mean of its shots' boxes, as sure as it has shots; without any with nothing."""

    name, most = "mean", 8

    def hears(self, item: Shot) -> bool:
        return item.convincing

    def answer_each(self, film: object, phrase: str, sets: Sequence[Sequence[Shot]]) -> list[Grounding]:
        answers = []
        for shots in sets:
            boxes = [box for item in shots for box in item.boxes]
            mean: Box = tuple(np.mean(boxes, axis=0).tolist()) if boxes else (0, 0, 0, 0)
            sure = len(shots) / 8
            answers.append(Grounding(phrase, bool(boxes), sure, (mean,) if boxes else (), (sure,) if boxes else ()))
        return answers


@pytest.mark.parametrize("place", range(4))
def test_a_wrong_shot_among_right_ones_moves_the_answer_most(film: Radiograph, place: int) -> None:
    """Wherever it stands. Without it the answer is the right place again; without another it moves a little."""
    shots = [shot(f"s{number}", WRONG_PLACE if number == place else RIGHT_PLACE) for number in range(4)]
    evidence = ground(Mean(), film, "mass", shots).evidence
    assert [item.study_id for item in evidence] == ["s0", "s1", "s2", "s3"]
    moved = [item.moved for item in evidence]
    assert int(np.argmax(moved)) == place
    # With all four the box begins at 0.2, without the wrong one at 0.1: they share 0.3² of 2 · 0.4² − 0.3².
    assert moved[place] == pytest.approx(1 - 0.09 / 0.23)
    # Without a right one it begins at 7/30: they share (0.4 − 1/30)².
    shared = (0.4 - 1 / 30) ** 2
    assert moved[place - 1] == pytest.approx(1 - shared / (0.32 - shared))


def test_a_wrong_shot_agrees_least_with_the_answer(film: Radiograph) -> None:
    shots = [shot(f"s{number}", WRONG_PLACE if number == 2 else RIGHT_PLACE) for number in range(4)]
    answer = ground(Mean(), film, "mass", shots)
    agreement = [item.agreement for item in answer.evidence]
    # The answer begins at 0.2, the right ones at 0.1: they share 0.3² of 2 · 0.4² − 0.3²; the wrong one at 0.5: 0.1².
    assert agreement == pytest.approx([0.09 / 0.23, 0.09 / 0.23, 0.01 / 0.31, 0.09 / 0.23])
    assert [item["agreement"] for item in answer.to_json()["evidence"]] == pytest.approx(agreement, abs=1e-4)


def test_a_shot_that_does_not_convince_is_named_and_not_heard(film: Radiograph) -> None:
    shots = [shot(f"s{number}", RIGHT_PLACE) for number in range(3)]
    shots[1] = replace(shot("liar", WRONG_PLACE), support=LEAST_SUPPORT - 0.01)
    answer = ground(Mean(), film, "mass", shots)
    assert answer.boxes[0] == pytest.approx(RIGHT_PLACE)
    told = {item.study_id: item for item in answer.evidence}
    assert list(told) == ["s0", "liar", "s2"]
    assert [item.heard for item in answer.evidence] == [True, False, True]
    assert (told["liar"].moved, told["liar"].confidence_change) == (0, 0)
    # Two of three are heard, so leaving one of them out costs an eighth, not the liar.
    assert told["s0"].confidence_change == pytest.approx(1 / 8)
    assert answer.to_json()["evidence"][1]["heard"] is False


def test_shots_that_agree_move_nothing_but_the_confidence(film: Radiograph) -> None:
    evidence = ground(Mean(), film, "mass", [shot(name, RIGHT_PLACE) for name in "abc"]).evidence
    assert [item.moved for item in evidence] == pytest.approx([0, 0, 0])
    assert [item.confidence_change for item in evidence] == pytest.approx([1 / 8] * 3)


def test_a_lonely_shot_is_the_whole_answer(film: Radiograph) -> None:
    (alone,) = ground(Mean(), film, "mass", [shot("a", RIGHT_PLACE)]).evidence
    assert alone.moved == 1
    assert ground(Mean(), film, "mass", []).evidence == ()


def test_what_a_machine_drew_is_marked_in_the_evidence(film: Radiograph) -> None:
    shots = [shot("hand", RIGHT_PLACE), shot("machine", RIGHT_PLACE, weight=0.5)]
    answer = ground(Mean(), film, "mass", shots)
    assert [item.trusted for item in answer.evidence] == [True, False]
    assert [item["trusted"] for item in answer.to_json()["evidence"]] == [True, False]
