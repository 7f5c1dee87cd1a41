"""A reader's way through a study: order, marks, resuming, two windows, what may not be said."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery, LofiError
from lofi.study import Decision, ReviewStore, Verdict
from lofi.study.asking import ModelAnswer
from lofi.study.cases import StudyCase, find_cases
from lofi.study.definition import Definition
from lofi.study.reading import ReaderStudy, Sheet, progress
from lofi.study.sitting import Superseded, Taken
from tests.study.conftest import TWO, answer
from tests.study.verdicts import MODEL

NEW = [0.2, 0.2, 0.3, 0.3]


def accept(number: int) -> dict[str, Any]:
    return {"kind": "box", "phrase": "mass", "number": number, "decision": "accepted"}


ABSENT = {"kind": "phrase", "phrase": "effusion", "decision": "absent"}
HITS = [{"kind": "hit", "hit": name, "decision": "relevant"} for name in ("s1", "s2")]
WHOLE = [accept(0), accept(1), ABSENT, *HITS]


def shown(study: ReaderStudy, token: str) -> Sheet:
    sheet = study.sheet(token)
    assert sheet is not None
    return sheet


def read_case(study: ReaderStudy, token: str) -> str:
    sheet = shown(study, token)
    for mark in WHOLE:
        study.mark(token, sheet.case.film, mark)
    study.finish(token, sheet.case.film)
    return sheet.case.film


def again(study: ReaderStudy, **changed: Any) -> ReaderStudy:
    """The study as another process opens it."""
    made = {"fingerprint": MODEL, "definition": study.definition, **changed}
    cases = find_cases(made["definition"])
    return ReaderStudy(made["definition"], cases, ReviewStore(study.store.database._file), made["fingerprint"], answer)


def test_a_reader_goes_through_all_cases_once(study: ReaderStudy) -> None:
    token = study.begin("ab")
    read = [read_case(study, token) for _ in range(5)]
    assert len(set(read)) == 5
    assert study.sheet(token) is None
    found = progress(study.definition, find_cases(study.definition), study.store)
    assert [(one.reader, one.done, one.total) for one in found] == [("AB", 5, 5)]


def test_reading_resumes_where_it_stopped(study: ReaderStudy) -> None:
    token = study.begin("AB")
    read_case(study, token)
    sheet = shown(study, token)
    study.mark(token, sheet.case.film, accept(1))
    later = shown(again(study), token)  # a reload after the server was restarted
    assert (later.case.film, later.number, later.done) == (sheet.case.film, 2, 1)
    assert [str(mark.decision) for mark in later.marks.values() if mark.kind == "box"] == ["accepted"]
    assert later.still_open == ("mass", "effusion", "2 similar studies")


def test_every_reader_sees_the_same_boxes_in_another_order(study: ReaderStudy) -> None:
    tokens = [study.begin(name) for name in ("AB", "CD", "EF", "GH")]
    orders = [[read_case(study, token) for _ in range(5)] for token in tokens]
    assert len({tuple(films) for films in orders}) > 1
    assert len({tuple(sorted(films)) for films in orders}) == 1


def test_the_model_is_asked_once_for_all_readers(study: ReaderStudy) -> None:
    asked = []
    study._ask = lambda case: asked.append(case.film) or answer(case)  # type: ignore[func-returns-value]
    for name in ("AB", "CD"):
        token = study.begin(name)
        for _ in range(5):
            read_case(study, token)
    assert len(asked) == len(set(asked)) == 5


def test_a_case_is_done_only_when_all_is_judged(study: ReaderStudy) -> None:
    token = study.begin("AB")
    film = shown(study, token).case.film
    for mark in WHOLE[:-1]:
        study.mark(token, film, mark)
    with pytest.raises(BadQuery, match="Still to judge: 1 similar study"):
        study.finish(token, film)
    study.mark(token, film, WHOLE[-1])
    study.finish(token, film)
    assert shown(study, token).number == 2


def test_an_earlier_case_can_be_looked_at_and_changed_but_none_ahead(study: ReaderStudy) -> None:
    token = study.begin("AB")
    first = read_case(study, token)
    back = study.sheet(token, 1)
    assert back is not None
    assert (back.case.film, back.finished) == (first, True)
    study.mark(token, first, {**accept(0), "decision": "rejected"})
    assert shown(study, token).number == 2
    for number in (0, 3, -1):
        with pytest.raises(BadQuery, match="in their order"):
            study.sheet(token, number)


def test_not_present_rejects_the_models_boxes_and_takes_back_the_readers(study: ReaderStudy) -> None:
    token = study.begin("AB")
    film = shown(study, token).case.film
    study.mark(token, film, accept(0))
    study.mark(token, film, {"kind": "box", "phrase": "mass", "number": 2, "decision": "added", "box": NEW})
    marks = study.mark(token, film, {"kind": "phrase", "phrase": "mass", "decision": "absent"})
    assert {subject[0::2]: str(mark.decision) for subject, mark in marks.items() if subject[1] == "mass"} == {
        ("box", 0): "rejected",
        ("box", 1): "rejected",
        ("phrase", -1): "absent",
    }
    marks = study.mark(token, film, accept(1))
    assert ("phrase", "mass", -1, "") not in marks


def test_the_models_box_and_score_come_from_its_answer(study: ReaderStudy) -> None:
    token = study.begin("AB")
    film = shown(study, token).case.film
    lie = {**accept(1), "decision": "moved", "box": NEW, "model_box": [0, 0, 1, 1], "score": 1.0}
    mark = study.mark(token, film, lie)["box", "mass", 1, ""]
    assert (mark.model_box, mark.score, mark.box, mark.study) == (TWO[1], 0.9, tuple(NEW), "lungs")


@pytest.mark.parametrize(
    "mark",
    [
        None,
        [],
        {},
        {**accept(0), "decision": "fine"},
        {**accept(0), "decision": ["accepted"]},
        {**accept(0), "decision": "moved"},
        {**accept(0), "decision": "moved", "box": [0.5, 0.5, 0.1, 0.1]},
        {**accept(0), "decision": "moved", "box": "here"},
        {**accept(0), "decision": "added", "box": NEW},
        accept(2),
        accept(-1),
        {**accept(0), "number": "0"},
        {**accept(0), "number": True},
        {**accept(0), "phrase": "nodule"},
        {**accept(0), "phrase": {"x": 1}},
        {"kind": "box", "phrase": "mass", "number": 500, "decision": "added", "box": NEW},
        {"kind": "case", "decision": "done"},
        {"kind": "hit", "hit": "s9", "decision": "relevant"},
        {"kind": "hit", "hit": ["s1"], "decision": "relevant"},
        {"kind": "comment", "decision": "commented", "comment": ""},
        {"kind": "comment", "decision": "commented", "comment": {"a": 1}},
    ],
    ids=str,
)
def test_a_mark_that_does_not_fit_is_refused_and_leaves_no_trace(study: ReaderStudy, mark: object) -> None:
    token = study.begin("AB")
    film = shown(study, token).case.film
    with pytest.raises(BadQuery):
        study.mark(token, film, mark)
    assert {verdict.kind for verdict in study.store.all()} == {"case"}


@pytest.mark.parametrize("film", ["", "f" * 64, "../../etc/passwd", None])
def test_a_film_outside_the_study_is_refused(study: ReaderStudy, film: Any) -> None:
    token = study.begin("AB")
    with pytest.raises(BadQuery, match="no case of the study"):
        study.mark(token, film, ABSENT)


def test_the_same_initials_twice_are_asked_and_the_first_window_is_told(study: ReaderStudy) -> None:
    first = study.begin("AB")
    film = shown(study, first).case.film
    with pytest.raises(Taken, match="AB reads this study in another window"):
        study.begin("ab")
    second = study.begin("AB", take_over=True)
    with pytest.raises(Superseded, match="goes on in another window"):
        study.mark(first, film, ABSENT)
    with pytest.raises(Superseded):
        study.sheet(first)
    study.mark(second, film, ABSENT)
    study.begin("CD")
    study.leave(second)
    study.begin("AB")


def test_only_named_readers_may_read(define: Callable[..., Definition], study: ReaderStudy) -> None:
    named = again(study, definition=define(readers=["AB"]))
    named.begin("ab")
    with pytest.raises(BadQuery, match="not among the study's readers"):
        named.begin("CD")


def test_a_study_that_changed_under_its_readers_is_refused(
    define: Callable[..., Definition], study: ReaderStudy, films: Path
) -> None:
    study.begin("AB")
    with pytest.raises(LofiError, match="another model"):
        again(study, fingerprint="e" * 64).begin("CD")
    with pytest.raises(LofiError, match="changed since reading began"):
        again(study, definition=define(seed=99)).begin("CD")
    (films / "1.png").unlink()
    with pytest.raises(LofiError, match="changed since reading began"):
        again(study).begin("CD")


def test_a_film_that_cannot_be_read_is_told_and_passed(study: ReaderStudy) -> None:
    study._ask = lambda case: ModelAnswer(failed="The file is damaged.")
    token = study.begin("AB")
    sheet = shown(study, token)
    assert (sheet.answer.failed, sheet.still_open) == ("The file is damaged.", ())
    study.finish(token, sheet.case.film)
    assert shown(study, token).number == 2


def sure(step: int, phrase: str = "mass") -> dict[str, Any]:
    return {"kind": "certainty", "phrase": phrase, "number": step, "decision": "rated"}


def test_certainty_is_asked_of_each_phrase(study: ReaderStudy, define: Callable[..., Definition]) -> None:
    asking = again(study, definition=define(certainty=5))
    token = asking.begin("AB")
    sheet = shown(asking, token)
    for mark in WHOLE:
        asking.mark(token, sheet.case.film, mark)
    assert shown(asking, token).still_open == ("how sure of mass", "how sure of effusion")
    with pytest.raises(BadQuery, match="how sure of mass"):
        asking.finish(token, sheet.case.film)
    for step in (0, 6, 11):
        with pytest.raises(BadQuery, match="steps"):
            asking.mark(token, sheet.case.film, sure(step))
    asking.mark(token, sheet.case.film, sure(2))
    asking.mark(token, sheet.case.film, sure(4))
    marks = asking.mark(token, sheet.case.film, sure(1, "effusion"))
    assert [(mark.phrase, mark.number) for mark in marks.values() if mark.kind == "certainty"] == [
        ("mass", 4),
        ("effusion", 1),
    ]
    asking.finish(token, sheet.case.film)
    rows = list(csv.DictReader(asking.store.export_csv("lungs").splitlines()))
    assert [row["certainty"] for row in rows if row["kind"] == "certainty"] == ["4", "1"]


def test_a_study_that_does_not_ask_takes_no_certainty(study: ReaderStudy) -> None:
    token = study.begin("AB")
    with pytest.raises(BadQuery, match="for none"):
        study.mark(token, shown(study, token).case.film, sure(1))


def test_practice_comes_first_the_same_for_all_and_is_marked(
    study: ReaderStudy, define: Callable[..., Definition]
) -> None:
    practising = again(study, definition=define(training=2))
    orders = []
    for reader in ("AB", "CD", "EF"):
        token = practising.begin(reader)
        orders.append([read_case(practising, token) for _ in range(5)])
    firsts = {tuple(order[:2]) for order in orders}
    assert len(firsts) == 1
    assert len({tuple(order[2:]) for order in orders}) > 1
    practice = frozenset(next(iter(firsts)))
    assert {case.film for case in find_cases(practising.definition) if case.training} == practice
    rows = list(csv.DictReader(practising.store.export_csv("lungs", training=practice).splitlines()))
    assert {row["film"] for row in rows if row["training"] == "yes"} == practice
    with pytest.raises(BadQuery, match="for practice"):
        find_cases(define(training=5))


def test_the_export_tells_how_long_each_case_took(study: ReaderStudy) -> None:
    token = study.begin("AB")
    film = read_case(study, token)
    opened = Verdict(film, "CD", MODEL, "case", Decision.OPENED, study="lungs", time="2026-01-01T10:00:00.000+00:00")
    done = replace(opened, decision=Decision.DONE, time="2026-01-01T10:01:02.500+00:00")
    again_done = replace(done, time="2026-01-02T10:00:00.000+00:00")  # looked at again another day
    study.store.record(opened, done, again_done)
    rows = list(csv.DictReader(study.store.export_csv("lungs").splitlines()))
    took = {row["reader"]: row["seconds"] for row in rows if row["decision"] == "done"}
    assert took["CD"] == "62.5"
    assert 0 <= float(took["AB"]) < 3600
    assert {row["seconds"] for row in rows if row["decision"] != "done"} == {""}


def test_what_was_asked_before_anybody_read_may_still_change(
    study: ReaderStudy, define: Callable[..., Definition]
) -> None:
    asked: list[str] = []

    def counting(case: StudyCase) -> ModelAnswer:
        asked.append(case.film)
        return answer(case)

    study._ask = counting
    assert len(study.prepare()) == 5
    assert len(study.prepare()) == len(asked) == 5  # asked once
    other = again(study, definition=define(phrases=["mass"]))
    shown(other, other.begin("AB"))
    with pytest.raises(LofiError, match="changed since reading began"):
        study.prepare()
