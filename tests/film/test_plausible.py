"""What pixels and tags say together: pixels are always asked, tags only add, and only both together refuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lofi.errors import NotAChestFilm
from lofi.film import dicom
from lofi.film.elements import read_elements
from lofi.film.exposure import Doubt, Exposure
from lofi.film.flags import BLANK, NEARLY_BLANK, NOISE, NOT_FRONTAL, SAID_LATERAL
from lofi.film.plausible import judged
from lofi.film.radiograph import Radiograph
from lofi.film.vocabulary import CHEST, part_of, view_of
from tests.film.test_dicom import RAMP, dataset, written


@pytest.fixture(scope="module")
def chest(film_file: Path) -> np.ndarray:
    """(H, W) uint16 of a film that passes by its pixels, simulated and bundled with the project."""
    grey = cv2.imread(str(film_file), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA).astype(np.uint16) * 16


def read(pixels: np.ndarray, **tags: Any) -> Radiograph:
    return Radiograph.read(written(dataset(pixels, **tags)))


SIDE = 200
PICTURES = {
    "black": (np.zeros((SIDE, SIDE), np.uint16), BLANK),
    "white": (np.full((SIDE, SIDE), 4095, np.uint16), BLANK),
    "one-bright-pixel": (np.pad(np.full((1, 1), 4095, np.uint16), SIDE // 2), NEARLY_BLANK),
    "noise": (np.random.default_rng(4).integers(0, 4096, (SIDE, SIDE)).astype(np.uint16), NOISE),
    "ramp": (RAMP, NOT_FRONTAL),
}


class TestPixels:
    @pytest.mark.parametrize("tags", [{}, {"BodyPartExamined": "", "ViewPosition": ""}], ids=["chest-pa", "untold"])
    @pytest.mark.parametrize(("pixels", "flag"), PICTURES.values(), ids=PICTURES.keys())
    def test_no_tag_switches_the_check_off(self, pixels: np.ndarray, flag: str, tags: dict[str, Any]) -> None:
        assert read(pixels, **tags).flags == (flag,)

    def test_a_film_passes_with_and_without_tags(self, chest: np.ndarray) -> None:
        assert read(chest).flags == read(chest, BodyPartExamined="", ViewPosition="").flags == ()

    @pytest.mark.parametrize("level", [0, 255])
    def test_blank_png(self, level: int) -> None:
        data = bytes(cv2.imencode(".png", np.full((64, 64), level, np.uint8))[1])
        assert Radiograph.read(data).flags == (BLANK,)


WORDS = {
    "TÓRAX": "latin-1", "CXR": "ascii", "PULMON": "ascii", "PULMÃO": "utf-8", "POUMON": "ascii", "TORAKS": "ascii",
    "GÖĞÜS": "iso8859-9", "ГРУДНАЯ КЛЕТКА": "cp1251", "ЛЁГКИЕ": "utf-8", "ОГК": "iso8859-5", "胸部": "gb18030",
    "胸": "shift_jis", "흉부": "euc_kr", "KLATKA PIERSIOWA": "ascii", "HRUDNÍK": "iso8859-2", "ΘΩΡΑΚΑΣ": "iso8859-7",
    "CHEST PORT": "ascii", "RIBS": "ascii", "chest": "ascii",
}  # fmt: skip


class TestBodyPart:
    @pytest.mark.parametrize(("word", "codec"), WORDS.items(), ids=WORDS.keys())
    def test_a_chest_in_many_languages(self, word: str, codec: str, chest: np.ndarray) -> None:
        raw = word.encode(codec)
        data = written(dataset(chest, BodyPartExamined="X" * (len(raw) + len(raw) % 2)))
        film = Radiograph.read(data.replace(b"X" * (len(raw) + len(raw) % 2), raw.ljust(len(raw) + len(raw) % 2)))
        assert film.flags == ()
        assert film.tags["BodyPartExamined"] in CHEST

    @pytest.mark.parametrize("word", ["PORTABLE", "GENERAL", "BABYGRAM", "WHOLE BODY", "INVENTED", "SENO", ""])
    def test_a_word_that_says_nothing_known_leaves_it_to_the_pixels(self, word: str, chest: np.ndarray) -> None:
        film = read(chest, BodyPartExamined=word)
        assert (film.flags, "BodyPartExamined" in film.tags) == ((), False)
        assert read(RAMP, BodyPartExamined=word).flags == (NOT_FRONTAL,)

    @pytest.mark.parametrize(("word", "named"), [("ABDOMEN", "ABDOMEN"), ("T SPINE", "TSPINE"), ("LEFT HAND", "HAND")])
    def test_a_wrong_preset_is_told_and_refused_where_the_pixels_agree(
        self, word: str, named: str, chest: np.ndarray
    ) -> None:
        (flag,) = read(chest, BodyPartExamined=word).flags
        assert f"({named})" in flag
        with pytest.raises(NotAChestFilm, match=rf"another body part \({named}\)"):
            read(RAMP, BodyPartExamined=word)

    def test_of_a_chest_and_more_the_chest_counts(self) -> None:
        assert part_of(b"CHEST ABDOMEN") == "CHEST"
        assert part_of(b"THORAX AND PELVIS") == "THORAX"

    def test_coded_region_counts_where_the_word_says_nothing(self, chest: np.ndarray) -> None:
        item = Dataset()
        item.CodeMeaning = "Knee"
        with pytest.raises(NotAChestFilm, match="KNEE"):
            read(RAMP, BodyPartExamined="GENERAL", AnatomicRegionSequence=Sequence([item]))


class TestModality:
    @pytest.mark.parametrize("modality", ["XR", "RF", ["CR", "DX"], ["OT", "CR"], "", "INVENTED"], ids=str)
    def test_films_by_another_name(self, modality: Any, chest: np.ndarray) -> None:
        film = read(chest, Modality=modality)
        assert film.flags == ()
        assert "INVENTED" not in repr((film.kind, dict(film.tags)))

    @pytest.mark.parametrize(
        ("modality", "words"),
        [("CT", "a CT image"), ("US", "ultrasound"), ("ECG", "electrocardiogram"), ("RTIMAGE", "radiotherapy image")],
    )
    def test_what_is_clearly_no_film_is_refused_whatever_it_shows(
        self, modality: str, words: str, chest: np.ndarray
    ) -> None:
        with pytest.raises(NotAChestFilm, match=words):
            read(chest, Modality=modality)

    def test_class_counts_where_the_modality_is_missing(self, chest: np.ndarray) -> None:
        with pytest.raises(NotAChestFilm, match="a CT image"):
            read(chest, Modality="", SOPClassUID=pydicom.uid.CTImageStorage)

    def test_other_radiographs_are_refused_where_the_pixels_agree(self, chest: np.ndarray) -> None:
        (flag,) = read(chest, Modality="MG").flags
        assert "a mammogram" in flag
        with pytest.raises(NotAChestFilm, match="a mammogram"):
            read(RAMP, Modality="MG")


def coded(value: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return Sequence([item])


class TestView:
    @pytest.mark.parametrize(
        ("text", "view"),
        [("LEFT LATERAL DECUBITUS", ""), ("LLD", ""), ("AP LLD", "AP"), ("DECUBITO LATERAL", ""), ("", ""),
         ("LEFT LATERAL", "LATERAL"), ("LLAT", "LATERAL"), ("PROFIL", "LATERAL"), ("AP FLAT PLATE", "AP"),
         ("PA BILATERAL", "PA"), ("antero-posterior", "AP")],
    )  # fmt: skip
    def test_words(self, text: str, view: str) -> None:
        assert view_of(text) == view

    @pytest.mark.parametrize(
        ("code", "meaning", "view"),
        [("272479007", "postero-anterior", "PA"), ("399348003", "", "AP"), ("R-10206", "", "AP"),
         ("399173006", "left lateral", "LATERAL"), ("399067008", "", "LATERAL"), ("99", "antero-posterior", "AP"),
         ("399182000", "oblique", "")],
    )  # fmt: skip
    def test_codes(self, code: str, meaning: str, view: str, chest: np.ndarray) -> None:
        assert read(chest, ViewPosition="", ViewCodeSequence=coded(code, meaning)).view == view
        # The view position counts where it is there.
        assert read(chest, ViewPosition="PA", ViewCodeSequence=coded(code, meaning)).view == "PA"

    def test_a_lateral_view_that_looks_frontal_is_told(self, chest: np.ndarray) -> None:
        assert read(chest, ViewPosition="LATERAL").flags == (SAID_LATERAL,)
        assert read(RAMP, ViewPosition="LATERAL").flags == (NOT_FRONTAL,)


@pytest.fixture(scope="module")
def films(shared: Path) -> dict[str, list[Exposure]]:
    found: dict[str, list[Exposure]] = {}
    for kind in ("chest", "not_chest"):
        for path in sorted((shared / "dicom" / kind).iterdir()):
            # A dog, a film inverted by its tag, and a chest film that is called a CT image.
            if any(odd in path.name for odd in ("highdicom", "fake_MONOCHROME1", "test5_modality_CT")):
                continue
            film = dicom.stored_film(read_elements(path.read_bytes()))
            found.setdefault(kind, []).append(Exposure(film.pixels, film.bits, "DICOM"))
    assert (len(found["chest"]), len(found["not_chest"])) == (13, 12)
    return found


class TestRates:
    """Every radiograph beside the project under tags that are right, wrong and vague."""

    def test_tags_that_say_nothing_leave_it_to_the_pixels(self, films: dict[str, list[Exposure]]) -> None:
        assert [judged(film).flags for film in films["chest"]] == [()] * 13
        assert [judged(film).flags for film in films["not_chest"]] == [(NOT_FRONTAL,)] * 12

    def test_a_wrong_preset_refuses_no_chest_and_every_other_part(self, films: dict[str, list[Exposure]]) -> None:
        doubt = Doubt("It is an abdomen.", "It is called an abdomen.")
        for film in films["chest"]:
            assert judged(replace(film, doubt=doubt)).flags == (doubt.flag,)
        for film in films["not_chest"]:
            with pytest.raises(NotAChestFilm, match="It is an abdomen"):
                judged(replace(film, doubt=doubt))
