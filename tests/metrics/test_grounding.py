"""Grounding figures on boxes whose overlaps can be worked out by hand, and against the package rodeometric."""

import numpy as np
import pytest

from lofi.boxes import as_boxes
from lofi.metrics.grounding import (
    COLUMNS,
    f1,
    generalised_iou,
    greedy_matches,
    grounding_figures,
    per_question,
    points_into,
    question_row,
    rodeo,
    rodeo_sums,
)

NONE = np.zeros((0, 4))
LEFT, RIGHT, WHOLE = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]


def value(row: np.ndarray, name: str) -> float:
    return float(row[COLUMNS.index(name)])


@pytest.mark.parametrize(
    ("predicted", "targets", "iou"),
    [
        pytest.param([], [LEFT], 0.0, id="nothing predicted"),
        pytest.param([LEFT], [LEFT], 1.0, id="same"),
        pytest.param([LEFT], [RIGHT], 0.0, id="touching"),
        pytest.param([LEFT], [WHOLE], 0.5, id="half"),
        pytest.param([LEFT, RIGHT], [WHOLE], 1.0, id="two boxes make the whole"),
        pytest.param([WHOLE], [LEFT, RIGHT], 1.0, id="one box over two targets"),
        pytest.param([[0.0, 0.0, 0.5, 0.5]], [LEFT, RIGHT], 0.25, id="quarter of two"),
    ],
)
def test_iou_is_between_unions(predicted: list, targets: list, iou: float) -> None:
    row = question_row(as_boxes(predicted), [1.0] * len(predicted), as_boxes(targets))
    assert value(row, "iou") == pytest.approx(iou)
    assert value(row, "iou>=0.5") == (iou >= 0.5)
    assert value(row, "iou>=0.7") == (iou >= 0.7)


def test_pointing_takes_the_centre_of_the_best_box_not_of_the_first() -> None:
    boxes, targets = as_boxes([LEFT, RIGHT]), as_boxes([[0.7, 0.4, 0.8, 0.6]])
    assert value(question_row(boxes, [0.2, 0.9], targets), "pointed") == 1
    assert value(question_row(boxes, [0.9, 0.2], targets), "pointed") == 0
    assert value(question_row(boxes, [0.9, 0.2], targets, point=np.array([0.7, 0.5])), "pointed") == 1
    assert value(question_row(NONE, [], targets), "pointed") == 0


@pytest.mark.parametrize(("x", "inside"), [(0.5, True), (0.75, True), (1.0, True), (0.49, False)])
def test_a_point_on_the_edge_counts(x: float, inside: bool) -> None:
    assert points_into(np.array([x, 0.3]), as_boxes([RIGHT])) is inside


def test_greedy_matching_gives_a_target_away_once() -> None:
    two_on_one = as_boxes([LEFT, LEFT])
    assert greedy_matches(two_on_one, as_boxes([LEFT, RIGHT]), 0.5) == 1
    assert greedy_matches(as_boxes([LEFT, RIGHT]), as_boxes([RIGHT, LEFT]), 0.5) == 2
    assert greedy_matches(NONE, as_boxes([LEFT]), 0.5) == 0


def test_f1_is_micro_over_boxes() -> None:
    """3 boxes predicted, 4 targets, 2 matched at 0.5: 2·2/7."""
    rows = np.stack(
        [
            question_row(as_boxes([LEFT, RIGHT]), [1, 1], as_boxes([LEFT, RIGHT])),
            question_row(as_boxes([LEFT]), [1], as_boxes([RIGHT])),
            question_row(NONE, [], as_boxes([RIGHT])),
        ]
    )
    assert f1(rows.sum(0)[None], 0.5)[0] == pytest.approx(4 / 7)
    assert per_question(rows.sum(0)[None], "iou")[0] == pytest.approx(1 / 3)


def test_rodeo_by_hand() -> None:
    """Shifted by one target width: localisation exp(−ln 2) = ½, shape 1. Twice as wide on the same centre: 1 and ½."""
    target = as_boxes([[0.4, 0.4, 0.6, 0.6]])
    assert rodeo_sums(target + np.array([0.2, 0, 0.2, 0]), target) == pytest.approx((0.5, 1.0))
    assert rodeo_sums(as_boxes([[0.3, 0.4, 0.7, 0.6]]), target) == pytest.approx((1.0, 0.5))


def test_rodeo_pays_for_missed_and_surplus_boxes() -> None:
    perfect = question_row(as_boxes([LEFT]), [1], as_boxes([LEFT]))
    surplus = question_row(as_boxes([LEFT, RIGHT]), [1, 1], as_boxes([LEFT]))
    missed = question_row(NONE, [], as_boxes([LEFT]))
    sums = (perfect + surplus + missed)[None]
    for part in ("localisation", "shape", "coverage", "total"):
        assert rodeo(sums, part)[0] == pytest.approx(0.5, abs=1e-5)


def random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    corner = generator.random((count, 2)) * 0.6
    return np.concatenate([corner, corner + 0.05 + generator.random((count, 2)) * 0.35], axis=1)


def test_rodeo_agrees_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("rodeo.rodeo")
    # Its release of 2023 calls .clip on what scikit-learn now returns as a plain float.
    correlation = module.matthews_corrcoef
    monkeypatch.setattr(module, "matthews_corrcoef", lambda *arrays: np.float64(correlation(*arrays)))
    package = module.RoDeO(["effusion", "mass"])
    generator = np.random.default_rng(4)
    rows = []
    for number in range(60):
        found, wanted = random_boxes(generator, number % 4), random_boxes(generator, 1 + number % 3)
        rows.append(question_row(found, [1.0] * len(found), wanted))
        package.add([_xywh(found, number % 2)], [_xywh(wanted, number % 2)])
    theirs, sums = package.compute(), np.sum(rows, axis=0)[None]
    assert rodeo(sums, "localisation")[0] == pytest.approx(theirs["RoDeO/localization"])
    assert rodeo(sums, "shape")[0] == pytest.approx(theirs["RoDeO/shape_matching"])
    assert rodeo(sums, "coverage")[0] == pytest.approx(theirs["RoDeO/classification"])
    assert rodeo(sums, "total")[0] == pytest.approx(theirs["RoDeO/total"])


def _xywh(boxes: np.ndarray, label: int) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2], np.full((len(boxes), 1), label)], axis=1)


def test_generalised_iou_by_hand() -> None:
    """Two unit-height strips of ¼ apart by ½: IoU 0, hull 1, union ½, so −½."""
    first, second = as_boxes([[0, 0, 0.25, 1]]), as_boxes([[0.75, 0, 1, 1]])
    assert generalised_iou(first, second)[0, 0] == pytest.approx(-0.5)
    assert generalised_iou(first, first)[0, 0] == pytest.approx(1.0)


def test_figures_hold_every_metric_with_its_n() -> None:
    rows = np.stack([question_row(as_boxes([LEFT]), [1], as_boxes([LEFT]))] * 3)
    figures = grounding_figures(rows, ["a", "a", "b"], resamples=50)
    assert {(figure.n, figure.patients) for figure in figures.values()} == {(3, 2)}
    assert all(figure.value == pytest.approx(1, abs=1e-5) for figure in figures.values())
    assert set(figures) == {
        "mean IoU", "IoU≥0.1", "IoU≥0.3", "IoU≥0.5", "IoU≥0.7", "F1@0.3", "F1@0.5",
        "RoDeO localisation", "RoDeO shape", "RoDeO total", "pointing",
    }  # fmt: skip


def test_no_question_gives_no_figure() -> None:
    assert all(np.isnan(figure.value) for figure in grounding_figures(np.zeros((0, len(COLUMNS))), []).values())
