"""Agreement figures counted by hand, and what is said where there is nothing to count."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from lofi.study import Decision, Verdict
from lofi.study.agreement import Figure, agreement
from tests.study.verdicts import BOX, MODEL, OTHER, film, on_box, on_hit

ACCEPTED = "Cohen's κ, boxes accepted as drawn"


def figure(verdicts: Sequence[Verdict], name: str) -> Figure:
    found = [one for one in agreement(verdicts, 200) if one.name == name]
    assert len(found) == 1, [one.name for one in agreement(verdicts, 200)]
    return found[0]


def value(verdicts: Sequence[Verdict], name: str) -> float:
    estimate = figure(verdicts, name).estimate
    assert estimate is not None
    return estimate.value


def boxes(reader: str, decisions: str) -> list[Verdict]:
    """One box in each of several films: a accepted, r rejected, m moved, - not judged."""
    words = {"a": "accepted", "r": "rejected", "m": "moved"}
    return [
        on_box(words[letter], film=film(number), reader=reader, box=OTHER if letter == "m" else None)
        for number, letter in enumerate(decisions)
        if letter != "-"
    ]


def test_cohen_over_boxes_by_hand() -> None:
    """Yes-yes 3, yes-no 1, no-yes 1, no-no 3 (a moved box is a no): p_o = 6/8, p_e = 1/2, κ = 0.5."""
    found = figure(boxes("AB", "aaaarrrm") + boxes("CD", "aaaramrr"), ACCEPTED)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(0.5)
    assert (found.n, found.cases, found.left_out) == (8, 8, 0)
    assert found.estimate.low < 0.5 < found.estimate.high


def test_cohen_is_scikit_learns() -> None:
    random = np.random.default_rng(4)
    first, second = ("".join(random.choice(list("arm"), 40)) for _ in range(2))
    expected = cohen_kappa_score([one == "a" for one in first], [one == "a" for one in second])
    assert value(boxes("AB", first) + boxes("CD", second), ACCEPTED) == pytest.approx(expected)


def test_fleiss_over_three_readers_by_hand() -> None:
    """Votes 3, 2, 0, 1 of 3, as in the test of the formula: κ = 1/3."""
    verdicts = boxes("AB", "aara") + boxes("CD", "aarr") + boxes("EF", "arrr")
    assert value(verdicts, "Fleiss' κ, boxes accepted as drawn") == pytest.approx(1 / 3)


def test_what_only_some_judged_is_left_out_and_counted() -> None:
    found = figure(
        boxes("AB", "aarr-") + boxes("CD", "aarrr") + boxes("EF", "a-rra"), "Fleiss' κ, boxes accepted as drawn"
    )
    assert (found.n, found.left_out) == (3, 2)
    assert "2 not judged by all" in str(found)


def test_ac1_and_percent_stand_beside_kappa() -> None:
    """The eight boxes above: p_a = 6/8, π = 1/2, AC1 = 1/2. Where all say yes, both are 1 and κ is undefined."""
    verdicts = boxes("AB", "aaaarrrm") + boxes("CD", "aaaramrr")
    assert value(verdicts, "Gwet's AC1, boxes accepted as drawn") == pytest.approx(0.5)
    percent = figure(verdicts, "percent agreement, boxes accepted as drawn")
    assert percent.estimate is not None
    assert percent.estimate.value == pytest.approx(0.75)
    assert percent.estimate.low < 0.75 < percent.estimate.high
    same = boxes("AB", "aaa") + boxes("CD", "aaa")
    assert value(same, "Gwet's AC1, boxes accepted as drawn") == 1
    assert value(same, "percent agreement, boxes accepted as drawn") == 1


def test_cases_for_practice_do_not_count() -> None:
    verdicts = boxes("AB", "aar") + boxes("CD", "rar")
    found = [one for one in agreement(verdicts, 50, training=frozenset({film(0)})) if one.name == ACCEPTED]
    assert [(one.n, one.estimate and one.estimate.value) for one in found] == [(2, 1.0)]


def test_relevance_by_hand() -> None:
    """One case, four hits: yes-yes 2, yes-no 1, no-no 1. p_o = 3/4, p_e = (3·2 + 1·2)/16 = 1/2, κ = 1/2."""
    said = {"AB": "rrrn", "CD": "rrnn"}
    words = {"r": "relevant", "n": "not relevant"}
    verdicts = [on_hit(words[c], hit=f"s{n}", reader=r) for r, letters in said.items() for n, c in enumerate(letters)]
    assert value(verdicts, "Cohen's κ, similar studies relevant") == pytest.approx(0.5)


def test_a_finding_is_present_where_any_box_stands() -> None:
    """Film 0: moved and rejected, so present; film 1: rejected; film 2: absent for one, added by the other."""
    gone = {"kind": "phrase", "number": -1, "model_box": None}
    verdicts = [
        on_box("rejected", film=film(0)),
        on_box("moved", number=1, film=film(0), box=OTHER),
        on_box("accepted", film=film(0), reader="CD"),
        on_box("rejected", film=film(1)),
        on_box("rejected", film=film(1), reader="CD"),
        on_box("absent", film=film(2), **gone),
        on_box("added", film=film(2), reader="CD", box=OTHER),
    ]
    # yes-yes, no-no, no-yes: p_o = 2/3, p_e = (1·2 + 2·1)/9 = 4/9, κ = (2/9)/(5/9)
    assert value(verdicts, "Cohen's κ, findings present") == pytest.approx(0.4)


def test_iou_between_readers_by_hand() -> None:
    """Film 0: both accept the model's box, IoU 1. Film 1: a box moved by a quarter of its width, IoU 0.6."""
    moved = (0.2, 0.2, 0.6, 0.6)
    verdicts = [*boxes("AB", "aa"), on_box("accepted", film=film(0), reader="CD")]
    verdicts.append(on_box("moved", film=film(1), reader="CD", box=moved))
    assert BOX == (0.1, 0.2, 0.5, 0.6)
    assert value(verdicts, "IoU between readers' boxes") == pytest.approx(0.8)
    assert value(verdicts, "IoU where a reader drew a box") == pytest.approx(0.6)


def test_what_became_of_the_models_boxes() -> None:
    verdicts = boxes("AB", "aamr") + boxes("CD", "aaaa") + [on_box("added", number=1, film=film(0), box=OTHER)]
    assert value(verdicts, "model's boxes accepted") == pytest.approx(6 / 8)
    assert value(verdicts, "model's boxes moved") == pytest.approx(1 / 8)
    assert value(verdicts, "model's boxes accepted by AB") == pytest.approx(2 / 4)


def test_the_last_word_counts() -> None:
    verdicts = [*boxes("AB", "rrrr"), *boxes("CD", "aarr"), *boxes("AB", "aarr")]
    assert value(verdicts, ACCEPTED) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("verdicts", "name", "why"),
    [
        ([], "κ, boxes accepted as drawn", "needs at least two readers"),
        (boxes("AB", "ar"), "κ, boxes accepted as drawn", "needs at least two readers"),
        (boxes("AB", "aa--") + boxes("CD", "--aa"), ACCEPTED, "no item was judged by all readers"),
        (boxes("AB", "aaa") + boxes("CD", "aaa"), ACCEPTED, 'all readers said "yes" to every item'),
        (boxes("AB", "rr") + boxes("CD", "rm"), ACCEPTED, 'all readers said "no" to every item'),
        (boxes("AB", "r") + boxes("CD", "r"), "IoU between readers' boxes", "no two readers see the same finding"),
        (boxes("AB", "a") + boxes("CD", "a"), "IoU where a reader drew a box", "no reader moved, redrew or added"),
        ([], "model's boxes accepted", "no box of the model was judged"),
    ],
    ids=["nothing", "one reader", "no overlap", "all yes", "all no", "no finding", "no box drawn", "no box"],
)
def test_what_is_undefined_is_said_in_words(verdicts: list[Verdict], name: str, why: str) -> None:
    found = figure(verdicts, name)
    assert why in str(found)
    assert found.to_json()["value"] is None
    told = " ".join(map(str, agreement(verdicts, 50))) + json.dumps([one.to_json() for one in agreement(verdicts, 50)])
    assert "nan" not in told.casefold()


def test_perfect_disagreement_is_minus_one() -> None:
    assert value(boxes("AB", "arar") + boxes("CD", "rara"), ACCEPTED) == pytest.approx(-1.0)


def test_one_case_gives_no_interval() -> None:
    verdicts = [on_hit("relevant"), on_hit("relevant", reader="CD"), on_hit("relevant", hit="s2")]
    verdicts += [on_hit("not relevant", hit="s2", reader="CD")]
    found = figure(verdicts, "Cohen's κ, similar studies relevant")
    assert "0.000, no interval from one case" in str(found)
    assert (found.to_json()["value"], found.to_json()["low"]) == (0, None)


def test_of_a_study_only_finished_cases_count() -> None:
    whole = [replace(one, study="s") for one in boxes("AB", "ar") + boxes("CD", "ar")]
    done = [Verdict(film(0), reader, MODEL, "case", Decision.DONE, study="s") for reader in ("AB", "CD")]
    assert figure(whole, "model's boxes accepted").n == 0
    assert figure([*whole, *done], "model's boxes accepted").n == 2
