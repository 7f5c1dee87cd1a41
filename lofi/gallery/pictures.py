"""Pictures that belong to studies: where they lie, safely, and the thumbnails."""

import hashlib
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lofi.film.radiograph import Radiograph
from lofi.film.stretch import stretch
from lofi.gallery.records import opaque_key

THUMBNAIL_SIDE = 192
THUMBNAILS = "thumbs"
FILMS = "films"
_HARMLESS = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression", "dpi", "gamma", "srgb"),
    *("interlace", "transparency", "background", "loop", "timestamp", "duration"),
}
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"RIFF", ".webp"))


def inside(root: Path | None, relative: str) -> Path | None:
    """The existing file ``relative`` to ``root``; None where there is none or the path leads out of ``root``.

    ``relative`` comes from a record, so it may be absolute, climb, go through a link or hold a null byte.
    """
    if root is None or not relative:
        return None
    try:
        base = root.resolve()
        path = (base / relative).resolve()
        return path if path.is_relative_to(base) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def thumbnail(film: Radiograph) -> bytes:
    """The film as a WebP picture, its longer side at most 192 pixels."""
    height, width = film.pixels.shape
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(film.pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.round(stretch(np.asarray(small, dtype=np.float32), 0.5, 99.5) * 255).astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(grey).save(sink, "WEBP", quality=80)
    return sink.getvalue()


def write_picture(data: bytes, folder: Path, place: str, study_id: str, suffix: str) -> str:
    """Write a study's picture to ``folder/place`` and return its path, relative to ``folder``; whole or not at all.

    A study_id may be anything, so that only a hash of it is in the name; and one of the bytes, so that a new picture
    never takes the place of one that a reader of the gallery as it was still asks for.
    """
    relative = f"{place}/{opaque_key(study_id)}-{hashlib.sha256(data).hexdigest()[:8]}{suffix}"
    target = folder / relative
    if not target.is_file() or target.stat().st_size != len(data):
        unfinished = target.with_name(f".{target.name}")
        unfinished.write_bytes(data)
        unfinished.replace(target)
    return relative


def write_copy(path: Path, folder: Path, study_id: str) -> str:
    """Copy a study's film at ``path`` to ``folder/films`` and return its new path, relative to ``folder``.

    Pictures that carry no header worth hiding are copied as they are; a DICOM file, or a picture with anything
    beside its pixels, becomes a 16-bit PNG of its rendering, so that no header enters the gallery.
    """
    data = path.read_bytes()
    suffix = next((suffix for start, suffix in _SIGNATURES if data.startswith(start)), "")
    if not suffix or _has_header(data):
        data, suffix = rendering(Radiograph.read(data)), ".png"
    return write_picture(data, folder, FILMS, study_id, suffix)


def rendering(film: Radiograph) -> bytes:
    """The film as a PNG of 16 bits: its pixels and nothing else of its file."""
    sink = io.BytesIO()
    Image.fromarray(np.round(film.pixels * 65_535).astype(np.uint16)).save(sink, "PNG")
    return sink.getvalue()


def _has_header(data: bytes) -> bool:
    """Whether a PNG, JPEG or WebP file carries text, EXIF or anything else that is not about its pixels."""
    try:
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(data)) as picture:
            picture.load()  # A PNG may bring its text after the pixels.
            return not set(picture.info) <= _HARMLESS
    except Exception:  # Pillow warns of broken metadata in many ways; whatever it stumbles over is not copied.
        return True
