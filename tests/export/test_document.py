"""JSON: what the schema says, with the numbers that went in."""

import json
from dataclasses import replace
from importlib import resources
from typing import Any

import jsonschema
import pytest

from lofi.errors import BadQuery
from lofi.export import KINDS, NOTE, Case, write
from lofi.film.radiograph import Radiograph
from lofi.results import Grounding
from lofi.study.verdict import Decision
from tests.export import cases

SCHEMA = json.loads((resources.files("lofi.export") / "case.schema.json").read_text("utf-8"))


def document(case: Case) -> dict[str, Any]:
    """The JSON of a case, which fits the schema."""
    values: dict[str, Any] = json.loads(write(case, "json").data.decode())
    jsonschema.Draft202012Validator(SCHEMA).validate(values)
    return values


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document(cases.case()), "note": "For diagnosis."}, SCHEMA)


def test_everything_is_in_it() -> None:
    values = document(cases.case())
    assert values["note"] == NOTE
    assert values["made_at"] == "2026-03-04T05:06:07Z"
    assert values["model"] == {"name": "lofi-mini", "checkpoint_sha256": cases.FINGERPRINT}
    assert values["gallery"] == {"name": "simulated", "sha256": cases.GALLERY.sha256, "studies": 72}
    assert values["film"]["size"] == {"height": 300, "width": 200}
    found, absent = values["findings"]
    assert found["boxes"][0] == {
        "number": 1, "box": [0.5, 0.6, 0.9, 0.8], "box_pixels": [100, 180, 180, 240],
        "model_box": [0.5, 0.6, 0.9, 0.8], "score": 0.75, "verdict": "", "drawn_by": "model",
    }  # fmt: skip
    assert (absent["phrase"], absent["found"], absent["boxes"]) == ("pneumothorax", False, [])
    assert [hit["similarity"] for hit in values["hits"]] == [0.9876, -0.25]
    assert values["report_draft"][0]["sentence"] == "Left pleural effusion."


def test_review() -> None:
    values = document(cases.reviewed())
    moved, rejected, added = values["findings"][0]["boxes"]
    assert (moved["box"], moved["model_box"]) == ([0, 0, 0.25, 0.25], [0.5, 0.6, 0.9, 0.8])
    assert (rejected["box"], rejected["model_box"]) == (None, [0.1, 0.2, 0.25, 0.5])
    assert (added["box"], added["model_box"], added["score"]) == ([0.7, 0.1, 0.8, 0.2], None, None)
    assert [box["number"] for box in (moved, rejected, added)] == [1, 2, 3]
    assert [box["drawn_by"] for box in (moved, rejected, added)] == ["AB", "model", "AB"]
    assert [hit["verdict"] for hit in values["hits"]] == ["", "not relevant"]
    assert (values["reader"], values["comment"]) == ("AB", "Small, old.")


def test_reader_may_say_absent_or_take_a_word_back() -> None:
    plain = cases.case()
    phrase = plain.groundings[0].phrase
    absent = cases.verdict(plain, "phrase", Decision.ABSENT, phrase=phrase)
    finding = document(replace(plain, verdicts=(absent,)))["findings"][0]
    assert finding["absent_for_reader"]
    assert [(box["box"], box["verdict"]) for box in finding["boxes"]] == [(None, "rejected")] * 2
    withdrawn = cases.verdict(plain, "box", Decision.WITHDRAWN, phrase=phrase, number=0)
    assert document(replace(plain, verdicts=(withdrawn,)))["findings"] == document(plain)["findings"]


def test_a_word_said_of_another_box_is_not_said_of_this_one() -> None:
    """The phrase was asked again, inside a drawn box, and box 1 is another one now."""
    plain = cases.case()
    phrase, elsewhere = plain.groundings[0].phrase, (0.0, 0.0, 0.1, 0.1)
    said = [
        cases.verdict(plain, "box", Decision.REJECTED, phrase=phrase, number=0, model_box=elsewhere),
        cases.verdict(plain, "box", Decision.ADDED, phrase=phrase, number=1, box=(0.7, 0.1, 0.8, 0.2)),
    ]
    first, second, added = document(replace(plain, verdicts=tuple(said)))["findings"][0]["boxes"]
    assert [(box["drawn_by"], box["verdict"]) for box in (first, second)] == [("model", "")] * 2
    assert (added["number"], added["drawn_by"], added["box"]) == (3, "AB", [0.7, 0.1, 0.8, 0.2])


def test_hits_alone() -> None:
    values = json.loads(write(cases.case(), "hits-json").data)
    assert values["hits"] == document(cases.case())["hits"]
    assert values["model"]["checkpoint_sha256"] == cases.FINGERPRINT
    assert "findings" not in values


def test_without_gallery_or_report() -> None:
    values = document(cases.case(gallery=None, hits=None, report=None, groundings=()))
    assert (values["gallery"], values["hits"], values["report_draft"], values["findings"]) == (None, None, None, [])


@pytest.mark.parametrize("phrase", cases.HOSTILE.values(), ids=cases.HOSTILE.keys())
def test_hostile_text_is_valid_json(phrase: str) -> None:
    values = document(cases.case(groundings=(cases.found(phrase),), hits=(cases.hit(report=phrase, labels=(phrase,)),)))
    shown = values["findings"][0]["phrase"] + values["hits"][0]["report"]
    assert not set(shown) & set("\x00\x07\x1b\u202e\u202c\u2067\u2069\u200f\ufeff\ufffe")
    assert len(values["findings"][0]["phrase"]) <= 1000


def test_not_a_number_is_refused_rather_than_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(cases.case(groundings=(Grounding("mass", False, float("nan")),)), "json")


@pytest.mark.parametrize("kind", KINDS)
def test_names_hold_nothing_of_the_film_but_its_hash(kind: str) -> None:
    written = write(cases.case(), kind)
    assert written.name.startswith(f"lofi-{cases.film().sha256[:8]}-")
    assert written.name.isascii()
    assert "/" in written.media_type


def test_refusals() -> None:
    plain = cases.case()
    said = cases.verdict(plain, "comment", Decision.COMMENTED, comment="Seen.")
    with pytest.raises(BadQuery, match="another film"):
        replace(plain, verdicts=(replace(said, film="0" * 64),))
    with pytest.raises(BadQuery, match="one reader"):
        replace(plain, verdicts=(said, replace(said, reader="CD")))
    with pytest.raises(BadQuery, match="one of: json"):
        write(plain, "../json")
    with pytest.raises(BadQuery, match="At most"):
        replace(plain, groundings=(cases.absent(),) * 201)


def test_case_of_an_engine(engine: Any, film_file: Any) -> None:
    film = Radiograph.read(film_file)
    case = Case.of(engine, film, groundings=engine.ground(film, ["mass"]), hits=engine.search(film, 2))
    values = document(case)
    assert values["model"] == {"name": engine.model.name, "checkpoint_sha256": engine.model.fingerprint}
    assert values["gallery"]["studies"] == len(engine.gallery)
    assert len(values["gallery"]["sha256"]) == 64
    assert len(values["hits"]) == 2


def test_every_export_tells_a_guess_from_a_finding() -> None:
    guess = replace(cases.found("L oedema"), found=False, asked="left edema", state="never learnt", note="Never shown.")
    case = cases.case(groundings=(guess,))
    (finding,) = document(case)["findings"]
    assert (finding["phrase"], finding["asked"], finding["state"]) == ("L oedema", "left edema", "never learnt")
    assert (finding["found"], finding["note"], len(finding["boxes"])) == (False, "Never shown.", len(guess.boxes))
    assert b"L oedema,left edema,never learnt,no," in write(case, "csv").data
