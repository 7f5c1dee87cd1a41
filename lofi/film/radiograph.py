"""A chest film as one frozen value: bytes in, pixels and what is safely known of them out."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lofi.errors import UnreadableFilm
from lofi.film import dicom, raster
from lofi.film.elements import looks_like_dicom
from lofi.film.exposure import MAX_BYTES, Exposure, check_size
from lofi.film.flags import NOT_FRONTAL, SIDES_UNTOLD, unfit
from lofi.film.greys import GREY, Greys
from lofi.film.plausible import judged
from lofi.film.turn import UPRIGHT, Turn

__all__ = ["MIN_SIDE", "NOT_FRONTAL", "Radiograph", "ReadFilm", "claimed_pixels", "exposed", "load", "too_large"]

ReadFilm = Callable[[bytes | str | os.PathLike[str]], "Radiograph"]
"""How a film is read: ``Radiograph.read``, or ``Cage.read`` where the file may be a stranger's."""
Sides = Literal["file", "usual", ""]
"""How the sides of a film are known: by its file's own word, because films are usually stored so, or not at all."""
_PACKED = {
    "a zip archive": (b"PK\x03\x04", b"PK\x05\x06"), "a gzip file": (b"\x1f\x8b",), "a RAR archive": (b"Rar!",),
    "a 7-Zip archive": (b"7z\xbc\xaf\x27\x1c",), "a packed file": (b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"),
}  # fmt: skip
MIN_SIDE = 32
"""Shorter sides show no anatomy."""


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A film as it was read, de-identified.

    ``pixels`` is (H, W) float32 in 0–1, white = dense, at the depth of the file and read-only. ``view`` is "PA",
    "AP", "LATERAL" or "". ``spacing_mm`` is (row, column) and holds in the "patient" or at the "detector", as
    ``spacing_at`` says ("" where nothing tells). ``tags`` holds allow-listed DICOM keywords only. ``sha256`` is the
    hash of the file's bytes, ``flags`` are sentences to show with the film. ``ends`` are the stored values shown black
    and white, None but for grey DICOM images. ``turn`` is how the stored picture was turned to become this one, and
    ``oriented`` says that by the file's own word the patient's left is then on the right.
    """

    pixels: NDArray[np.float32]
    view: str = ""
    kind: str = "pixels"
    bits: int = 32
    spacing_mm: tuple[float, float] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    flags: tuple[str, ...] = ()
    ends: tuple[int, int] | None = None
    spacing_at: str = ""
    turn: Turn = UPRIGHT
    oriented: bool = False
    greys: Greys | None = None

    @property
    def unfit(self) -> str:
        """The flag of a film that does not look like a frontal chest film; "" of one that does."""
        return unfit(self.flags)

    @property
    def sides(self) -> Sides:
        """How it is known that the patient's left is on the picture's right."""
        if self.view == "LATERAL" or self.unfit or SIDES_UNTOLD.intersection(self.flags):
            return ""
        return "file" if self.oriented else "usual"

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @classmethod
    def read(cls, source: bytes | str | os.PathLike[str]) -> "Radiograph":
        """The film in a PNG, JPEG, WebP or DICOM file, told by its content, never its name.

        It is decoded in this process, for scripts and files that are trusted: one byte changed on purpose can end the
        process inside a decoder, where no exception helps. Files of strangers are read by lofi.film.cage. Raises
        UnreadableFilm or NotAChestFilm with one sentence for a person.
        """
        data = source if isinstance(source, bytes) else load(Path(source))
        exposure = exposed(data)
        return cls(
            pixels=_frozen(exposure.pixels),
            view=exposure.view,
            kind=exposure.kind,
            bits=exposure.bits,
            spacing_mm=exposure.spacing_mm,
            tags=MappingProxyType(dict(exposure.tags)),
            sha256=hashlib.sha256(data).hexdigest(),
            flags=exposure.flags,
            ends=exposure.ends,
            spacing_at=exposure.spacing_at,
            turn=exposure.turn,
            oriented=exposure.oriented,
            greys=exposure.greys,
        )

    @classmethod
    def from_pixels(cls, array: NDArray[Any], view: str = "", kind: str = "pixels") -> "Radiograph":
        """A film from an (H, W) array: float in 0–1, or unsigned integers scaled by what their type can hold."""
        if array.ndim != 2 or array.size == 0:
            raise UnreadableFilm("Pixels of one grey image (height, width) were expected.")
        if array.dtype.kind == "u":
            bits = 8 * array.dtype.itemsize
            pixels = array.astype(np.float32) / np.float32(2**bits - 1)
            greys = Greys(GREY, (0.0, 2.0**bits - 1))
        else:
            bits, pixels, greys = 32, array.astype(np.float32), None
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise UnreadableFilm("Pixels between 0 and 1, or of an unsigned integer type, were expected.")
        frozen = _frozen(pixels)
        digest = hashlib.sha256(repr(frozen.shape).encode() + frozen.tobytes()).hexdigest()
        return cls(frozen, view, kind, bits, tags=MappingProxyType({}), sha256=digest, greys=greys)


def exposed(data: bytes) -> Exposure:
    """The exposure in a file's bytes, large enough for a film, with all its flags.

    Raises UnreadableFilm or NotAChestFilm.
    """
    if len(data) > MAX_BYTES:
        raise too_large()
    exposure = _decode(data)
    height, width = exposure.pixels.shape
    if min(height, width) < MIN_SIDE:
        raise UnreadableFilm(
            f"The image is {width} × {height} pixels, too small for a film: at least {MIN_SIDE} a side are needed. "
            "Export the film itself."
        )
    return judged(exposure)


def too_large() -> UnreadableFilm:
    """The refusal of a file that is longer than any film."""
    return UnreadableFilm(f"The file is too large: at most {MAX_BYTES // 2**20} MB are read. Scale the film down.")


def load(path: Path) -> bytes:
    """Bytes of a file, one more than the limit at most. The path itself stays out of the message."""
    try:
        # A pipe would block and a device never end.
        if path.is_file():
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        pass
    raise UnreadableFilm("The file cannot be opened: check that it exists and may be read.")


def claimed_pixels(data: bytes) -> int:
    """Pixels that a file's header claims, before anything is decoded; 0 where it will be refused for its header."""
    try:
        if looks_like_dicom(data):
            height, width = dicom.claimed_size(data)
        elif raster.is_raster(data):
            height, width = raster.claimed_size(data)
        else:
            return 0
        check_size(height, width, 1)
    except UnreadableFilm:
        return 0
    return height * width


def _decode(data: bytes) -> Exposure:
    # The order matters: a DICOM preamble may hold anything, but no PNG or JPEG has "DICM" at byte 128.
    if looks_like_dicom(data):
        return dicom.decode(data)
    if raster.is_raster(data):
        return raster.decode(data)
    if not data:
        raise UnreadableFilm("The file is empty, a film was expected: copy it or export it again.")
    if packed := next((name for name, sign in _PACKED.items() if data.startswith(sign)), ""):
        raise UnreadableFilm(f"The file is {packed}, a single film was expected: unpack it first.")
    raise UnreadableFilm("The file is no PNG, JPEG, WebP or DICOM image: export the film in one of these formats.")


def _frozen(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The array, contiguous and no longer to be written."""
    still = np.ascontiguousarray(pixels, dtype=np.float32)
    still.flags.writeable = False
    return still
