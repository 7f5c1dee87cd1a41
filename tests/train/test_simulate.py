"""The simulator: seeds reproduce, boxes are exact, sides are right, reports say what is there."""

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from lofi.errors import BadQuery
from lofi.gallery import study_from_record
from train.simulate import main, plan, simulate
from train.simulation.beam import Beam
from train.simulation.findings import MAKERS
from train.simulation.study import cast_roles, expose, region_boxes, report_of

SIDE = 160
ADDED = ["Effusion", "Consolidation", "Nodule", "Mass", "Pneumothorax", "Atelectasis"]
"""Findings that add to an unchanged patient (edema widens the vessels, cardiomegaly is the heart itself)."""
SAID = {
    "Effusion": ("effusion",),
    "Consolidation": ("consolidation",),
    "Nodule": ("nodule",),
    "Mass": ("mass",),
    "Pneumothorax": ("pneumothorax",),
    "Atelectasis": ("atelectasis",),
    "Cardiomegaly": ("cardiomegaly", "enlarged"),
    "Edema": ("edema",),
}


def finding_boxes(study):
    return [box for box in study.boxes if box.kind == "finding"]


def test_a_seed_makes_the_same_film_twice_and_another_seed_another():
    first, again, other = simulate(3, side=SIDE), simulate(3, side=SIDE), simulate(4, side=SIDE)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.study == again.study
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_size_range_and_contents(view):
    film = simulate(8, [], view, SIDE)
    assert film.pixels.shape == (SIDE, SIDE)
    assert film.pixels.dtype == np.float32
    assert 0 <= film.pixels.min() < 0.1 < 0.7 < film.pixels.max() <= 1
    assert film.study.simulated
    assert film.study.view == view
    assert film.study.source == "simulated"
    assert 20 <= film.study.age <= 90


def test_no_finding_has_no_finding_boxes():
    study = simulate(9, ["No Finding"], "PA", SIDE).study
    assert study.labels == ("No Finding",)
    assert finding_boxes(study) == []
    assert [box.label for box in study.boxes] == ["Right Lung", "Left Lung", "Heart"]


@lru_cache(maxsize=4)
def bare(seed):
    return expose(seed, [], "PA", SIDE).path


@pytest.mark.parametrize("name", ADDED)
def test_boxes_are_where_the_optical_path_changes(name):
    scene = expose(1, [name], "PA", SIDE)
    change = np.abs(scene.path - bare(1))
    boxes = [box for box in region_boxes(scene) if box.kind == "finding"]
    half = SIDE // 2
    parts = [change] if len(boxes) == 1 else [_only(change, slice(0, half)), _only(change, slice(half, SIDE))]
    for part, region in zip(parts, boxes, strict=True):
        seen = part > 0.2 * part.max()
        columns, rows = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
        expected = np.asarray([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / SIDE
        assert np.abs(expected - region.box).max() <= 1.5 / SIDE


def _only(change, columns):
    part = np.zeros_like(change)
    part[:, columns] = change[:, columns]
    return part


def first_seed(name, words):
    return next(seed for seed in range(200) if words in report(seed, [name]))


def report(seed, names, view="PA"):
    patient, findings = cast_roles(seed, names, view)
    return report_of(seed, findings, patient, view)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_patients_left_is_the_right_of_the_picture(side):
    seed = first_seed("Effusion", f"Large {side} pleural effusion opacifies")
    scene = expose(seed, ["Effusion"], "PA", SIDE)
    boxes = {box.label: box.box for box in region_boxes(scene)}
    x0, y0, x1, y1 = boxes["Effusion"]
    assert (x0 + x1 > 1) == (side == "left")
    assert boxes["Right Lung"][2] < boxes["Left Lung"][0] + 0.02
    rows, columns = slice(int(y0 * SIDE), int((y0 + y1) / 2 * SIDE)), slice(int(x0 * SIDE), int(x1 * SIDE))
    assert scene.path[rows, columns].mean() > bare(seed)[rows, columns].mean() + 0.2


def test_a_large_heart_is_wider_than_half_the_chest_and_its_box_is_the_heart():
    boxes = {box.label: box.box for box in simulate(5, ["Cardiomegaly"], "PA", SIDE).study.boxes}
    assert boxes["Cardiomegaly"] == boxes["Heart"]
    chest = boxes["Left Lung"][2] - boxes["Right Lung"][0]
    assert boxes["Heart"][2] - boxes["Heart"][0] > 0.5 * chest


@pytest.mark.parametrize("view", ["PA", "AP"])
@pytest.mark.parametrize("name", list(MAKERS))
def test_the_report_names_the_finding_and_its_side(name, view):
    for seed in range(12):
        text = report(seed, [name], view).lower()
        findings = cast_roles(seed, [name], view)[1]
        assert any(word in text for word in SAID[name])
        sides = {finding.side for finding in findings} - {""}
        said = {side for side in ("left", "right") if side in text}
        assert said == sides or (len(sides) == 2 and ("bilateral" in text or "both sides" in text))
        for finding in findings:
            assert finding.side in finding.phrase or finding.label == "Edema"
        assert f"no {SAID[name][0]}" not in text


def test_normal_reports_vary_and_findings_bring_pertinent_negatives():
    assert len({report(seed, []) for seed in range(20)}) >= 8
    assert "pneumothorax" in report(2, ["Nodule"]).lower()


def test_ap_magnifies_the_heart():
    def heart_share(view):
        beam = Beam(200, 400.0, 110.0 * (1 if view == "PA" else -1), -1690.0 if view == "PA" else 940.0, 0, 0, 0)
        return 1 / float(beam.shrink(40.0))

    assert heart_share("AP") > heart_share("PA") > 1


@pytest.mark.parametrize("bad", [(["Fracture"], "PA"), (["Mass"], "LATERAL")], ids=["finding", "view"])
def test_what_cannot_be_simulated_is_refused_in_words(bad):
    with pytest.raises(BadQuery, match="PA or AP"):
        simulate(1, bad[0], bad[1], 64)


def test_the_plan_is_balanced():
    orders = plan(72, 7)
    tally = Counter(name for order in orders for name in order.names)
    assert set(tally) == set(MAKERS)
    assert min(tally.values()) >= 6
    assert 8 <= sum(not order.names for order in orders) <= 12
    assert {order.view for order in orders} == {"PA", "AP"}
    assert {order.sex for order in orders} == {"F", "M"}
    assert any(len(order.names) == 2 for order in orders)


def test_the_command_writes_records_that_the_gallery_reads(tmp_path: Path):
    main(["--count", "2", "--seed", "1", "--side", "96", "--out", str(tmp_path / "a")])
    main(["--count", "2", "--seed", "1", "--side", "96", "--out", str(tmp_path / "b")])
    text = (tmp_path / "a" / "records.jsonl").read_text()
    assert text == (tmp_path / "b" / "records.jsonl").read_text()
    for line in text.splitlines():
        study = study_from_record(json.loads(line))
        assert study.simulated
        assert study.report
        assert len(study.boxes) >= 3
        assert cv2.imread(str(tmp_path / "a" / study.image), cv2.IMREAD_UNCHANGED).shape[:2] == (96, 96)
