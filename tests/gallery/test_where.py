import math

import pytest

from lofi.errors import BadQuery
from lofi.gallery import Where, parse_where
from lofi.gallery.filters import Columns
from lofi.gallery.table import as_records
from lofi.gallery.where import TEXT_LIMIT
from lofi.results import Study

STUDIES = (
    Study("0", "", ("Effusion", "Mass"), "PA", "nih_bbox", "F", 40.0, "p1"),
    Study("1", "", ("No Finding",), "AP", "nih_bbox", "M", 60.9, "p2"),
    Study("2", "", ("Pleural_Thickening",), "LATERAL", "covid", "F", 61.0, "p2"),
    Study("3", ""),
    Study("4", "", ("Effusion",), "PA", "covid", "M", 4.5, "P1"),
)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("", Where(), id="empty"),
        pytest.param("   ", Where(), id="blank"),
        pytest.param(
            "view=PA sex=F age=40-60 label=Effusion source=nih_bbox not_patient=p1",
            Where(("PA",), ("F",), (40.0, 60.0), ("Effusion",), ("nih_bbox",), ("p1",)),
            id="every key",
        ),
        pytest.param("VIEW=pa,Lateral", Where(view=("PA", "LATERAL")), id="alternatives, any case"),
        pytest.param("label=Mass label=Nodule", Where(label=("Mass", "Nodule")), id="key repeated"),
        pytest.param('label="No Finding"', Where(label=("No Finding",)), id="quoted"),
        pytest.param("sex=female", Where(sex=("F",)), id="a word for sex"),
        pytest.param("age=40-", Where(age=(40.0, math.inf)), id="from"),
        pytest.param("age=-60", Where(age=(0.0, 60.0)), id="up to"),
        pytest.param("age=55", Where(age=(55.0, 55.0)), id="one age"),
        pytest.param("age=40–60", Where(age=(40.0, 60.0)), id="en dash"),
        pytest.param("age=0-0", Where(age=(0.0, 0.0)), id="newborn"),
    ],
)
def test_parse_where(text: str, where: Where) -> None:
    assert parse_where(text) == where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("DOE^JANE", "Part 1 of the filter", id="no equals sign"),
        pytest.param("sex=F patient=DOE^JANE", "Part 2 of the filter", id="unknown key"),
        pytest.param("view=DOE", "view must be", id="unknown view"),
        pytest.param("sex=DOE", "sex must be", id="unknown sex"),
        pytest.param("age=DOE", "age must be", id="age in letters"),
        pytest.param("age=-", "age must be", id="age without ends"),
        pytest.param("age=4060", "age must be", id="age without dash"),
        pytest.param("age=40,60", "age must be", id="two ages"),
        pytest.param("age=60-40", "lower end first", id="age turned round"),
        pytest.param("label=", "no value", id="empty value"),
        pytest.param("label=,", "no value", id="empty alternatives"),
        pytest.param('label="DOE', "quotation mark", id="open quotation"),
        pytest.param("x" * (TEXT_LIMIT + 1), "characters", id="endless"),
    ],
)
def test_parse_where_refuses_without_repeating_a_value(text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message) as caught:
        parse_where(text)
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("view=PA", [0, 4], id="view"),
        pytest.param("view=PA,AP", [0, 1, 4], id="views"),
        pytest.param("sex=F", [0, 2], id="sex"),
        pytest.param("age=40-60", [0, 1], id="both ends in, 60.9 is 60"),
        pytest.param("age=61-", [2], id="open range leaves unknown out"),
        pytest.param("age=4", [4], id="half years"),
        pytest.param("label=effusion", [0, 4], id="label in any case"),
        pytest.param("label=pleural_thickening", [2], id="label with underscore"),
        pytest.param('label="pleural thickening"', [2], id="label with space"),
        pytest.param("source=NIH-bbox", [0, 1], id="source"),
        pytest.param("not_patient=p2", [0, 3, 4], id="patient left out"),
        pytest.param("not_patient=p1,p2", [3, 4], id="patients left out, keys compared exactly"),
        pytest.param("view=PA sex=M label=Effusion", [4], id="all must hold"),
        pytest.param("view=LATERAL sex=M", [], id="none left"),
    ],
)
def test_select(text: str, rows: list[int]) -> None:
    selected = Columns(as_records(STUDIES)).select(parse_where(text))
    assert selected is not None
    assert selected.tolist() == rows


@pytest.mark.parametrize("text", ["label=Hernia", "label=Mass,Hernia", "source=elsewhere"])
def test_an_unknown_label_is_answered_with_those_there_are(text: str) -> None:
    with pytest.raises(BadQuery, match=r"no such (label\. Its labels: Effusion, |source\. Its sources: nih)") as caught:
        Columns(as_records(STUDIES)).select(parse_where(text))
    assert "Hernia" not in str(caught.value)


@pytest.mark.parametrize("where", [None, Where()], ids=["none", "empty"])
def test_no_filter_is_no_restriction(where: Where | None) -> None:
    assert Columns(as_records(STUDIES)).select(where) is None


def test_empty_gallery_has_nothing_to_select() -> None:
    selected = Columns(as_records(())).select(Where(view=("PA",), age=(1, 2), not_patient=("p1",)))
    assert selected is not None
    assert selected.tolist() == []
