"""Reports and regions of one film become one record; one that comes twice is never trained twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lofi.network.config import Preprocessing
from tests.train.data.sets import (
    DICOM,
    OTHER,
    OTHER_DICOM,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    llava_rad,
    mimic,
    observation,
    reports,
)
from tests.train.data.test_mimic_qba import BOX, SENTENCE, qba
from train.data.joining import joined
from train.data.records import BoxRecord, FilmRecord
from train.data.shards import Shards, write_shards
from train.feeding.generated import generate
from train.pretraining.run import check_boxes
from train.recipes import find_recipe

Run = Any
REWRITTEN = "There is a small left pleural effusion. The heart is normal."
MASS = BoxRecord("mass", "Mass", "finding", "left", (0.5, 0.5, 0.75, 0.75))
TOLD = FilmRecord(
    Path("a.png"), "p", "mimic_cxr", "train", findings=("No Finding",), report="Clear.", sentences=("Clear.",),
    absent=("Mass", "Edema"),
)  # fmt: skip
DRAWN = FilmRecord(Path("./b/../a.png"), "p", "mimic_qba", "train", "PA", findings=("Mass",), boxes=(MASS,))


def test_reports_and_regions_of_a_film_are_joined_by_its_image(convert: Run, tmp_path: Path) -> None:
    told = [llava_rad(SUBJECT, STUDY, DICOM, REWRITTEN), llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Clear lungs.")]
    records, tally = convert(
        "mimic_qba",
        qba(tmp_path / "qba", observation(SENTENCE, [BOX])),
        mimic=mimic(tmp_path / "mimic"),
        reports=reports(tmp_path / "rad", train=told),
    )
    both, alone = records
    assert both["report"] == REWRITTEN
    assert both["sentences"] == ["There is a small left pleural effusion.", "The heart is normal."]
    assert [(box["phrase"], box["box"]) for box in both["boxes"]] == [(SENTENCE, [0.6, 0.5, 1.0, 1.0])]
    assert (both["source"], both["report_kind"]) == ("mimic_qba", "findings, rewritten")
    assert (alone["report"], alone["boxes"], alone["patient_id"]) == ("Clear lungs.", [], f"mimic-{OTHER}")
    assert tally.films == 2


def test_two_records_of_a_film_are_one_with_what_both_say() -> None:
    other = replace(TOLD, path=Path("c.png"))
    assert joined([TOLD, other, DRAWN]) == [
        replace(TOLD, view="PA", findings=("Mass",), boxes=(MASS,), absent=("Edema",)),
        other,
    ]


@pytest.mark.parametrize("changes", [{"split": "test"}, {"patient": "q"}], ids=["split", "patient"])
def test_records_that_contradict_each_other_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="two patients or splits"):
        joined([TOLD, replace(DRAWN, **changes)])  # type: ignore[arg-type]


def test_shards_of_several_folders_are_read_as_one_and_no_film_twice(tmp_path: Path) -> None:
    settings = Preprocessing(side=96)
    places = []
    for number, count in enumerate((5, 7)):
        records = generate(tmp_path / f"films{number}", count, 96, seed=number)
        places.append(tmp_path / f"shards{number}")
        write_shards(records, places[-1], settings, films=2, quiet=True)
    one, two, both = (Shards(place, settings) for place in (places[0], places[1], places))
    assert len(both.records) == len(one.records) + len(two.records) == 4 + 6
    assert both.homes.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    for number in range(len(both.records)):
        own, place = (one, number) if number < 4 else (two, number - 4)
        assert (both.pixels[number] == own.pixels[place]).all()
        assert both.frames[number] == own.frames[place]
    with pytest.raises(ValueError, match="trained twice"):
        Shards([places[0], places[1], places[0]], settings)


def test_a_location_loss_without_a_box_is_refused_in_words() -> None:
    recipe = find_recipe("paper", smoke=True)
    with pytest.raises(ValueError, match="no training film has a box"):
        check_boxes([TOLD], recipe)
    check_boxes([TOLD, DRAWN], recipe)
    check_boxes([TOLD], replace(recipe, location="off"))
    check_boxes([TOLD], replace(recipe, location_weight=0.0))


def test_pretrain_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from train.pretrain import main

    films = generate(tmp_path / "films", 4, 96)
    lines = [json.loads(line) | {"boxes": []} for line in films.read_text().splitlines()]
    films.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(SystemExit):
        main(["paper", "--smoke", "--records", str(films), "--out", str(tmp_path / "run")])
    assert "no training film has a box" in capsys.readouterr().err
