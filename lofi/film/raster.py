"""PNG, JPEG and WebP to an Exposure. Only what makes up the image is handed to a decoder, after its size is checked.

Pillow reads metadata while it opens a file, and warns (process-wide) about broken ones: so metadata are left out,
and the one thing they say of the image, its rotation, is read here.
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, WebPImagePlugin

from lofi.errors import UnreadableFilm
from lofi.film import codestream
from lofi.film.colour import luminance
from lofi.film.exposure import Exposure, check_size
from lofi.film.flags import END_MISSING, STRETCHED
from lofi.film.greys import GREY, Greys
from lofi.film.jpeg import ends, jpeg_head, jpeg_segments
from lofi.film.jpeg8 import decode_jpeg
from lofi.film.stream import BrokenStream

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
_FIRST_CHUNK = b"\0\0\0\x0dIHDR"
_MAX_CHUNKS = 100_000
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False)}
"""Exif orientation → quarter turns (counter-clockwise), applied after an optional left–right flip of the file."""


def is_raster(data: bytes) -> bool:
    """Whether ``data`` begins as a PNG, JPEG or WebP file."""
    return data.startswith((PNG, JPEG)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def claimed_size(data: bytes) -> tuple[int, int]:
    """(height, width) by the header of a PNG, JPEG or WebP file. Raises UnreadableFilm."""
    if data.startswith(PNG):
        return _png_header(data)[:2]
    return jpeg_head(data).size_hw if data.startswith(JPEG) else _webp_size(data)


@dataclass(frozen=True)
class Picture:
    """(H, W) or (H, W, 3 or 4) values of ``bits``, of which ``significant`` are said to mean something."""

    values: NDArray[Any]
    bits: int
    exif: bytes = b""
    significant: int = 0
    flags: tuple[str, ...] = ()


def decode(data: bytes) -> Exposure:
    """The film in a PNG, JPEG or WebP file. Raises UnreadableFilm."""
    if data.startswith(PNG):
        name, read = "PNG", _png
    elif data.startswith(JPEG):
        name, read = "JPEG", _jpeg
    else:
        name, read = "WebP", _webp
    try:
        picture = read(data)
    except BrokenStream:
        # What a DICOM file should do instead is of no use to the owner of a JPEG.
        raise _broken(name) from None
    values = _turn(picture.values, _orientation(picture.exif))
    low, high, flags = _range(picture)
    if values.ndim == 3:
        grey = luminance(values[..., :3], high)
        if values.shape[2] == 4:
            # What is transparent has no exposure behind it: black.
            grey *= values[..., 3] / np.float32(2**picture.bits - 1)
    else:
        grey = values.astype(np.float32)
        grey -= np.float32(low)
        grey /= np.float32(high - low)
    kind = f"{name} {picture.bits}-bit {'colour' if values.ndim == 3 else 'grey'}"
    levels = Greys(GREY, (float(low), float(high - low)))
    return Exposure(pixels=grey, bits=picture.bits, kind=kind, flags=(*picture.flags, *flags), greys=levels)


def _range(picture: Picture) -> tuple[int, int, tuple[str, ...]]:
    """The values shown black and white: those of its bits, but of 16 bits that hold fewer, those it has."""
    greatest = 2**picture.bits - 1
    if picture.bits != 16:
        return 0, greatest, ()
    colours = picture.values if picture.values.ndim == 2 else picture.values[..., :3]
    low, high = int(colours.min()), int(colours.max())
    # Sixteen bits scaled up from twelve, as PNG asks for, reach far beyond what twelve can hold.
    if 0 < picture.significant < 16 and high < 2**picture.significant:
        return 0, 2**picture.significant - 1, (STRETCHED,)
    if low < high < 2**15:
        return low if colours.ndim == 2 else 0, high, (STRETCHED,)
    return 0, greatest, ()


def _broken(name: str) -> UnreadableFilm:
    return UnreadableFilm(f"The {name} file is damaged or cut short: copy it again, or export the film again.")


def _png_header(data: bytes) -> tuple[int, int, int, int]:
    """Height, width, bits and colour type by the header, which must come first."""
    if data[8:16] != _FIRST_CHUNK or len(data) < 33:
        raise _broken("PNG")
    width, height, bits, colour = struct.unpack_from(">LLBB", data, 16)
    return height, width, bits, colour


def _png(data: bytes) -> Picture:
    height, width, bits, colour = _png_header(data)
    samples = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}.get(colour, 4)
    check_size(height, width, samples * max(1, bits // 8))
    chunks = _png_chunks(data)
    essence = data[:8] + b"".join(data[at:end] for name, at, end in chunks if name in _PNG_KEPT)
    found = {name: data[at + 8 : end - 4] for name, at, end in chunks if name in (b"eXIf", b"sBIT")}
    exif, said = found.get(b"eXIf", b""), found.get(b"sBIT", b"")
    significant = max(said[: 1 if colour in (0, 4) else 3], default=0)
    flags = () if chunks and chunks[-1][0] == b"IEND" else (END_MISSING,)
    try:
        if bits == 16 and colour != 0:
            # Pillow would cut these to 8 bits.
            return Picture(_colour16(essence), 16, exif, significant, flags)
        image = PngImagePlugin.PngImageFile(BytesIO(essence))
        if bits == 16:
            return Picture(np.asarray(image).astype(np.uint16), 16, exif, significant, flags)
        plain = image.mode in ("1", "L") and "transparency" not in image.info
        return Picture(_eight_bits(image, plain), 8, exif, flags=flags)
    except MemoryError:
        raise
    except Exception:
        # Pillow raises half a dozen types, SyntaxError among them; each means the same to a person.
        raise _broken("PNG") from None


def _png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """(name, first byte, end) of each chunk up to the end of the image."""
    found: list[tuple[bytes, int, int]] = []
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            break
        end = at + 12 + int(struct.unpack_from(">L", data, at)[0])
        name = data[at + 4 : at + 8]
        # Pillow believes the last of several headers, whose size nobody would have checked.
        if end > len(data) or (name == b"IHDR" and at != 8):
            raise _broken("PNG")
        found.append((name, at, end))
        at = end
        if name == b"IEND":
            break
    return found


def _colour16(essence: bytes) -> NDArray[np.uint16]:
    values = cv2.imdecode(np.frombuffer(essence, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise ValueError("not decoded")
    if values.ndim == 2:
        return np.asarray(values)
    return np.asarray(values[..., [2, 1, 0, 3][: values.shape[2]]])


def _eight_bits(image: Image.Image, plain: bool) -> NDArray[np.uint8]:
    if plain:
        return np.asarray(image.convert("L"))
    alpha = image.mode in ("LA", "RGBA", "PA", "RGBa") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if alpha else "RGB"))


def _jpeg(data: bytes) -> Picture:
    head = jpeg_head(data)
    check_size(*head.size_hw, head.samples * (2 if head.bits > 8 else 1))
    exif = b""
    for marker, at, end in jpeg_segments(data):
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            exif = data[at + 10 : end]
    if head.marker in codestream.LOSSY and head.bits == 8:
        if ends(data):
            return Picture(decode_jpeg(data), 8, exif)
        return Picture(codestream.without_end(data, decode_jpeg), 8, exif, flags=(END_MISSING,))
    if head.marker not in (0xC1, 0xC3, 0xF7) or head.samples != 1 or not 2 <= head.bits <= 16:
        raise UnreadableFilm(
            "The JPEG file is of a rare kind (8 bits, or grey of 12 or lossless, was expected): save it as PNG."
        )
    frame = codestream.decode(
        data,
        "",
        head.size_hw,
        samples_per_pixel=1,
        bits_allocated=8 if head.bits <= 8 else 16,
        bits_stored=head.bits,
        photometric_interpretation="MONOCHROME2",
        pixel_representation=0,
    )
    return Picture(frame.values, head.bits, exif, flags=frame.flags)


def _webp(data: bytes) -> Picture:
    check_size(*_webp_size(data), 4)
    try:
        image = WebPImagePlugin.WebPImageFile(BytesIO(data))
        if getattr(image, "n_frames", 1) > 1:
            raise UnreadableFilm("The WebP file is animated, a single film was expected: save one image.")
        values = _eight_bits(image, plain=False)
        exif = image.info.get("exif", b"")
    except (UnreadableFilm, MemoryError):
        raise
    except Exception:
        raise _broken("WebP") from None
    if np.array_equal(values[..., 0], values[..., 1]) and np.array_equal(values[..., 1], values[..., 2]):
        # WebP knows no grey; three equal channels are one.
        values = values[..., 0] if values.shape[2] == 3 else values
    return Picture(values, 8, exif.removeprefix(b"Exif\0\0"))


def _webp_size(data: bytes) -> tuple[int, int]:
    """(height, width) by the first chunk, https://developers.google.com/speed/webp/docs/riff_container."""
    if len(data) < 30:
        raise _broken("WebP")
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[27:30], "little") + 1, int.from_bytes(data[24:27], "little") + 1
    if data[12:16] == b"VP8L":
        packed = int.from_bytes(data[21:25], "little")
        return (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return height & 0x3FFF, width & 0x3FFF


def _orientation(exif: bytes) -> int:
    """Exif tag 0x0112 of a TIFF block, 1 (upright) where it is absent or broken."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2], "")
    if not order or len(exif) < 10:
        return 1
    at = int(struct.unpack_from(order + "L", exif, 4)[0])
    if at + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(order + "H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", exif, entry)
        if tag == 0x0112 and kind == 3:
            value = int(struct.unpack_from(order + "H", exif, entry + 8)[0])
            return value if 1 <= value <= 8 else 1
    return 1


def _turn(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Upright image. A flip here undoes one that the camera made; films are never flipped otherwise."""
    turns, flip = _TURNS.get(orientation, (0, False))
    return np.rot90(values[:, ::-1] if flip else values, turns)
