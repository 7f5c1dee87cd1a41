"""Stored values of compressed and of coloured images: high bits, colour spaces, labels that do not fit the stream."""

import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder

from lofi.errors import UnreadableFilm
from lofi.film import dicom
from lofi.film.flags import END_MISSING, POLARITY_UNTOLD
from tests.film.test_dicom import RAMP, dataset, written

PLUGINS = {uid.JPEG2000Lossless: "pylibjpeg", uid.JPEG2000: "pylibjpeg", uid.JPEGLSLossless: "pyjpegls"}
FILL, OVERLAY = 0xF000, 0x1000
GREY8 = (np.add.outer(np.arange(48), np.arange(40)) * 2).astype(np.uint8)


def stream_of(values: np.ndarray, syntax: str, bits: int, **options: Any) -> bytes:
    """One compressed frame of (H, W) or (H, W, 3) values with ``bits`` of precision."""
    colour = values.ndim == 3
    return bytes(
        get_encoder(syntax).encode(
            values,
            rows=values.shape[0],
            columns=values.shape[1],
            number_of_frames=1,
            samples_per_pixel=3 if colour else 1,
            bits_allocated=8 * values.itemsize,
            bits_stored=bits,
            pixel_representation=int(values.dtype.kind == "i"),
            photometric_interpretation="RGB" if colour else "MONOCHROME2",
            encoding_plugin=PLUGINS[syntax],
            **({"planar_configuration": 0} if colour else {}),
            **options,
        )
    )


def jpeg(values: np.ndarray, **options: Any) -> bytes:
    sink = BytesIO()
    Image.fromarray(values).save(sink, "JPEG", quality=95, **options)
    return sink.getvalue()


def lossless_jpeg(words: np.ndarray, bits: int) -> bytes:
    """One frame of lossless JPEG with the first predictor (ITU-T T.81 annex H); each Huffman code has five bits."""
    height, width = words.shape
    values = words.astype(int)
    before = np.roll(values, 1, axis=1)
    before[1:, 0] = values[:-1, 0]
    before[0, 0] = 2 ** (bits - 1)
    code = ""
    for step in ((values - before + 2**15) % 2**16 - 2**15).ravel():
        category = int(abs(step)).bit_length()
        extra = step if step > 0 else step + 2**category - 1
        code += f"{category:05b}" + (f"{extra:0{category}b}" if 0 < category < 16 else "")
    code += "1" * (-len(code) % 8)
    scan = int(code, 2).to_bytes(len(code) // 8).replace(b"\xff", b"\xff\0")
    table = b"\xff\xc4\0\x24\0" + bytes([0, 0, 0, 0, 17, *[0] * 11]) + bytes(range(17))
    frame = b"\xff\xc3\0\x0b" + struct.pack(">BHHB", bits, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + frame + table + b"\xff\xda\0\x08\1\1\0\1\0\0" + scan + b"\xff\xd9"


def encapsulated(stream: bytes, syntax: str, like: np.ndarray, **tags: Any) -> bytes:
    """A film of a compressed stream, whose header is that of ``like``."""
    ds = dataset(like, **tags)
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    return written(ds, syntax)


def shown(data: bytes) -> np.ndarray:
    return dicom.decode(data).pixels


def own_range(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (float(values.max()) - values.min())


class TestHighBits:
    @pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLSLossless])
    @pytest.mark.parametrize("above", [FILL, OVERLAY], ids=["fill", "overlay"])
    def test_bits_above_the_stored_ones_are_masked_in_lossless_streams(self, syntax: str, above: int) -> None:
        # A 12-bit film in 16-bit words: the fill made it white, the overlay was burnt in.
        values = RAMP.copy()
        values[8:20, 10:30] |= above
        values[40:] |= above if above == FILL else 0
        data = encapsulated(stream_of(values, syntax, 16), syntax, RAMP)
        assert np.abs(shown(data) - own_range(RAMP)).max() < 1e-6

    def test_lossy_streams_are_held_at_the_ends(self) -> None:
        values = np.where(RAMP > 1000, 4095, 0).astype(np.uint16)
        data = encapsulated(stream_of(values, uid.JPEG2000, 12, j2k_cr=[8]), uid.JPEG2000, RAMP)
        film = shown(data)
        # Overshoot beyond 4,095 must not come out black.
        assert film[RAMP > 1100].min() > 0.5
        assert film[RAMP < 900].max() < 0.5

    @pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLSLossless])
    def test_signed_values_in_words_filled_with_their_sign(self, syntax: str) -> None:
        values = RAMP.astype(np.int16) - 900
        data = encapsulated(stream_of(values.view(np.uint16), syntax, 16), syntax, values)
        assert np.abs(shown(data) - own_range(values.astype(int))).max() < 1e-6

    def test_stored_bits_at_the_upper_end_of_a_compressed_word(self) -> None:
        data = encapsulated(stream_of(RAMP << 4, uid.JPEGLSLossless, 16), uid.JPEGLSLossless, RAMP, HighBit=15)
        assert np.abs(shown(data) - own_range(RAMP)).max() < 1e-6


def ycc(grey: np.ndarray) -> np.ndarray:
    """(H, W, 3) of Y, and of colours that would darken it if they were taken for green and blue."""
    return np.dstack([grey, np.full_like(grey, 100), np.full_like(grey, 160)])


class TestColour:
    @pytest.mark.parametrize("planes", [0, 1], ids=["packed", "planar"])
    def test_y_is_the_grey_picture(self, planes: int) -> None:
        values = ycc(GREY8)
        stored = np.moveaxis(values, 2, 0) if planes else values
        ds = dataset(values, 8, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planes)
        ds.PixelData = stored.tobytes()
        assert np.abs(shown(written(ds)) - GREY8 / 255).max() < 1e-6

    @pytest.mark.parametrize("planes", [0, 1], ids=["packed", "planar"])
    def test_two_pixels_may_share_their_colours(self, planes: int) -> None:
        # Y0 Y1 Cb Cr, two bytes a pixel; in planes, all of Y first.
        pairs = GREY8.reshape(-1, 2)
        packed = np.column_stack([pairs, np.full((len(pairs), 2), (100, 160), np.uint8)])
        ds = dataset(ycc(GREY8), 8, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=planes)
        ds.PixelData = GREY8.tobytes() + bytes([100, 160] * len(pairs)) if planes else packed.tobytes()
        assert np.abs(shown(written(ds)) - GREY8 / 255).max() < 1e-6

    def test_y_of_a_compressed_image(self) -> None:
        values = ycc(GREY8)
        for syntax in (uid.JPEGLSLossless, uid.JPEG2000Lossless):
            options = {"use_mct": False} if syntax == uid.JPEG2000Lossless else {}
            data = encapsulated(
                stream_of(values, syntax, 8, **options), syntax, values, bits=8, PhotometricInterpretation="YBR_FULL"
            )
            assert np.abs(shown(data) - GREY8 / 255).max() < 1e-6, syntax

    @pytest.mark.parametrize(
        "words",
        ["monochrome1", "MONOCHROME 1", "Monochrome_1", "MONOCHROM1"],
        ids=lambda words: words.replace(" ", "_"),
    )
    def test_photometric_interpretation_as_it_is_written(self, words: str) -> None:
        data = written(dataset(RAMP)).replace(b"MONOCHROME2 ", words.encode().ljust(12))
        exposure = dicom.decode(data)
        assert np.abs(exposure.pixels - (1 - own_range(RAMP))).max() < 1e-6
        assert exposure.flags == ()

    def test_unknown_word_for_one_grey_sample_is_shown_and_told(self) -> None:
        exposure = dicom.decode(written(dataset(RAMP)).replace(b"MONOCHROME2 ", b"GREYSCALE   "))
        assert np.abs(exposure.pixels - own_range(RAMP)).max() < 1e-6
        assert exposure.flags == (POLARITY_UNTOLD,)

    def test_palette(self) -> None:
        # Index 0 black, 1 red, 2 white, in 16 bits: 0, 0.299, 1.
        index = np.array([[0, 1, 2, 2]], dtype=np.uint8)
        ds = dataset(index, 8, PhotometricInterpretation="PALETTE COLOR")
        for colour, entries in (("Red", [0, 65535, 65535]), ("Green", [0, 0, 65535]), ("Blue", [0, 0, 65535])):
            ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
            ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", np.array(entries, dtype="<u2").tobytes())
        assert shown(written(ds))[0] == pytest.approx([0, 0.299, 1, 1], abs=1e-6)

    def test_palette_that_is_missing_is_named(self) -> None:
        with pytest.raises(UnreadableFilm, match="palette"):
            shown(written(dataset(GREY8, 8, PhotometricInterpretation="PALETTE COLOR")))

    @pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422"])
    def test_jpeg_without_a_marker_is_what_the_header_says(self, photometric: str) -> None:
        # Components 1, 2, 3 and nothing more: decoders guess YCbCr, and bright reds fold back.
        values = np.dstack([GREY8, GREY8 // 2, 255 - GREY8])
        if photometric != "RGB":
            values = np.dstack([GREY8, np.full_like(GREY8, 128), np.full_like(GREY8, 128)])
        stream = jpeg(values, keep_rgb=True, subsampling=0)
        frame, scan = stream.index(b"\xff\xc0"), stream.index(b"\xff\xda")
        bare = bytearray(stream)
        for number in range(3):
            bare[frame + 10 + 3 * number] = number + 1
            bare[scan + 5 + 2 * number] = number + 1
        adobe = bare.find(b"\xff\xee")
        if adobe >= 0:
            del bare[adobe : adobe + 16]
        jfif = bare.find(b"\xff\xe0")
        if jfif >= 0:
            del bare[jfif : jfif + 18]
        data = encapsulated(bytes(bare), uid.JPEGBaseline8Bit, values, bits=8, PhotometricInterpretation=photometric)
        expected = values @ [0.299, 0.587, 0.114] / 255 if photometric == "RGB" else GREY8 / 255
        assert np.abs(shown(data) - expected).max() < 0.04


class TestLabels:
    def test_native_labelled_as_compressed(self) -> None:
        ds = dataset(RAMP)
        data = written(ds).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", 1)
        assert np.abs(shown(data) - own_range(RAMP)).max() < 1e-6

    @pytest.mark.parametrize(
        "label",
        [uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1, uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless],
        ids=lambda label: label.name[:12],
    )
    def test_stream_wins_over_its_label(self, label: str) -> None:
        for syntax in (uid.JPEGLSLossless, uid.JPEG2000Lossless):
            data = encapsulated(stream_of(RAMP, syntax, 12), label, RAMP)
            assert np.abs(shown(data) - own_range(RAMP)).max() < 1e-6, syntax

    def test_run_lengths_win_over_their_label(self) -> None:
        ds = pydicom.dcmread(BytesIO(written(dataset(RAMP))))
        ds.compress(uid.RLELossless, generate_instance_uid=False)
        assert np.abs(shown(written(ds, uid.JPEGLosslessSV1)) - own_range(RAMP)).max() < 1e-6

    def test_progressive_jpeg_of_the_retired_process(self) -> None:
        syntax = "1.2.840.10008.1.2.4.55"
        film = shown(encapsulated(jpeg(GREY8, progressive=True), syntax, GREY8, bits=8))
        assert np.abs(film - own_range(GREY8)).max() < 0.03

    def test_retired_process_of_twelve_bits(self, shared: Path) -> None:
        names = {
            which: next((shared / "dicom" / "odd_ts").glob(f"*{which}*.dcm"))
            for which in ("Process10_12", "Process2_4", "RLELossless")
        }
        films = {}
        for which, path in names.items():
            # A slice serves as well as a film once its tags say so.
            data = path.read_bytes().replace(b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.5.1.4.1.1.7\0")
            films[which] = shown(data.replace(b"CS\x02\0CT", b"CS\x02\0CR"))
        for which in ("Process10_12", "Process2_4"):
            assert np.corrcoef(films[which].ravel(), films["RLELossless"].ravel())[0, 1] > 0.99, which


class TestEnds:
    @pytest.mark.parametrize("cut", [2, 4], ids=["marker", "marker-and-a-little"])
    def test_jpeg_whose_end_alone_is_missing_is_read_and_told(self, cut: int) -> None:
        values = np.tile(GREY8, (4, 4))
        whole = shown(encapsulated(jpeg(values), uid.JPEGBaseline8Bit, values, bits=8))
        exposure = dicom.decode(encapsulated(jpeg(values)[:-cut], uid.JPEGBaseline8Bit, values, bits=8))
        assert exposure.flags == (END_MISSING,)
        assert np.abs(exposure.pixels[:-16] - whole[:-16]).max() < 1e-6

    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_jpeg_that_was_cut_is_refused(self, share: float) -> None:
        values = np.tile(GREY8, (4, 4))
        stream = jpeg(values)
        with pytest.raises(UnreadableFilm, match="not complete"):
            shown(encapsulated(stream[: int(share * len(stream))], uid.JPEGBaseline8Bit, values, bits=8))

    def test_lossless_streams_whose_end_alone_is_missing(self) -> None:
        for stream, syntax in (
            (stream_of(RAMP, uid.JPEGLSLossless, 12), uid.JPEGLSLossless),
            (lossless_jpeg(RAMP, 12), uid.JPEGLosslessSV1),
        ):
            assert stream.endswith(b"\xff\xd9")
            exposure = dicom.decode(encapsulated(stream[:-2], syntax, RAMP))
            assert exposure.flags == (END_MISSING,)
            assert np.abs(exposure.pixels - own_range(RAMP)).max() < 1e-6
            with pytest.raises(UnreadableFilm):
                shown(encapsulated(stream[: len(stream) // 2], syntax, RAMP))

    def test_native_pixels_of_which_a_few_are_missing(self) -> None:
        ds = dataset(RAMP + 100)
        ds.PixelData = (RAMP + 100).tobytes()[:-8]
        exposure = dicom.decode(written(ds))
        assert exposure.flags == (END_MISSING,)
        # The last four repeat the one before them.
        assert np.abs(exposure.pixels.ravel()[:-4] - np.arange(1916) / 1915).max() < 1e-6
        ds.PixelData = RAMP.tobytes()[: RAMP.nbytes // 2]
        with pytest.raises(UnreadableFilm, match="fewer pixels"):
            shown(written(ds))


class TestDepth:
    @pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
    def test_thirty_two_bits(self, signed: bool) -> None:
        values = RAMP.astype(np.int64) * 100_000 - (50_000_000 if signed else 0)
        ds = dataset(RAMP, PixelRepresentation=int(signed), BitsAllocated=32, BitsStored=32, HighBit=31)
        ds.PixelData = values.astype("<i4" if signed else "<u4").tobytes()
        assert np.abs(shown(written(ds)) - own_range(RAMP)).max() < 2e-5
        # A window in its units: 0 at 0, 1 at 100,000,000.
        ds.WindowCenter, ds.WindowWidth = 50_000_000, 100_000_000
        assert shown(written(ds)).ravel()[1000] == pytest.approx((0.5 if signed else 1.0), abs=1e-3)

    def test_few_values_in_thirty_two_bits_are_all_kept(self) -> None:
        ds = dataset(RAMP, BitsAllocated=32, BitsStored=32, HighBit=31)
        ds.PixelData = (RAMP.astype("<u4") + 3_000_000).tobytes()
        exposure = dicom.decode(written(ds))
        assert np.abs(exposure.pixels - own_range(RAMP)).max() < 1e-6
        assert exposure.ends == (3_000_000, 3_000_000 + 1919)

    def test_stream_of_eight_bits_in_words_of_sixteen(self) -> None:
        for stream, syntax in (
            (lossless_jpeg(GREY8, 8), uid.JPEGLosslessSV1),
            (stream_of(GREY8, uid.JPEGLSLossless, 8), uid.JPEGLSLossless),
            (stream_of(GREY8, uid.JPEG2000Lossless, 8), uid.JPEG2000Lossless),
            (jpeg(GREY8), uid.JPEGBaseline8Bit),
        ):
            film = shown(encapsulated(stream, syntax, RAMP, bits=8))
            assert np.abs(film - own_range(GREY8)).max() < (0.02 if syntax == uid.JPEGBaseline8Bit else 1e-6)

    def test_private_syntax_whose_pixels_alone_are_big_endian(self) -> None:
        ds = dataset(RAMP)
        ds.PixelData = RAMP.astype(">u2").tobytes()
        data = written(ds, uid.ImplicitVRLittleEndian)
        label = b"1.2.840.10008.1.2\0"
        at = data.index(label, data.index(b"\x02\0\x10\0UI"))
        data = data[: at - 2] + b"\x12\0" + b"1.2.840.113619.5.2" + data[at + len(label) :]
        assert np.abs(shown(data) - own_range(RAMP)).max() < 1e-6


def test_decoders_print_nothing_when_they_succeed(shared: Path) -> None:
    script = """
import sys
from lofi.film.radiograph import Radiograph
data = open(sys.argv[1], "rb").read()
Radiograph.read(data.replace(b"CS\\x04\\0HIP ", b"CS\\x04\\0LUNG"))
"""
    for name in ("JPEGExtended_RG2_JPLY_fixed", "JPEGLosslessSV1_RG2_JPLL", "JPEGLS_RG2_JLSN"):
        run = subprocess.run(
            [sys.executable, "-c", script, str(shared / "dicom" / "not_chest" / f"{name}.dcm")],
            capture_output=True, text=True, check=True, timeout=60, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert (run.stdout, run.stderr) == ("", ""), name
