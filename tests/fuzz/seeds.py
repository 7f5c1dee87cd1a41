"""What fuzzing starts from: small sound examples of everything that is read, and values that have hurt somewhere."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
from PIL import Image
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from lofi.gallery import Gallery
from lofi.gallery.hnsw import HnswIndex
from lofi.gallery.manifest import Manifest
from lofi.gallery.storage import write_vectors
from lofi.gallery.table import PARQUET_SCHEMAS, write_records
from lofi.results import RegionBox, Study
from tests.doubles import clustered

VECTORS = clustered(40, 4)
STUDIES = tuple(
    Study(f"s{row}", "Left effusion.", ("Effusion",), "PA", boxes=(RegionBox("mass", (0.1, 0.1, 0.4, 0.5)),))
    for row in range(40)
)
GALLERY = Gallery(STUDIES, VECTORS, "f" * 64)
FILM = "a" * 64
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 10**400, -0.0, 1e308, 5e-324, float("nan"), float("inf"), "",
    " ", "\x00", "\ud800", "=1+1", "../../x", "a" * 5_000, "%s%n", "٣", "1" * 5_000, "{}", [], [[]], [None], {},
    {"": {}}, [1, 2, 3, 4], [[0.1, 0.2, 0.3]], [[[0, 0, 1, 1]]], {"a": [{"b": None}]}, "0.5", "NaN", "film\n\r\t",
    "\u202e\u200b",
)  # fmt: skip


def films() -> list[bytes]:
    """Small films: PNG of 8 and 16 bits, JPEG, WebP, DICOM."""
    grey = (np.add.outer(np.arange(40), np.arange(36)) * 3).astype(np.uint8)
    made = []
    for kind, image in (
        ("PNG", Image.fromarray(grey)),
        ("PNG", Image.fromarray(grey.astype(np.uint16) * 200)),
        ("PNG", Image.fromarray(np.stack([grey] * 3, 2))),
        ("JPEG", Image.fromarray(grey)),
        ("WEBP", Image.fromarray(grey)),
    ):
        sink = io.BytesIO()
        image.save(sink, kind)
        made.append(sink.getvalue())
    return [*made, dicom()]


def streams() -> list[bytes]:
    """Compressed images, or their beginnings: JPEG, JPEG 2000, JPEG-LS."""
    return [films()[3], b"\xff\x4f\xff\x51" + bytes(60), b"\xff\xd8\xff\xf7" + bytes(40)]


def dicom(values: np.ndarray | None = None) -> bytes:
    """An uncompressed chest film with a patient: of (H, W) values of 12 bits, or of a few."""
    shown = np.arange(40 * 36, dtype=np.uint16).reshape(40, 36) if values is None else values
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = uid.ComputedRadiographyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = uid.ComputedRadiographyImageStorage, "1.2.3"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "DOE^JANE", "1234", "19700101"
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition, ds.PixelSpacing = "CR", "CHEST", "PA", [0.2, 0.2]
    (ds.Rows, ds.Columns), ds.SamplesPerPixel, ds.PhotometricInterpretation = shown.shape, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = (600, 1_000) if values is None else (2_048, 3_500)
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.PixelData = shown.tobytes()
    sink = io.BytesIO()
    dcmwrite(sink, ds, enforce_file_format=True)
    return sink.getvalue()


def index(folder: Path) -> bytes:
    """The file of a graph over VECTORS."""
    HnswIndex.build(VECTORS).write(folder / "index")
    return (folder / "index").read_bytes()


def regions() -> bytes:
    """Tensors of a region index of GALLERY."""
    count = 6
    arrays = {
        "study": np.arange(count, dtype=np.int32),
        "number": np.zeros(count, np.int32),
        "vectors": clustered(count, 5).astype(np.float16),
        "tokens": np.zeros((count, 3, 7), np.float16),
        "canvas": np.tile(np.float32([0.1, 0.1, 0.4, 0.5]), (count, 1)),
        "seen": np.zeros((count, 4), np.float16),
        "phrase_vectors": clustered(2, 4).astype(np.float16),
    }
    return bytes(safetensors.numpy.save(arrays))


def parquet(studies: Sequence[Study] = STUDIES[:2]) -> bytes:
    """Two studies, as galleries of format 1 kept them."""
    rows = [
        {name: value for name, value in asdict(study).items() if name in PARQUET_SCHEMAS[0].names} for study in studies
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=PARQUET_SCHEMAS[0]), sink, compression="zstd")
    return sink.getvalue()


def arrow(folder: Path) -> bytes:
    """Two studies."""
    write_records(STUDIES[:2], folder / "records")
    return (folder / "records").read_bytes()


def vectors(folder: Path) -> bytes:
    """The vectors of GALLERY."""
    write_vectors(VECTORS, True, folder / "vectors")
    return (folder / "vectors").read_bytes()


def as_json(value: Any) -> bytes:
    """JSON as a browser or a hostile program writes it: NaN and lone surrogates go through."""
    return json.dumps(value).encode()


RECORD = {
    "study_id": "s1", "image": "images/a.webp", "report": "Left effusion.", "findings": ["Effusion"], "view": "PA",
    "sex": "F", "age": "058Y", "patient_id": "p1", "source": "nih", "simulated": True,
    "boxes": [{"phrase": "mass", "box": [0.1, 0.2, 0.3, 0.4], "label": "Mass", "kind": "finding", "quality": "exact"}],
}  # fmt: skip
QUESTION = {
    "film": FILM, "text": "left effusion", "phrases": ["mass", "effusion"], "like": ["s1"], "unlike": [], "k": 8,
    "box": [0.1, 0.2, 0.5, 0.6], "where": "view=PA age=18-90", "offset": 0, "report": "Clear.", "reader": "AB",
}  # fmt: skip
MARK = {"kind": "box", "decision": "moved", "phrase": "mass", "number": 0, "box": [0.1, 0.2, 0.5, 0.6], "comment": "x"}
ABSENT = {"kind": "phrase", "phrase": "mass", "decision": "absent"}
VERDICT = {
    "film": FILM, "reader": "AB", "fingerprint": "f", "kind": "box", "decision": "accepted", "phrase": "mass",
    "number": 0, "hit": "", "model_box": [0.1, 0.2, 0.5, 0.6], "box": None, "score": 0.5, "comment": "", "time": "",
}  # fmt: skip
STUDY = {
    "name": "reading", "where": "view=PA", "phrases": ["mass"], "seed": 1, "limit": 3, "blind": True, "hits": 3,
    "readers": ["AB"], "cases": [{"study": "s1", "phrases": ["effusion"]}],
}  # fmt: skip
ANSWER = {
    "groundings": [
        {"phrase": "mass", "found": True, "confidence": 0.5, "boxes": [[0.1, 0.2, 0.5, 0.6]], "scores": [0.5]}
    ],
    "hits": [["s1", 0.9]],
    "failed": "",
}
MANIFEST = json.loads(Manifest(
    model="tiny", fingerprint="f" * 64, dim=4, count=40, vectors_sha256="0" * 64, records_sha256="1" * 64
).to_text())  # fmt: skip
REPORTS = [
    "FINDINGS: Small left pleural effusion. No pneumothorax.\nIMPRESSION: 1. Effusion. 2. Stable.",
    "The heart is not enlarged, without edema; there may be consolidation in the right lower lobe.",
    "",
]
