"""Definition files: what they may say, and what a wrong or hostile one is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery, LofiError
from lofi.gallery import Gallery
from lofi.settings import BUNDLED_GALLERY, Settings
from lofi.study.cases import digest, find_cases, order
from lofi.study.definition import Definition

Define = Callable[..., Definition]


def test_defaults_blind_the_readers(define: Define) -> None:
    made = define()
    assert (made.blind, made.hits, made.limit, made.readers) == (True, 3, None, ())
    assert made.phrases == ("mass", "effusion")


def test_toml_says_the_same(define: Define, films: Path) -> None:
    file = films.parent / "study.toml"
    file.write_text('name = "lungs"\nfolder = "films"\nphrases = ["mass", "effusion"]\nseed = 3\n')
    assert Definition.read(file) == define()


def test_what_is_written_reads_the_same(define: Define, films: Path) -> None:
    made = define(readers=["cd", "AB"], limit=2, blind=False, cases=[{"film": "0.png", "phrases": ["a"]}])
    assert made.readers == ("CD", "AB")
    file = films.parent / "again.json"
    file.write_text(json.dumps(made.to_json()))
    assert Definition.read(file) == made


def test_a_folder_gives_each_film_once_and_nothing_else(define: Define) -> None:
    cases = find_cases(define())
    assert len({case.film for case in cases}) == len(cases) == 5
    assert {case.phrases for case in cases} == {("mass", "effusion")}
    assert not {".hidden.png", "notes.csv"} & {case.path.name for case in cases}


def test_named_cases_have_phrases_of_their_own(define: Define) -> None:
    cases = find_cases(define(cases=[{"film": "more/3.png", "phrases": ["nodule"]}, {"film": "1.png"}]))
    assert {case.path.name: case.phrases for case in cases} == {"3.png": ("nodule",), "1.png": ("mass", "effusion")}


def test_a_gallery_gives_the_studies_of_its_filter() -> None:
    gallery = Gallery.open(BUNDLED_GALLERY)
    made = Definition("sim", where="label=Cardiomegaly", phrases=("cardiomegaly",))
    cases = find_cases(made, gallery)
    assert 0 < len(cases) < len(gallery.studies)
    assert all(case.own is not None and "Cardiomegaly" in case.own.labels for case in cases)


def test_a_limit_draws_by_the_seed(define: Define) -> None:
    drawn = {seed: {case.film for case in find_cases(define(limit=2, seed=seed))} for seed in range(12)}
    assert {len(films) for films in drawn.values()} == {2}
    assert len(set(map(frozenset, drawn.values()))) > 1
    assert drawn[3] == {case.film for case in find_cases(define(limit=2, seed=3))}


def test_each_reader_has_an_order_of_their_own_for_ever() -> None:
    """The orders are written down here: a study that is resumed after an update must not be shuffled again."""
    assert order("abcdef", 7, "AB") == ("d", "a", "c", "e", "f", "b")
    assert order("abcdef", 7, "CD") != order("abcdef", 7, "AB")
    assert order("fedcba", 7, "AB") == order("abcdef", 7, "AB")
    assert order("abcdef", 8, "AB") != order("abcdef", 7, "AB")


@pytest.mark.parametrize("values", [{"seed": 4}, {"phrases": ["mass"]}, {"limit": 4}, {"blind": False}], ids=str)
def test_the_digest_tells_studies_apart(define: Define, values: dict[str, Any]) -> None:
    first, second = define(), define(**values)
    assert digest(first, find_cases(first)) != digest(second, find_cases(second))
    assert digest(first, find_cases(first)) == digest(define(readers=["AB"]), find_cases(first))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "../../etc"}, "name of 1 to 64"),
        ({"name": None}, "name of 1 to 64"),
        ({"phrases": []}, "needs phrases"),
        ({"phrases": "mass"}, "list of texts"),
        ({"phrases": ["x"] * 2 + [f"p{n}" for n in range(30)]}, "At most 24"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"hits": 99}, "hits must be a whole number"),
        ({"blind": "yes"}, "true or false"),
        ({"readers": ["A B"]}, "initials"),
        ({"readers": "AB"}, "readers must be a list"),
        ({"folder": 5}, "folder must be text"),
        ({"folder": "\x00"}, "folder must be text"),
        ({"where": "view=PA"}, "not from both"),
        ({"folder": None, "where": "colour=blue"}, "filter"),
        ({"cases": [{"study": "s1"}]}, "Case 1"),
        ({"cases": ["0.png"]}, "Case 1"),
        ({"surname": "secret"}, "1 field"),
    ],
    ids=str,
)
def test_a_wrong_file_is_told(define: Define, values: dict[str, Any], told: str) -> None:
    with pytest.raises(LofiError, match=told) as error:
        define(**values)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"\xff\xfe\x00", b"[" * 100_000, b""], ids=["cut", "list", "bytes", "nested", "empty"]
)
def test_a_file_that_is_no_definition_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(LofiError, match="study file"):
        Definition.read(tmp_path / "s.json")


@pytest.mark.parametrize("path", ["../outside.png", "more/../../outside.png", "ABSOLUTE", "link.png", "missing.png"])
def test_a_film_outside_the_folder_is_refused(define: Define, films: Path, path: str) -> None:
    outside = films.parent / "outside.png"
    outside.write_bytes((films / "0.png").read_bytes())
    (films / "link.png").symlink_to(outside)
    with pytest.raises(LofiError, match="case 2 is missing or lies outside") as told:
        find_cases(define(cases=[{"film": "0.png"}, {"film": str(outside) if path == "ABSOLUTE" else path}]))
    assert "outside.png" not in str(told.value)


def test_a_link_out_of_the_folder_is_refused(define: Define, films: Path) -> None:
    (films.parent / "outside.png").write_bytes((films / "0.png").read_bytes())
    (films / "link.png").symlink_to(films.parent / "outside.png")
    with pytest.raises(LofiError, match="leads out of it"):
        find_cases(define())


@pytest.mark.parametrize("folder", ["nowhere", "films/0.png", "films/more/empty"])
def test_a_folder_without_films_is_told(define: Define, films: Path, folder: str) -> None:
    (films / "more" / "empty").mkdir()
    with pytest.raises(LofiError, match="folder"):
        find_cases(define(folder=folder))


def test_strata_draw_so_many_of_each_label(settings: Settings) -> None:
    gallery = Gallery.open(settings.gallery)
    values = {"name": "s", "phrases": ["mass"], "strata": {"cardiomegaly": 3, "No Finding": 2}}
    cases = find_cases(Definition.of(values, Path()), gallery)
    labels = ["Cardiomegaly" in case.own.labels for case in cases if case.own is not None]
    assert (len(cases), sum(labels)) == (5, 3)
    assert cases == find_cases(Definition.of(values, Path()), gallery)
    assert cases != find_cases(Definition.of({**values, "seed": 1}, Path()), gallery)
    with pytest.raises(BadQuery, match="asked for"):
        find_cases(Definition.of({**values, "strata": {"Cardiomegaly": 4_000}}, Path()), gallery)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"strata": []}, "strata must be"),
        ({"strata": {"Mass": 0}}, "must be a whole number"),
        ({"strata": {"Mass": 1}, "limit": 3}, "leave out"),
        ({"strata": {"Mass": 1}, "folder": "x"}, "leave out"),
        ({"certainty": 1}, "2 to 10"),
        ({"certainty": 11}, "0 to 10"),
        ({"training": -1}, "training must be"),
        ({"title": 3}, "title must be text"),
        ({"boxes_first": 1}, "true or false"),
    ],
)
def test_options_that_cannot_be(values: dict[str, object], told: str) -> None:
    with pytest.raises(BadQuery, match=told):
        Definition.of({"name": "s", "phrases": ["mass"], **values}, Path())


def test_readers_see_the_title_where_there_is_one() -> None:
    values = {"name": "s", "phrases": ["mass"]}
    assert Definition.of(values, Path()).shown == "s"
    assert Definition.of({**values, "title": "Masses,\u202e twice"}, Path()).shown == "Masses, twice"
