"""A DICOM radiograph to an Exposure: what it says it is, its stored pixels, its allow-listed tags."""

import re
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.errors import NotAChestFilm, UnreadableFilm
from lofi.film import codestream
from lofi.film.elements import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, PIXEL_DATA, Elements, damaged, read_elements
from lofi.film.exposure import Exposure, check_size
from lofi.film.greyscale import Stored, render

MODALITIES = {
    "CR": "computed radiograph",
    "DX": "digital radiograph",
    "DR": "digital radiograph",
    "RG": "digitised film",
    "SC": "secondary capture",
    "OT": "other image",
}
"""Modalities that can be a chest film; the rest is refused by name."""
OTHERS = {
    "CT": "a CT image", "MR": "an MR image", "US": "an ultrasound image", "NM": "a nuclear medicine image",
    "PT": "a PET image", "MG": "a mammogram", "XA": "an angiogram", "RF": "a fluoroscopy image",
    "IO": "an image of teeth", "PX": "a panoramic film of the jaws", "SEG": "a segmentation", "SR": "a report",
    "RTPLAN": "a radiotherapy plan", "RTDOSE": "a radiotherapy dose", "RTSTRUCT": "a set of radiotherapy contours",
    "RTIMAGE": "a radiotherapy image", "ECG": "an electrocardiogram", "PR": "a presentation state",
    "KO": "a list of references", "DOC": "a document", "XC": "a photograph", "SM": "a microscopy image",
    "ES": "an endoscopy image", "OP": "an eye image", "BMD": "a bone density scan",
}  # fmt: skip
CHEST_WORDS = ("CHEST", "THORAX", "LUNG", "TORAX", "TORACE", "HEART", "RIB")
"""A body part that contains one of these can show on a chest film."""
VAGUE_PARTS = frozenset({"", "UNKNOWN", "OTHER", "OT", "NONE", "UNDEFINED", "NA", "N/A", "BODY", "TRUNK", "DEFAULT"})
OTHER_PARTS = frozenset(
    {
        "ABDOMEN", "ANKLE", "ARM", "BREAST", "CALCANEUS", "CLAVICLE", "COCCYX", "CSPINE", "ELBOW", "EXTREMITY",
        "EYE", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG",
        "LSPINE", "NECK", "PELVIS", "SACRUM", "SCAPULA", "SHOULDER", "SKULL", "SPINE", "SSPINE", "STERNUM",
        "TEETH", "THUMB", "TIBIA", "TOE", "TSPINE", "WRIST",
    }
)  # fmt: skip
"""Body parts that may be named in a refusal: a free text in this place could hold anything."""
VIEWS = {
    "PA": "PA", "AP": "AP", "APSUPINE": "AP", "APPORTABLE": "AP", "APERECT": "AP",
    "LL": "LATERAL", "RL": "LATERAL", "LATERAL": "LATERAL", "LAT": "LATERAL", "L": "LATERAL",
}  # fmt: skip
_STRIPE = 256
_DICOMDIR = "1.2.840.10008.1.3.10"
_FOREIGN = (b"%PDF", b"MZ", b"\x7fELF", b"PK\x03\x04", b"<", b"#!", b"\x89PNG", b"\xff\xd8", b"GIF8", b"Rar!")


def decode(data: bytes) -> Exposure:
    """The film in a DICOM file. Raises NotAChestFilm where its tags name something else, else UnreadableFilm."""
    if data[128:132] == b"DICM" and data.startswith(_FOREIGN):
        # Such a file is a document or a program to other software; TIFF is the one double face PS3.10 foresees.
        raise UnreadableFilm("The DICOM file begins like a file of another kind: export it again.")
    elements = read_elements(data)
    _refuse_other_things(elements)
    view = _view(elements.text(0x0018_5101))
    film = stored_film(elements)
    modality, part = elements.text(0x0008_0060).upper(), _part(elements)
    return Exposure(
        pixels=film.pixels,
        bits=film.bits,
        kind=f"DICOM {modality}".strip() + (" colour" if film.ends is None else ""),
        view=view,
        spacing_mm=_spacing(elements),
        ends=film.ends,
        tags=_tags(elements, view),
        told=False if view == "LATERAL" else True if view and part in CHEST_WORDS else None,
    )


def claimed_size(data: bytes) -> tuple[int, int]:
    """(height, width) by the header of a DICOM file. Raises UnreadableFilm."""
    return _size(read_elements(data))


def _size(elements: Elements) -> tuple[int, int]:
    return elements.number(0x0028_0010) or 0, elements.number(0x0028_0011) or 0


def _refuse_other_things(elements: Elements) -> None:
    """Raise NotAChestFilm for what the tags say is no chest radiograph of one frame."""
    if elements.media_class == _DICOMDIR:
        raise NotAChestFilm("This is a DICOMDIR, the index of a disc: open one of the image files beside it.")
    modality = elements.text(0x0008_0060).upper()
    if modality and modality not in MODALITIES:
        what = f"{OTHERS[modality]} (modality {modality})" if modality in OTHERS else "of another modality"
        raise NotAChestFilm(f"A chest radiograph was expected, this DICOM file is {what}.")
    frames = elements.decimals(0x0028_0008)
    if frames and frames[0] > 1:
        raise NotAChestFilm(
            f"A single film was expected, this DICOM file has {min(frames[0], 1e6):.0f} frames: choose one image."
        )
    part = _part(elements)
    if part not in VAGUE_PARTS and part not in CHEST_WORDS:
        named = f" ({part})" if part in OTHER_PARTS else ""
        raise NotAChestFilm(f"A chest film was expected, this DICOM file is of another body part{named}.")


def _view(text: str) -> str:
    """PA, AP, LATERAL or nothing, of a view position as vendors write it ("AP SUPINE", "Left lateral")."""
    letters = re.sub("[^A-Z]", "", text.upper())
    return VIEWS.get(letters, "LATERAL" if "LAT" in letters else "")


def _part(elements: Elements) -> str:
    """Body part in capitals, one of CHEST_WORDS where it holds one; else the coded region's name, if it is known."""
    part = elements.text(0x0018_0015).upper()
    if part in VAGUE_PARTS and (region := elements.items.get(0x0008_2218)) is not None:
        meaning = region.text(0x0008_0104).upper()
        part = meaning if meaning in OTHER_PARTS or meaning in CHEST_WORDS else part
    return next((word for word in CHEST_WORDS if word in part), part)


class StoredFilm(NamedTuple):
    """(H, W) float32 in 0–1, bits stored, and the stored values shown black and white: None for a colour image."""

    pixels: NDArray[np.float32]
    bits: int
    ends: tuple[int, int] | None


def stored_film(elements: Elements) -> StoredFilm:
    """The pixels of a DICOM file. Raises UnreadableFilm."""
    if not elements.fragments and not elements.values.get(PIXEL_DATA):
        raise UnreadableFilm("The DICOM file holds no image (its pixel data are missing or empty).")
    rows, columns = _size(elements)
    samples = elements.number(0x0028_0002) or 1
    allocated = elements.number(0x0028_0100) or 0
    bits = elements.number(0x0028_0101) or allocated
    photometric = elements.text(0x0028_0004) or "MONOCHROME2"
    check_size(rows, columns, samples * max(1, allocated // 8))
    if allocated not in (8, 16) or not 1 < bits <= allocated:
        raise UnreadableFilm("The DICOM image has an unsupported depth: 8 or 16 bits a pixel were expected.")
    signed = elements.number(0x0028_0103) == 1
    if samples == 1 and photometric in ("MONOCHROME1", "MONOCHROME2"):
        stored = _frame(elements, (rows, columns), 1, allocated, bits, photometric, signed)
        pixels, ends = render(_indexed(stored, elements, bits, signed), elements)
        return StoredFilm(pixels, bits, ends)
    if samples == 3 and photometric in ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT") and not signed:
        stored = _frame(elements, (rows, columns), 3, allocated, bits, photometric, signed)
        return StoredFilm(luminance(stored, 2**bits - 1), bits, None)
    raise UnreadableFilm("The DICOM image is neither grey nor plain colour: export it as a grey image.")


def luminance(colour: NDArray[Any], greatest: int) -> NDArray[np.float32]:
    """(H, W) float32 in 0–1 of (H, W, 3) RGB integers up to ``greatest`` (ITU-R BT.601)."""
    weights = np.array([[0.299, 0.587, 0.114]], dtype=np.float32) / greatest
    grey = np.empty(colour.shape[:2], dtype=np.float32)
    # By stripes: three floats a pixel would be a gigabyte on the largest image.
    for row in range(0, len(grey), _STRIPE):
        stripe = colour[row : row + _STRIPE].astype(np.float32)
        grey[row : row + _STRIPE] = np.clip(cv2.transform(stripe, weights), 0.0, 1.0)
    return grey


def _frame(
    elements: Elements,
    size_hw: tuple[int, int],
    samples: int,
    allocated: int,
    bits: int,
    photometric: str,
    signed: bool,
) -> NDArray[Any]:
    """Stored values (H, W) or (H, W, 3), colours as RGB."""
    if elements.fragments:
        return codestream.decode(
            b"".join(elements.fragments),
            elements.syntax,
            size_hw,
            samples_per_pixel=samples,
            bits_allocated=allocated,
            bits_stored=bits,
            photometric_interpretation=photometric,
            pixel_representation=int(signed),
            **({"planar_configuration": elements.number(0x0028_0006) or 0} if samples > 1 else {}),
        )
    if elements.syntax not in (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED):
        raise damaged("its header and its pixel data disagree on compression")
    count = size_hw[0] * size_hw[1] * samples
    data = elements.values[PIXEL_DATA]
    if len(data) < count * allocated // 8:
        raise damaged("it has fewer pixels than its rows and columns ask for")
    if allocated == 8 and not elements.little and elements.pixel_vr == b"OW":
        # Words of two pixels, the second first (PS3.5 section 8.1.1 and annex A.3).
        data = memoryview(np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2").astype(">u2").tobytes())
    order = "<" if elements.little else ">"
    stored: NDArray[Any] = np.frombuffer(data, dtype="u1" if allocated == 8 else order + "u2", count=count)
    if samples == 1:
        return stored.reshape(size_hw)
    if photometric != "RGB":
        raise UnreadableFilm("The DICOM image is in an unsupported colour space: export it as a grey image.")
    planes = elements.number(0x0028_0006) == 1
    return np.moveaxis(stored.reshape(3, *size_hw), 0, 2) if planes else stored.reshape(*size_hw, 3)


def _indexed(values: NDArray[Any], elements: Elements, bits: int, signed: bool) -> Stored:
    """Stored values as an index from the least one that ``bits`` allow."""
    half, mask = 2 ** (bits - 1), 2**bits - 1
    if elements.fragments:
        # A lossy decoder may overshoot: hold at the ends. No overlay hides in a compressed stream's high bits.
        lowest = -half if signed else 0
        index = (np.clip(values, lowest, lowest + mask).astype(np.int32) - lowest).astype(np.uint16)
        return Stored(index, bits, lowest)
    shift = (elements.number(0x0028_0102) or bits - 1) - (bits - 1)
    index = values.astype(np.uint16)
    if shift > 0:
        index >>= np.uint16(min(shift, 15))
    index &= np.uint16(mask)
    if signed:
        # Two's complement to an index that grows with the value.
        index ^= np.uint16(half)
    return Stored(index, bits, -half if signed else 0)


def _spacing(elements: Elements) -> tuple[float, float] | None:
    """(row, column) millimetres: at the patient where known, else at the detector; None where implausible."""
    for tag in (0x0028_0030, 0x0018_1164):
        try:
            values = elements.decimals(tag)
        except UnreadableFilm:
            continue
        if len(values) == 2 and all(0.01 <= value <= 10 for value in values):
            return values[0], values[1]
    return None


def _tags(elements: Elements, view: str) -> dict[str, str]:
    """Allow-listed tags by DICOM keyword. Every value is a number or from a list in this file: none is free text."""
    found = {
        "Modality": elements.text(0x0008_0060).upper(),
        "BodyPartExamined": part if (part := _part(elements)) in CHEST_WORDS else "",
        "ViewPosition": view,
        "PatientSex": sex if (sex := elements.text(0x0010_0040)) in ("M", "F", "O") else "",
        "PatientAge": _age(elements.text(0x0010_1010)),
        "Rows": str(elements.number(0x0028_0010)),
        "Columns": str(elements.number(0x0028_0011)),
        "PhotometricInterpretation": elements.text(0x0028_0004),
    }
    return {name: value for name, value in found.items() if value}


def _age(text: str) -> str:
    """Whole years; 90 and above are one group, as HIPAA's safe harbour asks. Empty where not given in years."""
    match = re.fullmatch(r"(\d{3})Y", text)
    if not match:
        return ""
    years = int(match[1])
    return "90+" if years >= 90 else str(years)
