"""The stored values of a DICOM image, native or compressed, as its header lays them out."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lofi.errors import UnreadableFilm
from lofi.film import codestream
from lofi.film.elements import PIXEL_DATA, Elements, damaged
from lofi.film.exposure import check_size
from lofi.film.flags import END_MISSING
from lofi.film.greyscale import Stored

_GE_BIG_ENDIAN = "1.2.840.113619.5.2"
"""GE's private transfer syntax: little endian and implicit, but for its pixels."""
GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_RCT", "YBR_ICT"})
PALETTE = "PALETTE COLOR"
_BY_LETTERS = {re.sub("[^A-Z0-9]", "", name): name for name in (*GREY, *COLOUR, PALETTE)}
_MISSPELT = {"PALETTECOLOUR": PALETTE, "MONOCHROM1": "MONOCHROME1", "MONOCHROM2": "MONOCHROME2"}
_SPARE = 0.01
"""Share of a native image that may be missing at its end."""


@dataclass(frozen=True)
class Layout:
    """What a header says of its pixels. ``photometric`` is of GREY, COLOUR, PALETTE, or "" where it says nothing known.

    ``shift`` is by how many bits the stored ones lie above the lowest.
    """

    size_hw: tuple[int, int]
    samples: int
    allocated: int
    bits: int
    shift: int
    signed: bool
    photometric: str

    @property
    def is_luminance(self) -> bool:
        """Whether the first of three samples is the grey picture, and stays so when it is decoded."""
        return self.photometric in ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422")


class Pixels(NamedTuple):
    """Stored values, (H, W) of one sample or of Y alone, else (H, W, 3) RGB; ``exact`` unless a stream was lossy.

    ``bits`` is how many each sample of a compressed stream has, 0 where it is not compressed.
    """

    values: NDArray[Any]
    exact: bool = True
    bits: int = 0
    flags: tuple[str, ...] = ()


def layout_of(elements: Elements) -> Layout:
    """The layout of a file's pixels. Raises UnreadableFilm for one that is not read or does not fit."""
    if not elements.fragments and not elements.values.get(PIXEL_DATA):
        raise UnreadableFilm(
            "The DICOM file holds no image (its pixel data are missing or empty): export the image itself."
        )
    rows, columns = elements.number(0x0028_0010) or 0, elements.number(0x0028_0011) or 0
    samples = elements.number(0x0028_0002) or 1
    allocated = elements.number(0x0028_0100) or 0
    bits = elements.number(0x0028_0101) or allocated
    check_size(rows, columns, samples * max(1, allocated // 8))
    if allocated not in (8, 16, 32) or not 1 < bits <= allocated or (allocated == 32 and elements.fragments):
        raise UnreadableFilm(
            "The DICOM image has an unsupported depth (its bits allocated and stored): 8 or 16 bits a pixel were "
            "expected. Export it as a grey image of 16 bits."
        )
    signed = elements.number(0x0028_0103) == 1
    photometric = elements.text(0x0028_0004)
    letters = re.sub("[^A-Z0-9]", "", photometric.upper())
    known = _BY_LETTERS.get(letters, _MISSPELT.get(letters, ""))
    one = samples == 1 and known not in COLOUR
    if not one and not (samples == 3 and known in COLOUR and not signed):
        raise UnreadableFilm(
            "The DICOM image is neither grey nor plain colour (its photometric interpretation and samples per pixel): "
            "export it as a grey image."
        )
    shift = max(0, min((elements.number(0x0028_0102) or bits - 1) - (bits - 1), allocated - bits))
    return Layout((rows, columns), samples, allocated, bits, shift, signed, known)


def read_pixels(elements: Elements, layout: Layout) -> Pixels:
    """The stored values of a DICOM file. Raises UnreadableFilm."""
    # What compresses its pixels says so by its own first bytes; labels go wrong in both directions.
    length = layout.size_hw[0] * layout.size_hw[1] * layout.samples * layout.allocated // 8
    if not elements.fragments:
        data = elements.values[PIXEL_DATA]
        if len(data) < length and bytes(data[:12]).startswith(codestream.SIGNATURES):
            return _compressed(elements, layout, bytes(data))
        missing = length - len(data)
        if 0 < missing <= length * _SPARE:
            # The last pixels of a file that was cut by a hair: they repeat the one before, which widens no range.
            size = layout.samples * layout.allocated // 8
            whole = bytes(data[: len(data) // size * size])
            data = memoryview(whole + whole[-size:] * (missing // size + 1))
            return Pixels(_native(data, elements, layout), flags=(END_MISSING,))
        return Pixels(_native(data, elements, layout))
    stream = b"".join(elements.fragments)
    native = len(stream) in (length, length + length % 2) and elements.syntax != codestream.RLE
    if native and not stream.startswith(codestream.SIGNATURES):
        return Pixels(_native(memoryview(stream), elements, layout))
    return _compressed(elements, layout, stream)


def _compressed(elements: Elements, layout: Layout, stream: bytes) -> Pixels:
    known = "RGB" if layout.samples == 3 else "MONOCHROME2"
    frame = codestream.decode(
        stream,
        elements.syntax,
        layout.size_hw,
        rgb=layout.photometric == "RGB",
        samples_per_pixel=layout.samples,
        bits_allocated=layout.allocated,
        bits_stored=layout.bits,
        photometric_interpretation=layout.photometric if layout.photometric in ("YBR_RCT", "YBR_ICT") else known,
        pixel_representation=int(layout.signed),
        **({"planar_configuration": elements.number(0x0028_0006) or 0} if layout.samples > 1 else {}),
    )
    # JPEG's own decoder gives RGB whatever the file says; the others leave YCbCr as it is.
    plane = layout.is_luminance and frame.head.marker not in codestream.LOSSY
    return Pixels(frame.values[..., 0] if plane else frame.values, frame.head.exact, frame.head.bits, frame.flags)


def _native(data: memoryview, elements: Elements, layout: Layout) -> NDArray[Any]:
    """Stored values (H, W), (H, W, 3) RGB, or (H, W) of Y."""
    count = layout.size_hw[0] * layout.size_hw[1]
    if layout.allocated == 8 and not elements.little and elements.pixel_vr == b"OW":
        # Words of two pixels, the second first (PS3.5 section 8.1.1 and annex A.3).
        data = memoryview(np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2").astype(">u2").tobytes())
    order = "<" if elements.little and elements.syntax != _GE_BIG_ENDIAN else ">"
    size = layout.allocated // 8
    values: NDArray[Any] = np.frombuffer(data[: len(data) // size * size], f"{order}u{size}")
    halved = layout.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and len(values) < 3 * count
    if len(values) < count * (2 if halved else layout.samples):
        raise damaged("it has fewer pixels than its rows and columns ask for")
    if layout.samples == 1:
        return values[:count].reshape(layout.size_hw)
    planes = elements.number(0x0028_0006) == 1
    if halved:
        if layout.size_hw[1] % 2:
            raise damaged("two of its pixels share their colours, and its number of columns is odd")
        # Two pixels share their colours: Y Y Cb Cr (PS3.3 C.7.6.3.1.2). Planes of them would begin with all of Y.
        return (values[:count] if planes else values[: 2 * count].reshape(-1, 4)[:, :2]).reshape(layout.size_hw)
    if planes:
        colours = np.moveaxis(values[: 3 * count].reshape(3, *layout.size_hw), 0, 2)
    else:
        colours = values[: 3 * count].reshape(*layout.size_hw, 3)
    return colours[..., 0] if layout.is_luminance else colours


def indexed(pixels: Pixels, layout: Layout) -> Stored:
    """Stored values as an index from the least one that the stored bits allow."""
    bits = layout.bits
    half, mask = 2 ** (bits - 1), 2**bits - 1
    lowest = -half if layout.signed else 0
    if not pixels.exact:
        # A lossy decoder may overshoot: hold at the ends. What lies in higher bits is lost in any case.
        values = pixels.values
        if values.min() < lowest or values.max() > lowest + mask:
            values = np.clip(values, lowest, lowest + mask)
        # Modulo 65,536 the difference is right whatever the sign.
        return Stored(values.astype(np.uint16) - np.uint16(lowest % 65536), bits, lowest)
    if layout.allocated == 32:
        return _brought_to_sixteen(pixels.values, layout)
    index = pixels.values.astype(np.uint16)
    # Encoders leave out the bits below the stored ones, or keep the whole word with all that is in it.
    if layout.shift and (not pixels.bits or pixels.bits >= bits + layout.shift):
        index >>= np.uint16(layout.shift)
    # Above the stored bits lie overlays and fill bits.
    index &= np.uint16(mask)
    if layout.signed:
        # Two's complement to an index that grows with the value.
        index ^= np.uint16(half)
    return Stored(index, bits, lowest)


def _brought_to_sixteen(words: NDArray[np.uint32], layout: Layout) -> Stored:
    """Words of 32 bits as an index of 16 from the least one that the film has."""
    values = (words >> np.uint32(layout.shift)).astype(np.int64) & (2**layout.bits - 1)
    if layout.signed:
        values -= (values >> (layout.bits - 1)) << layout.bits
    low, high = int(values.min()), int(values.max())
    step = (high - low) // 65536 + 1
    return Stored(((values - low) // step).astype(np.uint16), 16, low, step)
