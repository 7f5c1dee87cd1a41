"""Presentation states: valid, boxes where they were, and the film as LoFi showed it."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lofi.export import NOTE, Case, write
from lofi.film.view import COLOURS
from lofi.results import Grounding
from lofi.study.verdict import Decision
from tests.export import cases
from tests.export.test_structured_report import chest
from tests.film.test_dicom import RAMP, dataset, written


def state(case: Case, identified: bool = False) -> Dataset:
    files = cases.parts(write(case, "gsps", identified))
    (name,) = [name for name in files if name not in ("film.dcm", "README.txt")]
    return cases.parsed(files[name])


def layers(of: Dataset) -> dict[str, Dataset]:
    return {item.GraphicLayer: item for item in of.GraphicAnnotationSequence}


def rectangles(item: Dataset) -> list[list[float]]:
    """x0, y0, x1, y1 in pixels of each closed line."""
    found = []
    for line in item.GraphicObjectSequence:
        points = np.reshape(line.GraphicData, (-1, 2))
        assert (line.GraphicType, line.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
        assert np.array_equal(points[0], points[-1])
        found.append([*points.min(axis=0), *points.max(axis=0)])
    return found


def shown(of: Dataset, stored: NDArray[Any]) -> NDArray[np.float64]:
    """0–1 of stored values through the state, by PS3.3 C.11.2.1.2.1 and C.11.6."""
    item = of.SoftcopyVOILUTSequence[0]
    center, width = float(item.WindowCenter), float(item.WindowWidth)
    if width == 1:
        grey = np.where(stored > center - 0.5, 1.0, 0.0)
    else:
        grey = np.clip((stored - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return 1 - grey if of.PresentationLUTShape == "INVERSE" else grey


def test_boxes_labels_and_colours() -> None:
    made = state(cases.case())
    found = layers(made)
    assert set(found) == {"NOTE", "PHRASE 1"}
    assert rectangles(found["PHRASE 1"]) == [[100, 180, 180, 240], [20, 60, 50, 150]]
    label = found["PHRASE 1"].TextObjectSequence[0]
    assert label.UnformattedTextValue == "left pleural effusion 1 81 %"
    # The second box has two thirds of the first one's score.
    assert found["PHRASE 1"].TextObjectSequence[1].UnformattedTextValue == "left pleural effusion 2 54 %"
    assert label.BoundingBoxTopLeftHandCorner[1] == pytest.approx(180 - 9)
    colours = {
        layer.GraphicLayer: highdicom.color.CIELabColor.from_dicom_value(
            layer.GraphicLayerRecommendedDisplayCIELabValue
        )
        for layer in made.GraphicLayerSequence
        if "GraphicLayerRecommendedDisplayCIELabValue" in layer
    }
    wanted = [int(COLOURS[0][at : at + 2], 16) for at in (1, 3, 5)]
    assert colours["PHRASE 1"].to_rgb() == pytest.approx(wanted, abs=2)


def test_note_says_where_it_comes_from_and_what_is_absent() -> None:
    made = state(cases.case())
    note = layers(made)["NOTE"].TextObjectSequence[0].UnformattedTextValue
    for fact in (NOTE, "lofi-mini", cases.FINGERPRINT[:16], cases.GALLERY.sha256[:12], "2026-03-04T05:06:07Z"):
        assert fact in note
    assert "Not found: pneumothorax." in note
    assert made.DeviceSerialNumber == cases.FINGERPRINT
    assert (made.PresentationCreationDate, made.PresentationCreationTime) == ("20260304", "050607")


def test_rejected_boxes_are_left_out() -> None:
    found = layers(state(cases.reviewed()))
    assert set(found) == {"NOTE", "READER 1"}
    moved, added = rectangles(found["READER 1"])
    assert moved == [0, 0, 50, 75]
    assert added == pytest.approx([140, 30, 160, 60], abs=1e-3)


def test_a_readers_box_bears_initials_and_nothing_that_the_model_said() -> None:
    labels = [item.UnformattedTextValue for item in layers(state(cases.reviewed()))["READER 1"].TextObjectSequence]
    assert labels == ["left pleural effusion 1 drawn by AB", "left pleural effusion 3 drawn by AB"]


def test_what_the_reader_rejected_is_not_said_to_be_not_found() -> None:
    plain = cases.case()
    phrase = plain.groundings[0].phrase
    rejected = [
        cases.verdict(plain, "box", Decision.REJECTED, phrase=phrase, number=number, model_box=box)
        for number, box in enumerate(plain.groundings[0].boxes)
    ]
    note = layers(state(replace(plain, verdicts=tuple(rejected))))["NOTE"].TextObjectSequence[0].UnformattedTextValue
    assert "Rejected by AB: left pleural effusion. Not found: pneumothorax." in note
    missed = cases.verdict(plain, "box", Decision.ADDED, phrase="pneumothorax", number=0, box=(0.1, 0.1, 0.2, 0.2))
    note = layers(state(replace(plain, verdicts=(missed,))))["NOTE"].TextObjectSequence[0].UnformattedTextValue
    assert "Not found by the model: pneumothorax." in note


def test_of_pixels_it_comes_with_its_film(judge: cases.Judge) -> None:
    files = cases.parts(write(cases.case(), "gsps"))
    assert set(files) == {"film.dcm", "overlay.dcm", "README.txt"}
    assert judge(files["overlay.dcm"]) == []
    film, made = cases.parsed(files["film.dcm"]), cases.parsed(files["overlay.dcm"])
    referenced = made.ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == film.SeriesInstanceUID
    assert referenced.ReferencedImageSequence[0].ReferencedSOPInstanceUID == film.SOPInstanceUID
    assert np.abs(shown(made, film.pixel_array) - cases.film().pixels).max() < 1e-4


def test_of_dicom_it_references_the_upload(judge: cases.Judge) -> None:
    plain, filed = (write(cases.of_file(chest()), "gsps", identified) for identified in (False, True))
    assert judge(plain.data) == judge(filed.data) == []
    made = cases.parsed(plain.data)
    assert made.StudyInstanceUID == "1.2"
    assert made.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert not any(value in plain.data for value in (b"INVENTED", b"INV7", b"ACC9"))
    assert cases.parsed(filed.data).PatientID == "INV7"


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"WindowCenter": 1000, "WindowWidth": 1500},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 1000, "WindowWidth": 1500},
        {"PresentationLUTShape": "INVERSE"},
        {"RescaleSlope": -2, "RescaleIntercept": 5000},
        {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 900, "WindowWidth": 800},
    ],
    ids=lambda tags: "-".join(tags) or "plain",
)
@pytest.mark.parametrize("lowest", [0, -700], ids=["unsigned", "signed"])
def test_film_looks_as_it_did(tags: dict[str, Any], lowest: int, judge: cases.Judge) -> None:
    stored = RAMP.astype(np.int32) + lowest
    uids = {"SOPInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    case = cases.of_file(written(dataset(stored.astype(np.int16 if lowest else np.uint16), **uids, **tags)))
    made = state(case)
    # Half a stored step: a window may begin between two stored values.
    steps = abs(np.diff(np.asarray(case.film.ends))[0])
    assert np.abs(shown(made, stored) - case.film.pixels).max() <= 1 / steps + 1e-6
    assert judge(write(case, "gsps").data) == []


def test_colour_film_is_captured_in_grey() -> None:
    colours = np.zeros((48, 40, 3), dtype=np.uint8)
    colours[10:20, 5:9] = 255, 128, 0
    uids = {"SOPInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    case = cases.of_file(written(dataset(colours, bits=8, **uids)))
    assert "film.dcm" in cases.parts(write(case, "gsps"))
    assert "film.dcm" not in cases.parts(write(case, "sr"))


@pytest.mark.parametrize("phrase", cases.HOSTILE.values(), ids=cases.HOSTILE.keys())
def test_hostile_text_gives_a_valid_object(phrase: str, judge: cases.Judge) -> None:
    hostile = cases.case(groundings=(cases.found(phrase), cases.absent(f"{phrase}!")))
    assert judge(cases.parts(write(hostile, "gsps"))["overlay.dcm"]) == []


@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (0.999, 0.999, 1, 1), (0, 0, 0.001, 0.001), (0.5, 0, 0.6, 0.01)], ids=str
)
def test_labels_stay_on_the_film(box: tuple[float, float, float, float], judge: cases.Judge) -> None:
    case = cases.case(groundings=(Grounding("mass", True, 0.5, (box,), (0.5,)),))
    made = state(case)
    label = layers(made)["PHRASE 1"].TextObjectSequence[0]
    (left, top), (right, bottom) = label.BoundingBoxTopLeftHandCorner, label.BoundingBoxBottomRightHandCorner
    assert 0 <= left < right <= 200
    assert 0 <= top < bottom <= 300
    assert judge(cases.parts(write(case, "gsps"))["overlay.dcm"]) == []


def test_nothing_found_is_a_note_alone(judge: cases.Judge) -> None:
    case = cases.case(groundings=())
    assert set(layers(state(case))) == {"NOTE"}
    assert judge(cases.parts(write(case, "gsps"))["overlay.dcm"]) == []


@pytest.mark.parametrize("spacing", [[0.2, 0.1], [0.2, 0.13888888888888889]], ids=["short", "long"])
def test_true_proportions_where_spacing_is_known(spacing: list[float], judge: cases.Judge) -> None:
    # A decimal string has 16 characters at most; some writers do not know.
    text = "\\".join(map(str, spacing)).ljust(24).encode()
    data = chest(ImagerPixelSpacing=[0.125, 0.125]).replace(b"DS\x0c\x000.125\\0.125 ", b"LT\x18\x00" + text)
    case = cases.of_file(data)
    assert case.film.spacing_mm == tuple(spacing)
    area = state(case).DisplayedAreaSelectionSequence[0]
    assert [float(value) for value in area.PresentationPixelSpacing] == pytest.approx(spacing)
    assert judge(write(case, "gsps").data) == []
    assert (area.DisplayedAreaBottomRightHandCorner, area.PresentationSizeMode) == ([40, 48], "SCALE TO FIT")


def test_real_films(shared: Path, judge: cases.Judge) -> None:
    box = (0.123, 0.456, 0.789, 0.987)
    compared = 0
    for path in cases.chest_files(shared):
        data = path.read_bytes()
        case = cases.of_file(data, groundings=(Grounding("mass", True, 0.5, (box,), (0.5,)),))
        files = cases.parts(write(case, "gsps"))
        name = next(name for name in files if name not in ("film.dcm", "README.txt"))
        assert judge(files[name]) == [], path.name
        made = cases.parsed(files[name])
        height, width = case.film.size_hw
        assert rectangles(layers(made)["PHRASE 1"])[0] == pytest.approx(
            [box[0] * width, box[1] * height, box[2] * width, box[3] * height], abs=0.5
        )
        source = pydicom.dcmread(io.BytesIO(data))
        if len(files) == 1 and source.file_meta.TransferSyntaxUID in (
            pydicom.uid.ExplicitVRLittleEndian,
            pydicom.uid.ImplicitVRLittleEndian,
        ):
            # The film as any viewer shows it by this state is the film that LoFi showed.
            assert np.abs(shown(made, source.pixel_array) - case.film.pixels).max() < 0.01, path.name
            compared += 1
    assert compared >= 4
