"""Structured reports: valid for an independent judge, read back by highdicom with every box where it was."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import highdicom
import numpy as np
import pytest
from highdicom.sr import ComprehensiveSR, PlanarROIMeasurementsAndQualitativeEvaluations, srread
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from lofi.errors import BadQuery
from lofi.export import NOTE, Case, write
from lofi.film.radiograph import Radiograph
from lofi.results import Grounding
from lofi.study.verdict import Decision
from tests.export import cases
from tests.film.test_dicom import RAMP, dataset, written

SOURCE = {
    "SOPInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2",
    "PatientName": "INVENTED^PERSON", "PatientID": "INV7", "StudyDate": "20260102", "StudyTime": "030405",
    "AccessionNumber": "ACC9", "PatientBirthDate": "19500228", "PatientSex": "F", "StudyID": "ST1",
}  # fmt: skip


def report(case: Case, identified: bool = False) -> ComprehensiveSR:
    files = cases.parts(write(case, "sr", identified))
    (name,) = [name for name in files if name not in ("film.dcm", "README.txt")]
    return srread(io.BytesIO(files[name]))


def regions(of: ComprehensiveSR) -> list[PlanarROIMeasurementsAndQualitativeEvaluations]:
    return list(of.content.get_planar_roi_measurement_groups())


def rectangle(of: PlanarROIMeasurementsAndQualitativeEvaluations) -> list[float]:
    """x0, y0, x1, y1 in pixels of the source image."""
    points = of.roi.value
    assert of.roi.graphic_type.value == "POLYLINE"
    assert np.array_equal(points[0], points[-1])
    return [*points.min(axis=0), *points.max(axis=0)]


def everything(of: ComprehensiveSR) -> str:
    return str(json.dumps(of.to_json_dict(), ensure_ascii=False))


def chest(**tags: Any) -> bytes:
    given = {**SOURCE, **tags}
    return written(dataset(RAMP, **{keyword: value for keyword, value in given.items() if value is not None}))


class TestOfPixels:
    """Of a PNG or the like, which no report can reference."""

    def test_film_lies_beside_as_a_secondary_capture(self, judge: cases.Judge) -> None:
        case = cases.case()
        exported = write(case, "sr")
        assert (exported.media_type, exported.name[-4:]) == ("application/zip", ".zip")
        files = cases.parts(exported)
        assert set(files) == {"film.dcm", "findings.dcm", "README.txt"}
        film = cases.parsed(files["film.dcm"])
        made = cases.parsed(files["findings.dcm"])
        referenced = made.CurrentRequestedProcedureEvidenceSequence[0]
        assert film.SOPClassUID == SecondaryCaptureImageStorage
        assert made.StudyInstanceUID == film.StudyInstanceUID == referenced.StudyInstanceUID
        series = referenced.ReferencedSeriesSequence[0]
        assert series.SeriesInstanceUID == film.SeriesInstanceUID
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == film.SOPInstanceUID
        assert judge(files["film.dcm"]) == judge(files["findings.dcm"]) == []
        assert NOTE in files["README.txt"].decode()

    @pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
    def test_capture_reads_as_the_same_film(self, dtype: type, bits: int) -> None:
        pixels = (np.random.default_rng(0).random((51, 41)) * (2**bits - 1)).astype(dtype)
        pixels[0, :2] = 0, 2**bits - 1
        film = Radiograph.from_pixels(pixels)
        capture = cases.parts(write(cases.case(film=film), "sr"))["film.dcm"]
        again = Radiograph.read(capture)
        assert again.bits == bits
        assert np.abs(again.pixels - film.pixels).max() < 1e-6

    def test_capture_is_the_same_each_time(self) -> None:
        first, second = (cases.parts(write(cases.case(), kind))["film.dcm"] for kind in ("sr", "gsps"))
        assert first == second
        another = cases.parts(write(cases.case(film=cases.film((200, 300))), "sr"))["film.dcm"]
        assert cases.parsed(another).SOPInstanceUID != cases.parsed(first).SOPInstanceUID

    def test_turned_jpeg_is_captured_as_it_is_shown(self) -> None:
        tall = (255 * cases.film((90, 60)).pixels).astype(np.uint8)
        _, jpeg = cv2.imencode(".jpg", tall)
        # EXIF orientation 6: the rows of the file are the columns of the picture.
        tag = bytes.fromhex("0112 0003 00000001 0006 0000")
        exif = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01" + tag + bytes(4)
        film = Radiograph.read(jpeg.tobytes()[:2] + exif + jpeg.tobytes()[2:])
        capture = cases.parsed(cases.parts(write(cases.case(film=film), "sr"))["film.dcm"])
        assert film.size_hw == (60, 90) == (capture.Rows, capture.Columns)
        assert np.abs(capture.pixel_array / 255 - film.pixels).max() < 0.003


class TestContent:
    def test_boxes_are_pixels_of_the_source(self) -> None:
        first, second = regions(report(cases.case()))
        assert rectangle(first) == [100, 180, 180, 240]
        assert rectangle(second) == [20, 60, 50, 150]

    def test_box_beyond_the_film_is_held_at_its_edge(self) -> None:
        wide = Grounding("mass", True, 0.5, ((0.0, 0.0, 1.0 + 1e-9, 1.0),), (0.5,))
        assert rectangle(regions(report(cases.case(groundings=(wide,))))[0]) == [0, 0, 200, 300]

    def test_codes_and_figures(self) -> None:
        first, second = regions(report(cases.case()))
        assert (first.finding_type.value, first.finding_type.scheme_designator) == ("60046008", "SCT")
        assert first.tracking_identifier == "left pleural effusion 1"
        assert first.tracking_uid != second.tracking_uid
        site = first.finding_sites[0]
        assert (site.topographical_modifier, site.laterality.meaning) == (None, "Left")
        figures = {m.name.value: (m.value, m.unit.value) for m in second.get_measurements()}
        # Two thirds of the best box's score: two thirds of the phrase's 81.25 %, as on the page.
        assert figures == {"111012": (54.17, "%"), "box-score": (0.5, "1")}

    def test_what_is_not_there_is_said_to_be_absent(self) -> None:
        (absent,) = report(cases.case()).content.get_image_measurement_groups()
        assert absent.finding_type.meaning == "Pneumothorax"
        assert [q.value.meaning for q in absent.get_qualitative_evaluations()] == ["Absent"]
        assert [(m.name.value, m.value) for m in absent.get_measurements()] == [("confidence", 4.0)]

    def test_a_guess_is_not_said_to_be_present_nor_what_was_not_looked_for_absent(self) -> None:
        guess = replace(cases.found("L oedema"), found=False, asked="left edema", state="never learnt")
        denied = replace(cases.absent("no mass"), asked="no mass", state="denied")
        content = report(cases.case(groundings=(guess, denied))).content
        groups = [*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups()]
        said = [[q.value.meaning for q in group.get_qualitative_evaluations()] for group in groups]
        assert said == [["Undetermined", "Never learnt"]] * len(guess.boxes) + [["Undetermined", "Denied"]]
        assert groups[0].finding_type.meaning == "Pulmonary edema"

    def test_review(self) -> None:
        made = report(cases.reviewed())
        moved, added = regions(made)
        assert rectangle(moved) == [0, 0, 50, 75]
        assert rectangle(added) == pytest.approx([140, 30, 160, 60], abs=1e-3)
        words = [[q.value.value for q in region.get_qualitative_evaluations()] for region in (moved, added)]
        assert words == [["52101004", "moved", "121006"], ["52101004", "added", "121006"]]
        for region in (moved, added):
            assert region.get_measurements() == []
            (observer,) = [item for item in region[0].ContentSequence if item.ValueType == "PNAME"]
            assert (observer.PersonName, observer.RelationshipType) == ("AB^", "HAS OBS CONTEXT")
            assert "LoFi lofi-mini" not in str(region)
        # What the model answered stands by itself, with the reader's word on its boxes and the algorithm's name.
        answer, _ = made.content.get_image_measurement_groups()
        assert [q.value.value for q in answer.get_qualitative_evaluations()] == ["52101004", "moved", "rejected"]
        assert "LoFi lofi-mini" in str(answer)
        assert "Comment by AB: Small, old." in everything(made)

    def test_absent_for_the_reader_is_the_readers_word(self, judge: cases.Judge) -> None:
        plain = cases.case()
        said = cases.verdict(plain, "phrase", Decision.ABSENT, phrase=plain.groundings[0].phrase)
        exported = write(replace(plain, verdicts=(said,)), "sr")
        assert judge(cases.parts(exported)["findings.dcm"]) == []
        made = report(replace(plain, verdicts=(said,)))
        model, reader, _ = made.content.get_image_measurement_groups()
        assert next(q.value.meaning for q in model.get_qualitative_evaluations()) == "Present"
        assert next(q.value.meaning for q in reader.get_qualitative_evaluations()) == "Absent"
        assert "LoFi lofi-mini" not in str(reader)

    def test_where_it_comes_from(self) -> None:
        made = report(cases.case())
        text = everything(made)
        for fact in (NOTE, "lofi-mini", cases.FINGERPRINT, cases.GALLERY.sha256, "2026-03-04T05:06:07Z"):
            assert fact in text
        assert made.ManufacturerModelName == "lofi-mini"
        assert (made.ContentDate, made.ContentTime, made.TimezoneOffsetFromUTC) == ("20260304", "050607", "+0000")
        assert (made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag) == (
            "PARTIAL", "UNVERIFIED", "PRELIMINARY",
        )  # fmt: skip
        assert made.SOPClassUID == ComprehensiveSRStorage
        assert made.ContentTemplateSequence[0].TemplateIdentifier == "1500"
        assert "Draft by the model, not reviewed: Left pleural effusion." in text

    @pytest.mark.parametrize("phrase", cases.HOSTILE.values(), ids=cases.HOSTILE.keys())
    def test_hostile_text_gives_a_valid_object(self, phrase: str, judge: cases.Judge) -> None:
        hostile = cases.case(groundings=(cases.found(phrase), cases.absent(f"{phrase}!")), model=phrase[:40] or "x")
        files = cases.parts(write(hostile, "sr"))
        assert judge(files["findings.dcm"]) == []
        assert len(regions(report(hostile))) == 2
        assert not set(everything(report(hostile))) & set("\x00\x07\x1b\u202e\u2067\ufffe")

    def test_nothing_asked_is_refused(self) -> None:
        with pytest.raises(BadQuery, match="ask for a phrase"):
            write(cases.case(groundings=()), "sr")


class TestOfDicom:
    def test_it_references_the_upload_and_names_nobody(self, judge: cases.Judge) -> None:
        exported = write(cases.of_file(chest()), "sr")
        assert exported.media_type == "application/dicom"
        assert judge(exported.data) == []
        made = cases.parsed(exported.data)
        assert made.StudyInstanceUID == "1.2"
        series = made.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        assert series.SeriesInstanceUID == "1.2.3"
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
        region = regions(srread(io.BytesIO(exported.data)))[0]
        assert region.reference_type.meaning == "Image Region"
        for value in ("INVENTED", "INV7", "ACC9", "19500228", "20260102", "ST1"):
            assert value.encode() not in exported.data
        assert made.PatientIdentityRemoved == "YES"

    def test_it_carries_the_patient_where_that_is_asked_for(self, judge: cases.Judge) -> None:
        exported = write(cases.of_file(chest()), "sr", identified=True)
        assert judge(exported.data) == []
        made = cases.parsed(exported.data)
        for keyword, value in SOURCE.items():
            if keyword not in ("SOPInstanceUID", "SeriesInstanceUID"):
                assert made[keyword].value == value, keyword
        assert "PatientIdentityRemoved" not in made
        assert "TimezoneOffsetFromUTC" not in made

    def test_names_beyond_latin_survive(self, judge: cases.Judge) -> None:
        data = chest(SpecificCharacterSet="ISO_IR 192", PatientName="Wang^小东=王^小东")
        exported = write(cases.of_file(data), "sr", identified=True)
        assert judge(exported.data) == []
        assert cases.parsed(exported.data).PatientName == "Wang^小东=王^小东"

    @pytest.mark.parametrize(
        ("character_set", "name", "words"),
        [("ISO_IR 192", b"M\xfcller__", "name"), ("ISO 2022 IR 6\\ISO 2022 IR 149", b"\x1b$)C\xb1\xb1\xb1_", "name")],
    )
    def test_a_name_that_cannot_be_decoded_stops_the_identified_export(
        self, character_set: str, name: bytes, words: str
    ) -> None:
        # It was once filed under a wrong name, or under none.
        data = chest(SpecificCharacterSet=character_set.split("\\"), PatientName="REPLACED").replace(b"REPLACED", name)
        assert write(cases.of_file(data), "sr").data
        with pytest.raises(BadQuery, match=rf"\({words}\): export it without the patient"):
            write(cases.of_file(data), "sr", identified=True)

    @pytest.mark.parametrize("tags", [{"PatientID": ""}, {"StudyInstanceUID": None}], ids=["no-id", "no-study"])
    def test_without_a_patient_there_is_none_to_file_by(self, tags: dict[str, Any]) -> None:
        with pytest.raises(BadQuery, match="names no patient") as refusal:
            write(cases.of_file(chest(**tags)), "sr", identified=True)
        assert "INVENTED" not in str(refusal.value)

    @pytest.mark.parametrize("kind", ["json", "csv", "png", "hits-json", "hits-csv"])
    def test_other_exports_never_hold_an_identifier(self, kind: str) -> None:
        case = cases.of_file(chest())
        data = write(case, kind).data
        assert not any(value.encode() in data for value in ("INVENTED", "INV7", "ACC9", "1.2.3.4"))
        with pytest.raises(BadQuery, match="Only the DICOM exports"):
            write(case, kind, identified=True)

    def test_file_without_usable_uids_is_captured(self) -> None:
        assert "film.dcm" in cases.parts(write(cases.of_file(chest(SeriesInstanceUID=None)), "sr"))

    def test_origin_of_another_film_is_refused(self) -> None:
        case = cases.of_file(chest())
        with pytest.raises(BadQuery, match="Another film's file"):
            replace(case, film=cases.film())
        assert "INV7" not in repr(case)

    def test_turned_film_keeps_its_own_pixels(self) -> None:
        # Stored in 40 rows and 48 columns, shown in 48 and 40: its left edge was below, its lower edge on the right.
        turned = written(dataset(np.rot90(RAMP).copy(), PatientOrientation=["F", "R"], **SOURCE))
        case = cases.of_file(turned)
        assert np.array_equal(case.film.pixels, Radiograph.read(written(dataset(RAMP))).pixels)
        # (0.5, 0.6, 0.9, 0.8) of the film as shown: on the stored one (0.6, 1 − 0.9, 0.8, 1 − 0.5).
        first = regions(report(case))[0]
        assert rectangle(first) == pytest.approx([28.8, 4, 38.4, 20], abs=1e-3)

    def test_real_films(self, shared: Path, judge: cases.Judge) -> None:
        box = (0.123, 0.456, 0.789, 0.987)
        seen = set()
        for path in cases.chest_files(shared):
            data = path.read_bytes()
            case = cases.of_file(data, groundings=(Grounding("mass", True, 0.5, (box,), (0.5,)),))
            files = cases.parts(write(case, "sr"))
            assert [judge(part) for name, part in files.items() if name.endswith(".dcm")] == [[]] * (
                len(files) - (len(files) > 1)
            ), path.name
            made = report(case)
            height, width = case.film.size_hw
            assert rectangle(regions(made)[0]) == pytest.approx(
                [box[0] * width, box[1] * height, box[2] * width, box[3] * height], abs=0.5
            )
            source = cases.parsed(data)
            seen.add((source.PhotometricInterpretation, source.BitsStored, len(files) == 1))
            if len(files) == 1:
                assert made.StudyInstanceUID == source.StudyInstanceUID
                assert made.PatientID == ""
        assert {("MONOCHROME1", 15, True), ("MONOCHROME2", 8, True)} <= seen


def test_pinned_library_is_the_one_in_use() -> None:
    requirements = (Path(__file__).parents[2] / "requirements.txt").read_text()
    assert f"highdicom=={highdicom.__version__}\n" in requirements
