"""A short part of the fuzzing in every run of the tests; ``make fuzz`` does it for longer."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lofi.boxes import as_boxes, parse_boxes
from lofi.errors import BadQuery, LofiError
from lofi.files.sheet import cell
from lofi.gallery.records import study_from_record
from lofi.report.statements import split_report
from lofi.ui.asked import Asked
from tests.fuzz import seeds
from tests.fuzz.mutation import damaged
from tests.fuzz.run import read
from tests.fuzz.targets import Target, clear, targets

TARGETS = targets()
SLOW = {"film", "index", "parquet", "arrow", "regions", "vectors", "origin", "checkpoint_manifest"}
QUICK = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(seeds.HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[None]:
    from tests.fuzz.targets import PLACE

    PLACE.mkdir(exist_ok=True)
    yield
    clear()


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds_are_told_in_a_sentence(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    examples = target.seeds()
    for example in examples:
        assert read(target, example) == ""
    for _ in range(150 if name in SLOW else 600):
        data = damaged(chance.choice(examples), chance, target.structured)
        assert read(target, data) == "", data[:400]


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xff" * 40, b"[" * 5_000, b"null", b"{}", b"[]", b'"', b"1e999"], ids=repr
)
def test_what_is_nothing_at_all(name: str, data: bytes) -> None:
    assert read(TARGETS[name], data) == ""


def test_the_harness_sees_what_comes_out() -> None:
    def leaking(data: bytes) -> None:
        raise KeyError(data)

    def long_winded(data: bytes) -> None:
        raise BadQuery("two\nlines")

    assert read(Target(leaking, list), b"x").startswith("KeyError at test_fuzz.py:")
    assert read(Target(long_winded, list), b"x")


@QUICK
@given(values=st.dictionaries(st.sampled_from(sorted(seeds.QUESTION)), VALUES))
def test_questions_of_any_values(values: dict[str, Any]) -> None:
    asked = Asked(values)
    for one in (asked.film, asked.search_text, asked.phrases, asked.box, asked.count, asked.offset):
        try:
            one()
        except LofiError:
            continue


@QUICK
@given(values=st.dictionaries(st.sampled_from(sorted(seeds.RECORD)), VALUES))
def test_records_of_any_values(values: dict[str, Any]) -> None:
    study = study_from_record(values)
    assert all(len(as_boxes([box.box])) == 1 for box in study.boxes)
    assert "\x00" not in study.report + study.study_id


@QUICK
@given(text=st.text(max_size=400))
def test_reports_of_any_text(text: str) -> None:
    for statement in split_report(text):
        assert statement.phrase == statement.phrase.strip()
    assert cell(text).lstrip("'") == text.lstrip("'")


@QUICK
@given(value=VALUES)
def test_boxes_of_any_values(value: Any) -> None:
    try:
        boxes = parse_boxes(json.dumps(value))
    except BadQuery:
        return
    assert boxes.shape[1] == 4
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()


@QUICK
@given(data=st.binary(max_size=400), name=st.sampled_from(sorted(set(TARGETS) - {"checkpoint_manifest"})))
def test_any_bytes(data: bytes, name: str) -> None:
    assert read(TARGETS[name], data) == ""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("question", b'{"box": [1' + b"0" * 400 + b", 0, 1, 1]}", id="an edge beyond any float"),
        pytest.param("records", b'{"age": 1' + b"0" * 400 + b"}", id="an age beyond any float"),
        pytest.param("records", b'{"boxes": [{"box": [0, 0, 1, 1' + b"0" * 400 + b"]}]}", id="a record's edge"),
        pytest.param("boxes", b"[[0, 0, 1" + b"0" * 400 + b", 1]]", id="the same in the API"),
        pytest.param("answer", b"[" * 5_000, id="a kept answer nested without end"),
        pytest.param("answer", b'{"groundings": [{}], "hits": [], "failed": ""}', id="a kept answer without its parts"),
        pytest.param("definition", b'{"name": "a", "folder": "~nobody-of-this-name/x", "phrases": ["b"]}', id="a home"),
    ],
)
def test_findings_stay_mended(name: str, data: bytes) -> None:
    assert read(TARGETS[name], data) == ""
