"""A reader's marks: what they measure, and that every export has them where they were drawn."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread

from lofi.errors import BadQuery
from lofi.export import Case, write
from lofi.export.mark import Mark, Scale, marks_of, measured, scale_of, words_of
from lofi.film.view import MARK_COLOUR
from lofi.results import HeatMap
from lofi.ui.exports import shown_of
from tests.export import cases
from tests.export.test_picture import drawn, inked
from tests.export.test_presentation import layers, state
from tests.export.test_structured_report import chest

SIZE = (300, 200)
LENGTH = Mark("length", ((0.1, 0.5), (0.6, 0.5)))
RATIO = Mark("ratio", ((0.4, 0.6), (0.65, 0.6), (0.25, 0.8), (0.75, 0.8)), start="model")
ELLIPSE = Mark("ellipse", ((0.2, 0.2), (0.4, 0.6)))
ANGLE = Mark("angle", ((0.5, 0.1), (0.25, 0.1), (0.5, 0.1 + 50 / 300)))
ARROW = Mark("arrow", ((0.9, 0.9), (0.8, 0.7)), "tip of the tube")
SCALE = Mark("scale", ((0.0, 0.95), (0.5, 0.95)), mm=50)
ALL = (LENGTH, RATIO, ELLIPSE, ANGLE, ARROW, SCALE)


def marked(*marks: Mark, **changes: Any) -> Case:
    return cases.case(marks=marks, initials="ab", **changes)


@pytest.mark.parametrize(
    ("mark", "scale", "value", "unit", "words"),
    [
        (LENGTH, Scale(None), 100, "px", "100 pixels (spacing unknown)"),
        (LENGTH, Scale((0.5, 0.2), "detector"), 20, "mm", "20.0 mm at the detector"),
        (LENGTH, Scale((0.5, 0.2), "reader"), 20, "mm", "20.0 mm by the reader's scale"),
        (ELLIPSE, Scale((1, 1), "patient"), np.pi / 4 * 40 * 120, "mm2", "3770 mm²"),
        (ELLIPSE, Scale(None), np.pi / 4 * 40 * 120, "px2", "3770 square pixels (spacing unknown)"),
        (ANGLE, Scale(None), 45, "deg", "45.0°"),
        (ANGLE, Scale((2, 1)), np.degrees(np.arctan(2)), "deg", "63.4°"),
        (RATIO, Scale(None), 0.5, "1", "heart / chest 0.50 (lines by the model, not checked)"),
        (replace(RATIO, start="corrected"), Scale(None), 0.5, "1", "heart / chest 0.50 (the model's lines, corrected)"),
        (SCALE, Scale((1, 1), "reader"), 50, "mm", "50 mm: the reader's scale"),
        (ARROW, Scale(None), None, "", "tip of the tube"),
    ],
    ids=lambda value: value.kind if isinstance(value, Mark) else None,
)
def test_what_a_mark_measures(mark: Mark, scale: Scale, value: float | None, unit: str, words: str) -> None:
    found = measured(mark, SIZE, scale)
    assert found.unit == unit
    assert found.value == (None if value is None else pytest.approx(value))
    assert words_of(mark, SIZE, scale) == words


def test_the_readers_scale_is_in_force_and_keeps_the_shape_of_pixels() -> None:
    assert scale_of([LENGTH], SIZE, (0.5, 0.2), "detector") == ((0.5, 0.2), "detector")
    # 100 pixels across are 50 mm; with pixels 0.2 mm wide they were 20: all is 2.5 times as large.
    assert scale_of([SCALE, LENGTH], SIZE, (0.5, 0.2), "detector") == (pytest.approx((1.25, 0.5)), "reader")
    assert scale_of([SCALE], SIZE, None, "") == (pytest.approx((0.5, 0.5)), "reader")


@pytest.mark.parametrize(
    "given",
    [
        "x", [3], [{}], [{"kind": "length", "points": [[0, 0]]}], [{"kind": "length", "points": [[0, 0], [0, 0]]}],
        [{"kind": "line", "points": [[0, 0], [1, 1]]}], [{"kind": "length", "points": [[0, 0], [2, 1]]}],
        [{"kind": "length", "points": [[0, 0], [float("nan"), 1]]}], [{"kind": "scale", "points": [[0, 0], [1, 1]]}],
        [{"kind": "scale", "points": [[0, 0], [1, 1]], "mm": -1}], [{"kind": ["length"], "points": [[0, 0], [1, 1]]}],
        [{"kind": "arrow", "points": [[0, 0], [1, 1]], "words": 3}],
        [{"kind": "ratio", "points": [[0, 0], [1, 0], [0, 1], [1, 1]], "start": "me"}],
        [{"kind": "length", "points": [[0, 0], [1, 1]]}] * 101,
    ],
)  # fmt: skip
def test_what_is_no_mark_is_refused(given: object) -> None:
    with pytest.raises(BadQuery):
        marks_of(given)


def test_marks_of_the_page_are_read() -> None:
    (mark,) = marks_of([{"kind": "arrow", "points": [[0, 0.5], [1, 1]], "words": "a\u202e\nb"}])
    assert mark == Mark("arrow", ((0.0, 0.5), (1.0, 1.0)), "a b")


def test_json_and_csv_have_them() -> None:
    case = marked(*ALL)
    document = json.loads(write(case, "json").data)
    assert document["reader"] == "AB"
    first = document["marks"][0]
    assert (first["kind"], first["value"], first["unit"], first["scale"]) == ("length", 50, "mm", "reader")
    assert first["points_pixels"] == [[20, 150], [120, 150]]
    assert document["marks"][1]["start"] == "model"
    rows = list(csv.DictReader(io.StringIO(write(case, "csv").data.decode("utf-8-sig"), newline="")))
    last = [row for row in rows if row["mark"]]
    assert [row["mark"] for row in last] == [mark.kind for mark in ALL]
    assert (last[1]["value"], last[1]["unit"], last[4]["words"]) == ("0.5", "1", "tip of the tube")
    assert all(row["phrase"] == "" for row in last)


def test_the_picture_has_them_where_they_were_drawn() -> None:
    plain = drawn(cases.case(groundings=()))
    points = inked(drawn(marked(LENGTH, groundings=())), MARK_COLOUR, 667)
    assert not len(inked(plain, MARK_COLOUR, 667))
    line = points[(np.abs(points[:, 1] - 500) < 3) & (points[:, 0] < 405)]  # its words stand beyond
    assert (line[:, 0].min(), line[:, 0].max()) == pytest.approx((0.1 * 667, 0.6 * 667), abs=4)
    assert drawn(marked(*ALL, groundings=())).shape[0] >= 1000


def test_the_picture_shows_a_heat_map_in_its_phrases_colour() -> None:
    values = np.zeros((60, 40), dtype=np.float32)
    values[:30, :20] = 0.25
    heat = HeatMap(cases.found().phrase, values, "Where it looks.")
    plain, hot = (drawn(cases.case(heat=given)) for given in (None, heat))
    change = np.abs(hot - plain)[:, :667].max(axis=2)
    assert change[600:].max() == 0  # the lower half of the film was cold
    assert np.median(change[200:450, 50:300]) > 20
    red, _, blue = np.median((hot - plain)[200:450, 50:300], axis=(0, 1))
    assert blue > red  # the first phrase is blue


def test_the_picture_says_that_the_screen_was_mirrored() -> None:
    assert shown_of(0, flipped=False) == ""
    assert shown_of(1, flipped=True).startswith("The reader saw the film turned by 90° and mirrored; here it is as it")
    with pytest.raises(BadQuery):
        shown_of(7, flipped=False)


def test_the_presentation_state_has_them(judge: cases.Judge) -> None:
    case = marked(*ALL)
    assert judge(cases.parts(write(case, "gsps"))["overlay.dcm"]) == []
    layer = layers(state(case))["MARKS"]
    objects = layer.GraphicObjectSequence
    assert [one.GraphicType for one in objects].count("ELLIPSE") == 1
    assert list(objects[0].GraphicData) == [20, 150, 120, 150]
    said = [one.UnformattedTextValue for one in layer.TextObjectSequence]
    assert said[0] == "50.0 mm by the reader's scale"
    assert "tip of the tube" in said


def test_the_structured_report_infers_numbers_from_lines(judge: cases.Judge) -> None:
    case = cases.of_file(chest(), groundings=(), marks=ALL, initials="ab")
    data = write(case, "sr").data
    assert judge(data) == []
    text = str(srread(io.BytesIO(data)))
    for word in ("Cardiothoracic ratio", "410668003", "42798000", "1483009", "tip of the tube", "AB^"):
        assert word in text
    assert "Algorithm Name" not in text  # a reader's marks are the reader's


def test_marks_of_a_turned_film_lie_on_the_stored_picture() -> None:
    from tests.export.test_structured_report import SOURCE
    from tests.film.test_dicom import RAMP, dataset, written

    turned = written(dataset(np.rot90(RAMP).copy(), PatientOrientation=["F", "R"], **SOURCE))
    layer = layers(state(cases.of_file(turned, groundings=(), marks=(LENGTH,))))["MARKS"]
    # (0.1, 0.5) to (0.6, 0.5) of the film as shown: on the stored one down its middle, upwards.
    height, width = 40, 48
    x = 0.5 * width
    assert list(layer.GraphicObjectSequence[0].GraphicData) == pytest.approx([x, 0.9 * height, x, 0.4 * height])


def test_the_structured_report_says_whose_marks_they_are_where_nobody_is_named() -> None:
    def said(**known: str) -> list[str]:
        case = cases.of_file(chest(), groundings=(), marks=ALL, **known)
        made = cases.parsed(write(case, "sr").data)
        return [item.TextValue for item in made.ContentSequence if item.ValueType == "TEXT"]

    assert any("a reader's, who gave no initials" in text for text in said())
    assert not any("gave no initials" in text for text in said(initials="ab"))
