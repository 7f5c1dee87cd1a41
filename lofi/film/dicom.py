"""A DICOM radiograph to an Exposure: what it says it is, its stored pixels, its allow-listed tags."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lofi.errors import NotAChestFilm, UnreadableFilm
from lofi.film import colour
from lofi.film.elements import Elements, damaged, read_elements
from lofi.film.exposure import Doubt, Exposure
from lofi.film.flags import POLARITY_UNTOLD, SAID_OTHER_MODALITY, SAID_OTHER_PART
from lofi.film.frame import PALETTE, indexed, layout_of, read_pixels
from lofi.film.greys import GREY, Greys, greys_of
from lofi.film.greyscale import render
from lofi.film.measure import measure_of
from lofi.film.posture import posture_of
from lofi.film.vocabulary import (
    FILMS,
    OTHER_FILMS,
    OTHER_PARTS,
    OTHERS,
    SHOWN_CHEST,
    VIEW_CODES,
    by_class,
    modality_of,
    part_of,
    view_of,
)

_DICOMDIR = "1.2.840.10008.1.3.10"
_FOREIGN = (b"%PDF", b"MZ", b"\x7fELF", b"PK\x03\x04", b"<", b"#!", b"\x89PNG", b"\xff\xd8", b"GIF8", b"Rar!")
_CLASS, _MODALITY, _PART, _VIEW = 0x0008_0016, 0x0008_0060, 0x0018_0015, 0x0018_5101
_PHOTOMETRIC = 0x0028_0004
_REGIONS, _VIEW_CODES, _CODE, _MEANING = 0x0008_2218, 0x0054_0220, 0x0008_0100, 0x0008_0104


def decode(data: bytes) -> Exposure:
    """The film in a DICOM file. Raises NotAChestFilm where its tags name something else, else UnreadableFilm."""
    if data[128:132] == b"DICM" and data.startswith(_FOREIGN):
        # Such a file is a document or a program to other software; TIFF is the one double face PS3.10 foresees.
        raise UnreadableFilm("The DICOM file begins like a file of another kind: export it again.")
    elements = read_elements(data)
    _refuse_other_things(elements)
    film = stored_film(elements)
    modality, part, view = modality_of(elements.text(_MODALITY)), _part(elements), _view(elements)
    posture, measure = posture_of(elements), measure_of(elements)
    kind = f"DICOM {modality}".strip() if modality in {*FILMS, *OTHER_FILMS} else "DICOM"
    return Exposure(
        pixels=np.ascontiguousarray(posture.turn.apply(film.pixels)),
        bits=film.bits,
        kind=kind + (" colour" if film.ends is None else ""),
        view=view,
        spacing_mm=None if measure.spacing_mm is None else posture.turn.swapped(measure.spacing_mm),
        spacing_at=measure.at,
        ends=film.ends,
        tags=_tags(elements, modality, part, view),
        flags=(*film.flags, *posture.flags, *measure.flags),
        lateral=view == "LATERAL" or posture.sideways,
        doubt=_doubt(modality, part),
        turn=posture.turn,
        greys=film.greys.turned(posture.turn),
        oriented=posture.oriented,
    )


def claimed_size(data: bytes) -> tuple[int, int]:
    """(height, width) by the header of a DICOM file. Raises UnreadableFilm."""
    elements = read_elements(data)
    return elements.number(0x0028_0010) or 0, elements.number(0x0028_0011) or 0


def _refuse_other_things(elements: Elements) -> None:
    """Raise NotAChestFilm for what is clearly no projection radiograph of one frame."""
    if elements.media_class == _DICOMDIR:
        raise NotAChestFilm("This is a DICOMDIR, the index of a disc: open one of the image files beside it.")
    modality = modality_of(elements.text(_MODALITY))
    if modality not in OTHERS and modality not in FILMS:
        modality = by_class(elements.text(_CLASS)) or modality
    if modality in OTHERS:
        raise NotAChestFilm(
            f"A chest radiograph was expected, this DICOM file is {OTHERS[modality]} (modality {modality}): choose a "
            "film."
        )
    frames = elements.decimals(0x0028_0008)
    if frames is None:
        raise damaged("its number of frames is no number")
    if frames and frames[0] > 1:
        raise NotAChestFilm(
            f"A single film was expected, this DICOM file has {min(frames[0], 1e6):.0f} frames: choose one image."
        )


def _doubt(modality: str, part: str) -> Doubt | None:
    """What the tags say against a chest film. They are believed where the pixels say so as well."""
    if modality in OTHER_FILMS:
        what = OTHER_FILMS[modality]
        return Doubt(
            f"A chest radiograph was expected, this DICOM file is {what} (modality {modality}): choose a chest film.",
            SAID_OTHER_MODALITY.format(what),
        )
    if part in OTHER_PARTS:
        return Doubt(
            f"A chest film was expected, this DICOM file is of another body part ({part}): choose a chest film.",
            SAID_OTHER_PART.format(f" ({part})"),
        )
    return None


def _view(elements: Elements) -> str:
    """PA, AP, LATERAL or nothing, by the view position, else by the view's code."""
    if view := view_of(elements.text(_VIEW)):
        return view
    item = elements.items.get(_VIEW_CODES)
    return "" if item is None else VIEW_CODES.get(item.text(_CODE)) or view_of(item.text(_MEANING))


def _part(elements: Elements) -> str:
    """The body part as a word of the vocabulary, else the coded region's; "" where neither is known."""
    if part := part_of(bytes(elements.values.get(_PART, b"")[:256])):
        return part
    item = elements.items.get(_REGIONS)
    return "" if item is None else part_of(bytes(item.values.get(_MEANING, b"")[:256]))


class StoredFilm(NamedTuple):
    """(H, W) float32 in 0–1 as it is stored, bits stored, the stored values shown black and white, and flags.

    ``ends`` is None for a colour image. ``greys`` are its values and looks.
    """

    pixels: NDArray[np.float32]
    bits: int
    ends: tuple[int, int] | None
    greys: Greys
    flags: tuple[str, ...] = ()


def stored_film(elements: Elements) -> StoredFilm:
    """The pixels of a DICOM file. Raises UnreadableFilm."""
    layout = layout_of(elements)
    pixels = read_pixels(elements, layout)
    if layout.samples == 1 and layout.photometric != PALETTE:
        stored = indexed(pixels, layout)
        shown = render(stored, elements, layout.photometric == "MONOCHROME1")
        untold = bool(elements.text(_PHOTOMETRIC)) and not layout.photometric
        flags = (*pixels.flags, *((POLARITY_UNTOLD,) if untold else ()), *shown.flags)
        return StoredFilm(shown.pixels, layout.bits, shown.ends, greys_of(stored, shown.chain, elements), flags)
    if layout.photometric == PALETTE:
        grey = colour.palette(indexed(pixels, layout).index, elements)
    elif pixels.values.ndim == 2:
        grey = colour.first_plane(pixels.values, layout.photometric, 2**layout.bits - 1)
    else:
        grey = colour.luminance(pixels.values, 2**layout.bits - 1)
    levels = Greys(GREY, (0.0, 2.0**layout.bits - 1))
    return StoredFilm(grey, layout.bits, None, levels, pixels.flags)


def _tags(elements: Elements, modality: str, part: str, view: str) -> dict[str, str]:
    """Allow-listed tags by DICOM keyword. Every value is a number or from a list of ours: none is free text."""
    photometric = layout_of(elements).photometric
    found = {
        "Modality": modality if modality in {*FILMS, *OTHER_FILMS} else "",
        "BodyPartExamined": part if part in SHOWN_CHEST else "",
        "ViewPosition": view,
        "PatientSex": sex if (sex := elements.text(0x0010_0040)) in ("M", "F", "O") else "",
        "PatientAge": _age(elements.text(0x0010_1010)),
        "Rows": str(elements.number(0x0028_0010)),
        "Columns": str(elements.number(0x0028_0011)),
        "PhotometricInterpretation": photometric,
    }
    return {name: value for name, value in found.items() if value}


def _age(text: str) -> str:
    """Whole years; 90 and above are one group, as HIPAA's safe harbour asks. Empty where not given in years."""
    match = re.fullmatch(r"(\d{3})Y", text)
    if not match:
        return ""
    years = int(match[1])
    return "90+" if years >= 90 else str(years)
