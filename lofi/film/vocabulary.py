"""Words of DICOM headers for what an image is: modalities, body parts, views. Only words of this file are ever shown.

On chest films up to 70 % of such tags hold errors (Borisov et al. 2023): presets that nobody changed, words of the
place, codes of a vendor. So a word can admit a film and can raise a doubt, but few refuse one by themselves.
"""

import re
import unicodedata
from itertools import pairwise

FILMS = frozenset({"CR", "DX", "DR", "XR", "RG", "RF", "SC", "OT"})
"""Modalities that can be a chest film: computed, digital and digitised radiographs, captures of them."""
OTHER_FILMS = {
    "MG": "a mammogram", "XA": "an angiogram", "IO": "an image of teeth", "PX": "a panoramic film of the jaws",
    "BMD": "a bone density scan", "XC": "a photograph",
}  # fmt: skip
"""Projection radiographs of something else, and what a film may have been photographed as: their pixels are asked."""
OTHERS = {
    "CT": "a CT image", "MR": "an MR image", "US": "an ultrasound image", "NM": "a nuclear medicine image",
    "PT": "a PET image", "SEG": "a segmentation", "SR": "a report",
    "RTPLAN": "a radiotherapy plan", "RTDOSE": "a radiotherapy dose", "RTSTRUCT": "a set of radiotherapy contours",
    "RTIMAGE": "a radiotherapy image", "RTRECORD": "a radiotherapy record", "ECG": "an electrocardiogram",
    "HD": "a haemodynamic waveform", "EPS": "an electrophysiology waveform", "AU": "a sound",
    "RESP": "a respiratory waveform", "PR": "a presentation state", "KO": "a list of references", "DOC": "a document",
    "SM": "a microscopy image", "GM": "a microscopy image", "ES": "an endoscopy image", "OP": "an eye image",
    "OPT": "an eye image", "IVUS": "an ultrasound image", "IVOCT": "an image of a vessel from within",
    "REG": "a registration",
}  # fmt: skip
"""Clearly no projection radiograph of a body: refused by name."""
_CLASSES = {
    "2": "CT", "2.1": "CT", "2.2": "CT", "4": "MR", "4.1": "MR", "4.3": "MR", "6.1": "US", "6.2": "US", "3.1": "US",
    "20": "NM", "128": "PT", "130": "PT", "66.4": "SEG", "66.1": "REG", "104.1": "DOC", "104.2": "DOC",
    "481.1": "RTIMAGE", "481.2": "RTDOSE", "481.3": "RTSTRUCT", "481.5": "RTPLAN", "481.8": "RTPLAN",
}  # fmt: skip
_CLASS_FAMILIES = {"9.": "ECG", "11.": "PR", "88.": "SR", "481.": "RTRECORD"}
_STORAGE = "1.2.840.10008.5.1.4.1.1."

CHEST = (
    "CHEST", "THORAX", "LUNG", "TORAX", "TORACE", "TORACIC", "TORAKS", "HEART", "RIB", "CXR", "PULMO", "PULMA",
    "POUMON", "POLMON", "AKCIGER", "GOGUS", "KLATKA", "PLUCA", "PŁUCA", "HRUDNIK", "MELLKAS", "BRYSTKASSE", "KEUHKO",
    "RINTAKEHA", "BRUSTKORB", "GRUDN", "NGUC", "ГРУДН", "ГРУДИ", "ОГК", "ЛЕГКИ", "ЛЕГКОГО", "ЛЕГЕН", "ГРЪДЕН", "ΘΩΡΑΚ",
    "ΠΝΕΥΜ", "胸", "肺", "흉부", "가슴", "폐", "صدر", "חזה", "ทรวงอก", "ปอด",
)  # fmt: skip
"""A body part that contains one of these, without its accents, can show on a chest film."""
SHOWN_CHEST = ("CHEST", "THORAX", "LUNG", "TORAX", "TORACE", "HEART", "RIB")
"""Of those, what is told as the body part; the others are told as CHEST."""
OTHER_PARTS = frozenset(
    {
        "ABDOMEN", "ANKLE", "ARM", "BREAST", "CALCANEUS", "CLAVICLE", "COCCYX", "CSPINE", "ELBOW", "EXTREMITY",
        "EYE", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG",
        "LSPINE", "NECK", "PELVIS", "SACRUM", "SCAPULA", "SHOULDER", "SKULL", "SPINE", "SSPINE", "STERNUM",
        "TEETH", "THUMB", "TIBIA", "TOE", "TSPINE", "WRIST",
    }
)  # fmt: skip
"""Other body parts, which may be named in a sentence: a free text in this place could hold anything."""
CODECS = (
    *("utf-8", "latin-1", "iso8859-2", "iso8859-9", "cp1251", "iso8859-5", "koi8-r", "iso8859-7", "iso8859-6"),
    *("iso8859-8", "tis-620", "shift_jis", "gb18030", "euc_kr"),
)
"""What stations write body parts in, whatever they name: a word of CHEST is no accident in any of them."""

_LATERAL = frozenset(
    {"LAT", "LATERAL", "LATERALE", "LL", "RL", "LLAT", "RLAT", "L", "SEITLICH", "PERFIL", "PROFIL", "LATERALIS"}
)
_FRONTAL = {
    "PA": "PA", "AP": "AP", "APSUPINE": "AP", "APPORTABLE": "AP", "APERECT": "AP", "PAERECT": "PA",
    "POSTEROANTERIOR": "PA", "ANTEROPOSTERIOR": "AP",
}  # fmt: skip
_DECUBITUS = frozenset({"DECUBITUS", "DECUB", "DECUBITO", "LLD", "RLD"})
VIEW_CODES = {
    "R-10206": "AP", "399348003": "AP", "R-10214": "PA", "R-40888": "PA", "272479007": "PA", "R-10236": "LATERAL",
    "399173006": "LATERAL", "R-10232": "LATERAL", "399198007": "LATERAL", "R-102CD": "LATERAL", "399067008": "LATERAL",
}  # fmt: skip
"""Codes of SNOMED for projections, old form and new (PS3.16, context group 4010)."""


def modality_of(value: str) -> str:
    """One modality in capitals of a tag that may hold several: the first that can be a film, else the first."""
    named = [part.strip() for part in value.upper().split("\\")]
    return next((name for name in named if name in FILMS), named[0])


def by_class(sop_class: str) -> str:
    """The modality of a SOP class that is clearly no film; "" else."""
    rest = sop_class.removeprefix(_STORAGE)
    if rest == sop_class:
        return ""
    return _CLASSES.get(rest) or next((name for start, name in _CLASS_FAMILIES.items() if rest.startswith(start)), "")


def part_of(value: bytes) -> str:
    """A word of SHOWN_CHEST or OTHER_PARTS for a body part, "" for one that says nothing that is known here."""
    for codec in CODECS:
        try:
            text = plain(value.decode(codec))
        except UnicodeDecodeError:
            continue
        if found := next((word for word in SHOWN_CHEST if word in text), ""):
            return found
        if any(word in text for word in CHEST):
            return "CHEST"
    words = re.findall("[A-Z]+", plain(value.decode("latin-1")))
    # "T SPINE" and "C-SPINE" in two words; the last is the noun.
    joined = {first + second for first, second in pairwise(words)}
    return next((word for word in (*sorted(joined), *reversed(words)) if word in OTHER_PARTS), "")


def plain(text: str) -> str:
    """In capitals and without accents."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c))).upper()


def view_of(text: str) -> str:
    """PA, AP, LATERAL or nothing, of a view as vendors write it ("AP SUPINE", "Left lateral", "antero-posterior")."""
    words = re.findall("[A-Z]+", plain(text))
    if not words or _DECUBITUS & {*words}:
        # Of a patient who lies on one side, and the beam goes from front to back or the other way.
        return next((_FRONTAL[word] for word in words if word in _FRONTAL), "")
    if _LATERAL & {*words} or any(word.endswith("LATERAL") and word != "BILATERAL" for word in words):
        return "LATERAL"
    return _FRONTAL.get("".join(words)) or next((_FRONTAL[word] for word in words if word in _FRONTAL), "")
