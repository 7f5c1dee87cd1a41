"""A film's values in its file's units, and the file's looks by name: each expectation is worked out by hand."""

import json
from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence

from lofi.film import dicom, wire
from lofi.film.exposure import Exposure
from lofi.film.greys import ALL, Greys, Look
from tests.film.test_dicom import dataset, written
from tests.film.test_greyscale import table, words


def greys(stored: list[int], **tags: Any) -> Greys:
    """Of a row of stored values."""
    found = exposed(stored, **tags).greys
    assert found is not None
    return found


def exposed(stored: list[int], **tags: Any) -> Exposure:
    return dicom.decode(written(dataset(np.array([stored], np.int16 if min(stored) < 0 else np.uint16), **tags)))


def shown(found: Greys, name: str) -> list[float]:
    """What a look makes of the row, 0–1."""
    assert found.curves is not None
    assert found.stored is not None
    number = [look.name for look in found.looks].index(name)
    return [float(value) / 65535 for value in found.curves[number][found.stored[0]]]


def values(found: Greys) -> list[float]:
    assert found.line is not None
    assert found.stored is not None
    return [found.line[0] + found.line[1] * int(index) for index in found.stored[0]]


def test_values_are_rescaled_and_have_the_unit_that_the_file_names() -> None:
    found = greys([10, 60, 110], RescaleSlope="2", RescaleIntercept="-5", RescaleType="OD")
    assert (found.unit, values(found)) == ("OD", [15, 115, 215])
    assert greys([10, 60, 110]).unit == "stored value"
    assert greys([10, 60, 110], RescaleSlope="2", RescaleIntercept="0").unit == "rescaled value"
    assert greys([10, 60, 110], RescaleSlope="2", RescaleIntercept="0", RescaleType="DOE^JOHN").unit == "rescaled value"
    below = greys([-20, 0, 5], RescaleSlope="1", RescaleIntercept="0", RescaleType="US")
    assert (below.unit, values(below)) == ("US", [-20, 0, 5])


def test_a_modality_table_gives_the_values() -> None:
    item = table((3, 10, 16), words(100, 400, 1600))
    item[0].add_new(0x0028_3004, "LO", "OD")
    found = greys([10, 11, 12], ModalityLUTSequence=item)
    assert (found.unit, found.line) == ("OD", None)
    assert found.curves is not None
    assert found.curves[-1].tolist() == [100, 400, 1600]
    assert len(found.curves) == len(found.looks) + 1


def test_what_cannot_be_rescaled_is_told_as_it_is_stored() -> None:
    found = greys([10, 60, 110], RescaleSlope="0", RescaleIntercept="0", WindowCenter=7, WindowWidth=8)
    assert (found.unit, values(found)) == ("stored value", [10, 60, 110])
    assert found.looks == (Look(ALL, None),)


def test_windows_and_tables_are_offered_by_name_and_show_what_they_say() -> None:
    soft, hard = table((256, 0, 8), bytes(range(256))), table((256, 0, 8), bytes(min(255, 2 * x) for x in range(256)))
    soft[0].LUTExplanation, hard[0].LUTExplanation = "SOFT", "HARD"
    found = greys(
        [0, 51, 255],
        VOILUTSequence=Sequence([soft[0], hard[0]]),
        WindowCenter=[50, 128],
        WindowWidth=[100, 256],
        WindowCenterWidthExplanation=["LUNG", "ALL OF IT"],
    )
    # The first table shows what a film without any would show, as does the second window: one look.
    assert [(look.name, look.ends) for look in found.looks] == [("SOFT", None), ("HARD", None), ("LUNG", (0, 100))]
    assert shown(found, "SOFT") == pytest.approx([0, 0.2, 1], abs=1e-3)
    assert shown(found, "HARD") == pytest.approx([0, 0.4, 1], abs=1e-3)
    assert shown(found, "LUNG") == pytest.approx([0, 51 / 99, 1], abs=0.01)


def test_what_the_first_window_hides_another_look_shows() -> None:
    found = greys([0, 50, 100, 1000], WindowCenter=[50, 500], WindowWidth=[100, 1000])
    assert [look.name for look in found.looks] == ["Window 1", "Window 2"]
    assert shown(found, "Window 1")[2:] == [1, 1]
    assert shown(found, "Window 2") == pytest.approx([0, 0.05, 0.1, 1], abs=2e-3)
    none = greys([0, 50, 100, 1000], WindowCenter=50, WindowWidth=100)
    assert [look.name for look in none.looks] == ["Window 1", ALL]
    assert none.looks[1].ends == (0, 1000)


def test_polarity_and_padding_hold_for_every_look() -> None:
    found = greys(
        [0, 100, 550, 1000],
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=0,
        WindowCenter=[300, 550],
        WindowWidth=[200, 900],
    )
    assert [(look.name, look.ends) for look in found.looks] == [("Window 1", (400, 200)), ("Window 2", (1000, 100))]
    assert shown(found, "Window 2") == pytest.approx([0, 1, 0.5, 0], abs=2e-3)


@pytest.mark.parametrize(
    ("said", "name"),
    [("LUNG\u202e <b>", "LUNG <b>"), ("A" * 60, "A" * 40), ("\x1b(Xbroken", "Window 2"), ("  ", "Window 2")],
    ids=["controls", "long", "undecodable", "blank"],
)
def test_names_are_cleaned_and_cut(said: str, name: str) -> None:
    data = dataset(np.array([[0, 50, 1000]], np.uint16), WindowCenter=[50, 500], WindowWidth=[100, 1000])
    data.SpecificCharacterSet = "ISO_IR 192" if "\u202e" in said else "ISO_IR 6"
    data.add_new(0x0028_1055, "UN", f"X\\{said}".encode())
    found = dicom.decode(written(data)).greys
    assert found is not None
    assert found.looks[1].name == name


def test_absurd_windows_and_too_many_are_left_out() -> None:
    centers, widths = [50, 60, *range(100, 400, 10)], [100, 0, *([100] * 30)]
    found = greys([0, 50, 1000], WindowCenter=centers, WindowWidth=widths)
    assert "Window 2" not in [look.name for look in found.looks]
    assert len(found.looks) <= 10


@pytest.mark.parametrize(
    "change",
    [
        {"unit": 3},
        {"line": [1]},
        {"looks": [["a", [0, 1]]] * 2},
        {"looks": [["\n", None]]},
        {"curves": [99, 4]},
        {"curves": [1, 2]},
        {"line": None},
    ],
    ids=str,
)
def test_a_worker_that_says_otherwise_is_not_believed(change: dict[str, Any]) -> None:
    exposure = exposed([0, 1, 3])
    message, (_, *arrays) = json.loads(json.dumps(wire.exposure_out(exposure))), wire.arrays_out(exposure)
    assert wire.greys_in(message["greys"], arrays) is not None
    message["greys"] |= change
    with pytest.raises(wire.Garbled):
        believed(message)


def test_a_worker_that_says_no_object_is_not_believed() -> None:
    with pytest.raises(wire.Garbled):
        wire.greys_in(["unit"], [])


def believed(message: dict[str, Any]) -> Greys | None:
    """What a server makes of it, with arrays of the sizes that are said."""
    shapes = wire.shapes_of(message, 3)
    return wire.greys_in(message["greys"], [np.full(shape, 3, kind) for kind, shape in shapes[1:]])
