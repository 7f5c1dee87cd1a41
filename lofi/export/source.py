"""The DICOM image that an export speaks of: the one that was uploaded, or a secondary capture made of the film.

What an exported object carries of a person. Always the source's own UIDs, when it has them: nothing else ties the
object to its image, and it goes back to the one who sent that image. The patient and study modules stay empty unless
``identified`` is asked for: then they are the source's, because an archive files by them, and the object is as
confidential as the source. A PNG or JPEG has neither, and some DICOM files have no usable UIDs: then the film itself
is written beside, as a secondary capture under UIDs made from its hash, the same each time.
"""

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from lofi.errors import BadQuery
from lofi.export.case import NOTE, Case
from lofi.export.codes import meaning
from lofi.export.written import Written, named
from lofi.film.origin import Patient
from lofi.film.turn import UPRIGHT, Turn

UTF8 = "ISO_IR 192"
_README = """Made by LoFi. {note}

film.dcm        the film, as a secondary capture: the file that was opened is no DICOM image that can be referenced
{name:<15} what was found, with film.dcm as its source

Open both together. Model {model}, checkpoint {fingerprint}, made {time}.
"""


@dataclass(frozen=True)
class Source:
    """``image`` is the header of the referenced image. ``capture`` is its file where it was made here, else None.

    ``ends`` are the stored values to be shown black and white. ``turn`` is what made the film of its picture.
    """

    image: Dataset
    ends: tuple[int, int]
    capture: bytes | None = None
    turn: Turn = UPRIGHT


def source_of(case: Case, identified: bool = False, grey: bool = False) -> Source:
    """The image to reference; ``grey`` asks for one that a greyscale presentation state may reference.

    Raises BadQuery where ``identified`` is asked of a film whose file names no patient, or not legibly.
    """
    origin, ends = case.origin, case.film.ends
    patient = origin.patient if origin is not None and identified else None
    if identified and origin is not None and origin.unread:
        raise BadQuery(
            f"The film's file has a text that cannot be read in the character set it names, or that is too long "
            f"({origin.unread}): export it without the patient, or have the file put right where it came from."
        )
    if identified and (patient is None or not patient.patient_id):
        raise BadQuery("The film's file names no patient to file the export by: export it without the patient.")
    if origin is None or origin.size_hw != case.film.turn.swapped(case.film.size_hw) or (grey and ends is None):
        return _captured(case)
    image = _header(patient or Patient())
    image.SOPClassUID, image.SOPInstanceUID = origin.sop_class, origin.instance
    image.SeriesInstanceUID, image.StudyInstanceUID = origin.series, origin.study
    image.Rows, image.Columns = origin.size_hw
    image.SamplesPerPixel = 1 if ends is not None else 3
    return Source(image, ends or (0, 255), turn=case.film.turn)


def packed(case: Case, source: Source, made: Dataset, what: str) -> Written:
    """The finished object: alone, or in an archive with the film where there was no DICOM image to reference."""
    data = as_file(made)
    if source.capture is None:
        return named(case, data, what, "dcm", "application/dicom")
    name = f"{what}.dcm"
    about = _README.format(note=NOTE, name=name, model=case.model, fingerprint=case.fingerprint, time=case.time)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as files:
        for entry, content in (("film.dcm", source.capture), (name, data), ("README.txt", about.encode())):
            stamp = zipfile.ZipInfo(entry, case.made_at.astimezone(UTC).timetuple()[:6])
            files.writestr(stamp, content, zipfile.ZIP_DEFLATED)
    return named(case, archive.getvalue(), what, "zip", "application/zip")


def stamp(made: Dataset, case: Case, source: Source, description: str) -> None:
    """What every object says of where it comes from, and the patient of the source where that was asked for."""
    image = source.image
    for keyword in _PATIENT_KEYWORDS.values():
        setattr(made, keyword, getattr(image, keyword))
    made.SpecificCharacterSet = UTF8
    made.SeriesDescription = description
    if by := case.reader or case.initials:
        _name(made, f"{by}^", case)
    made.Manufacturer, made.ManufacturerModelName = "LoFi", meaning(case.model)
    made.DeviceSerialNumber = case.fingerprint
    made.SoftwareVersions = f"checkpoint {case.fingerprint[:16]}"
    # The study's own times have no zone, and an object has but one: local time beside them, UTC alone.
    local = bool(image.StudyDate or image.StudyTime)
    moment = case.made_at.astimezone() if local else case.made_at.astimezone(UTC)
    if not local:
        made.TimezoneOffsetFromUTC = "+0000"
    day, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    made.SeriesDate, made.SeriesTime, made.InstanceCreationDate, made.InstanceCreationTime = day, time, day, time
    for keyword in ("ContentDate", "PresentationCreationDate"):
        if keyword in made:
            setattr(made, keyword, day)
            setattr(made, keyword.replace("Date", "Time"), time)
    if not image.PatientID:
        made.PatientIdentityRemoved = "YES"
        made.DeidentificationMethod = "Patient and study modules left empty; UIDs of the source kept"


def _name(made: Dataset, person: str, case: Case) -> None:
    """Who had the object made: the operator of a series, and in a report, which knows none, who entered it."""
    if made.Modality != "SR":
        made.OperatorsName = person
        return
    entered = Dataset()
    entered.ParticipationType = "ENT"
    entered.ParticipationDateTime = case.made_at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    entered.ObserverType, entered.PersonName, entered.PersonIdentificationCodeSequence = "PSN", person, []
    entered.InstitutionName, entered.InstitutionCodeSequence = "", []
    made.ParticipantSequence = [entered]


def provenance(case: Case) -> tuple[str, ...]:
    """Sentences that name the research use, model, checkpoint, gallery, film and time."""
    gallery = case.gallery
    return (
        NOTE,
        f"Made by LoFi, an algorithm. Model {case.model}, checkpoint SHA-256 {case.fingerprint}.",
        f"Gallery {gallery.name}, {gallery.studies} studies, SHA-256 {gallery.sha256}."
        if gallery
        else "No gallery was searched.",
        f"Film SHA-256 {case.film.sha256}. Made {case.time}.",
    )


_PATIENT_KEYWORDS = {
    "name": "PatientName", "patient_id": "PatientID", "birth_date": "PatientBirthDate", "sex": "PatientSex",
    "study_date": "StudyDate", "study_time": "StudyTime", "study_id": "StudyID",
    "accession_number": "AccessionNumber", "referring_physician": "ReferringPhysicianName",
}  # fmt: skip


def _header(patient: Patient) -> Dataset:
    """Patient and study modules."""
    header = Dataset()
    header.SpecificCharacterSet = UTF8
    for field, keyword in _PATIENT_KEYWORDS.items():
        setattr(header, keyword, getattr(patient, field))
    return header


def _captured(case: Case) -> Source:
    """A secondary capture of the film as it is shown: white is dense, 8 bits where the file had no more."""
    film = case.film
    image = _header(Patient())
    image.SOPClassUID = SecondaryCaptureImageStorage
    uids = [generate_uid(entropy_srcs=["LoFi secondary capture 1", film.sha256, part]) for part in "iso"]
    image.SOPInstanceUID, image.SeriesInstanceUID, image.StudyInstanceUID = uids
    image.Modality, image.ConversionType, image.ImageType = "OT", "WSD", ["DERIVED", "SECONDARY"]
    image.SeriesNumber, image.InstanceNumber = 1, 1
    image.SeriesDescription = "Film as opened in LoFi. Research use only."
    image.Manufacturer = image.SecondaryCaptureDeviceManufacturer = "LoFi"
    image.ImageComments = f"{NOTE} Film SHA-256 {film.sha256}."
    image.PatientOrientation, image.BodyPartExamined = "", "CHEST"
    image.Rows, image.Columns = film.size_hw
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    depth = 8 if film.bits <= 8 else 16
    image.BitsAllocated, image.BitsStored, image.HighBit = depth, depth, depth - 1
    greatest = 2**depth - 1
    image.WindowCenter, image.WindowWidth = (greatest + 1) / 2, greatest + 1
    stored = np.rint(film.pixels * greatest).astype("u1" if depth == 8 else "<u2")
    content = stored.tobytes()
    image.PixelData = content + b"\0" * (len(content) % 2)
    return Source(image, (0, greatest), as_file(image))


def as_file(made: Dataset) -> bytes:
    """The bytes of the file of an object."""
    if not hasattr(made, "file_meta"):
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    target = io.BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def instance_of(data: bytes) -> str:
    """The UID of an object that was made here."""
    return str(dcmread(io.BytesIO(data), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
