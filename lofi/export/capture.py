"""A case as a DICOM picture that any viewer shows: the PNG as a secondary capture, filed in the study of its film."""

import io

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from lofi.export.case import NOTE, Case
from lofi.export.picture import write_png
from lofi.export.source import as_file, source_of, stamp
from lofi.export.written import Written, named


def write_sc(case: Case, identified: bool = False) -> Written:
    """The picture with its boxes and legend, RGB of 8 bits. Raises BadQuery as ``source_of``."""
    source = source_of(case, identified)
    with Image.open(io.BytesIO(write_png(case).data)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = source.image.StudyInstanceUID, generate_uid()
    made.Modality, made.ConversionType, made.ImageType = "OT", "WSD", ["DERIVED", "SECONDARY"]
    made.SeriesNumber, made.InstanceNumber, made.PatientOrientation = 9003, 1, ""
    made.BodyPartExamined, made.BurnedInAnnotation = "CHEST", "YES"
    made.SecondaryCaptureDeviceManufacturer = "LoFi"
    made.ImageComments = f"{NOTE} Film SHA-256 {case.film.sha256}."
    moment = case.made_at.astimezone()
    made.ContentDate, made.ContentTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    if source.capture is None:
        reference = Dataset()
        reference.ReferencedSOPClassUID = source.image.SOPClassUID
        reference.ReferencedSOPInstanceUID = source.image.SOPInstanceUID
        made.SourceImageSequence = [reference]
    made.Rows, made.Columns, made.SamplesPerPixel = *pixels.shape[:2], 3
    made.PhotometricInterpretation, made.PlanarConfiguration, made.PixelRepresentation = "RGB", 0, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    content = pixels.tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    stamp(made, case, source, "LoFi picture. Research use only.")
    return named(case, as_file(made), "picture", "dcm", "application/dicom")
