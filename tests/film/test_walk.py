"""DICOM files as some writers write them: heads, sequences and fragments that the standard does not know."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom import uid

from lofi.errors import UnreadableFilm
from lofi.film import dicom, elements
from lofi.film.origin import read_origin
from lofi.film.radiograph import Radiograph, claimed_pixels
from tests.film.test_dicom import META_END, RAMP, dataset, written
from tests.film.test_frame import encapsulated, own_range, shown, stream_of

ITEM, ITEM_END, SEQUENCE_END = (struct.pack("<HH", 0xFFFE, number) for number in (0xE000, 0xE00D, 0xE0DD))
UNDEFINED = b"\xff\xff\xff\xff"
EXPECTED = own_range(RAMP)
PLAIN = written(dataset(RAMP))


def tag(group: int, number: int) -> bytes:
    return struct.pack("<HH", group, number)


def same(data: bytes) -> bool:
    """Whether a file shows the ramp, as chest film that it says it is."""
    exposure = dicom.decode(data)
    assert (exposure.kind, exposure.view) == ("DICOM CR", "PA")
    return bool(np.abs(exposure.pixels - EXPECTED).max() < 1e-6)


class TestVr:
    @pytest.mark.parametrize("none", [b"--", b"??", b"  ", b"\0\0"], ids=repr)
    def test_one_element_without_a_vr(self, none: bytes) -> None:
        for vr, element in ((b"CS", tag(0x0008, 0x0060)), (b"US", tag(0x0028, 0x0010)), (b"CS", tag(0x0018, 0x0015))):
            assert PLAIN.count(element + vr) == 1
            assert same(PLAIN.replace(element + vr, element + none))

    @pytest.mark.parametrize("none", [b"--", b"??", b"  ", b"\0\0"], ids=repr)
    def test_no_element_has_a_vr(self, none: bytes) -> None:
        data = bytearray(PLAIN)
        at = META_END
        while at < len(data):
            vr = bytes(data[at + 4 : at + 6])
            data[at + 4 : at + 6] = none
            long = vr in (b"OW", b"OB")
            at += (
                12 + struct.unpack_from("<L", data, at + 8)[0]
                if long
                else 8 + struct.unpack_from("<H", data, at + 6)[0]
            )
        assert same(bytes(data))

    def test_an_element_that_is_implicit_in_mid_file(self) -> None:
        explicit = tag(0x0018, 0x0015) + b"CS\x06\0CHEST "
        assert explicit in PLAIN
        assert same(PLAIN.replace(explicit, tag(0x0018, 0x0015) + b"\x06\0\0\0CHEST "))

    def test_empty_element_without_a_vr(self) -> None:
        assert same(PLAIN.replace(tag(0x0018, 0x0015), tag(0x0018, 0x0010) + b"??\0\0" + tag(0x0018, 0x0015)))


def with_sequence(body: bytes, head: bytes = b"SQ\0\0" + UNDEFINED) -> bytes:
    """The ramp with a private sequence before its body part."""
    element = tag(0x0009, 0x1010) + head + body
    return PLAIN.replace(tag(0x0018, 0x0015), element + tag(0x0018, 0x0015))


INNER = tag(0x0008, 0x0100)


class TestSequences:
    def test_implicit_content_under_un(self) -> None:
        # The length of 0x4142 looks like a VR to who reads it as explicit.
        value = INNER + struct.pack("<L", 0x4142) + bytes(0x4142)
        body = ITEM + UNDEFINED + value + ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)
        assert same(with_sequence(body, b"UN\0\0" + UNDEFINED))

    def test_explicit_content_under_un(self) -> None:
        # Against the standard, and written nevertheless.
        value = INNER + b"SH\x02\0AB"
        body = ITEM + UNDEFINED + value + ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)
        assert same(with_sequence(body, b"UN\0\0" + UNDEFINED))

    @pytest.mark.parametrize("length", [UNDEFINED, struct.pack("<L", 10)], ids=["delimited", "counted"])
    def test_zeros_in_place_of_the_delimiters(self, length: bytes) -> None:
        value = INNER + b"SH\x02\0AB"
        body = ITEM + length + value + (ITEM_END + bytes(4) if length == UNDEFINED else b"") + bytes(8)
        assert same(with_sequence(body))

    def test_table_in_a_sequence_under_un(self) -> None:
        # Of 4 entries: 0, 100, 400, 400; the ramp holds at the last.
        item = tag(0x0028, 0x3002) + struct.pack("<L3H", 6, 4, 0, 16)
        item += tag(0x0028, 0x3006) + struct.pack("<L4H", 8, 0, 100, 400, 400)
        body = ITEM + UNDEFINED + item + ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)
        element = tag(0x0028, 0x3010) + b"UN\0\0" + UNDEFINED + body
        film = shown(PLAIN.replace(tag(0x7FE0, 0x0010), element + tag(0x7FE0, 0x0010)))
        assert film[0, :4] == pytest.approx([0, 0.25, 1, 1], abs=1e-6)

    def test_un_in_un_stays_bounded(self) -> None:
        head = tag(0x0009, 0x1010) + b"UN\0\0" + UNDEFINED + ITEM + UNDEFINED
        with pytest.raises(UnreadableFilm):
            dicom.decode(PLAIN[:META_END] + head * 20_000)


STREAM = stream_of(RAMP, uid.JPEGLSLossless, 12)


def fragmented(*items: bytes, end: bytes = SEQUENCE_END + bytes(4), syntax: str = uid.JPEGLSLossless) -> bytes:
    """The ramp with compressed pixel data of these items."""
    data = encapsulated(STREAM, syntax, RAMP)
    start = data.index(tag(0x7FE0, 0x0010)) + 12
    return data[:start] + b"".join(ITEM + struct.pack("<L", len(item)) + item for item in items) + end


class TestFragments:
    @pytest.mark.parametrize("table", [b"", bytes(4)], ids=["empty-table", "table"])
    def test_after_an_offset_table(self, table: bytes) -> None:
        assert same(fragmented(table, STREAM))

    def test_without_an_offset_table(self) -> None:
        assert same(fragmented(STREAM))

    def test_in_several_items_without_an_offset_table(self) -> None:
        half = len(STREAM) // 4 * 2
        assert same(fragmented(STREAM[:half], STREAM[half:]))
        assert same(fragmented(b"", STREAM[:half], STREAM[half:]))

    def test_run_lengths_without_an_offset_table(self) -> None:
        ds = pydicom.dcmread(BytesIO(PLAIN))
        ds.compress(uid.RLELossless, generate_instance_uid=False)
        stream = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
        assert same(fragmented(stream, syntax=uid.RLELossless))

    @pytest.mark.parametrize("end", [b"", bytes(8), SEQUENCE_END], ids=["nothing", "zeros", "half"])
    def test_with_another_end(self, end: bytes) -> None:
        assert same(fragmented(b"", STREAM, end=end))

    def test_compressed_but_of_counted_length(self) -> None:
        ds = dataset(RAMP)
        ds.PixelData = STREAM
        assert same(written(ds))

    def test_native_in_items(self) -> None:
        label = uid.JPEGLSLossless.encode()
        native = uid.ExplicitVRLittleEndian.encode().ljust(len(label), b"\0")
        assert same(fragmented(b"", RAMP.tobytes()).replace(label, native))


def test_deflated_with_the_head_that_zlib_writes() -> None:
    deflated = written(dataset(RAMP), uid.DeflatedExplicitVRLittleEndian)
    start = 144 + struct.unpack_from("<L", deflated, 140)[0]
    assert same(deflated[:start] + zlib.compress(PLAIN[META_END:]))


def test_little_endian_labelled_as_big() -> None:
    label = uid.ExplicitVRLittleEndian.encode() + b"\0"
    assert same(PLAIN.replace(label, b"1.2.840.10008.1.2.2\0", 1))


def test_a_deflated_part_is_inflated_once_for_all_that_is_read_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cage it was inflated three times, for claim, film and origin: 240 ms of a film of four megapixels."""
    inflate, times = elements._inflate, []
    monkeypatch.setattr(elements, "_inflate", lambda packed: times.append(len(packed)) or inflate(packed))
    first, second = (written(dataset(rows), uid.DeflatedExplicitVRLittleEndian) for rows in (RAMP, RAMP[::-1]))
    with elements.inflating_once():
        assert claimed_pixels(first) == RAMP.size
        film = Radiograph.read(first)
        read_origin(first)
        assert len(times) == 1
        assert not np.array_equal(Radiograph.read(second).pixels, film.pixels)
    assert np.array_equal(Radiograph.read(first).pixels, film.pixels)
    assert len(times) == 3
