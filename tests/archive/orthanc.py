"""A real Orthanc with its DICOMweb plugin, and a film that is filed in it."""

import io
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from lofi.archive import Archive, Place

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "reader", "pass word"
ROOT = "1.2.826.0.1.3680043.8.498.7"
"""Studies of the tests are below this UID."""


@dataclass(frozen=True)
class Peer:
    """A running archive: the setting that names it, and the archive itself."""

    setting: str
    archive: Archive
    stop: Callable[[], object]


@contextmanager
def orthanc(folder: Path) -> Iterator[Peer]:
    """Orthanc in a folder of its own. Skips where it is not installed, fails in CI."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not PLUGIN.exists():
        reason = "Orthanc is not here (on Debian: apt install orthanc orthanc-dicomweb)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": [str(PLUGIN)],
        "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD}, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "db").mkdir()
    (folder / "orthanc.json").write_text(json.dumps(settings))
    (folder / "user").write_text(f"{USER}:{PASSWORD}\n")
    with (folder / "orthanc.log").open("w") as log:
        server = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
    setting = f"http://127.0.0.1:{port}/dicom-web file:{folder / 'user'}"
    try:
        _wait_for(port, server)
        yield Peer(setting, Archive(Place.of(setting)), lambda: _ended(server))
    finally:
        _ended(server)


def _ended(server: "subprocess.Popen[bytes]") -> None:
    """Ask it to end and wait until it has: until then it goes on answering."""
    server.terminate()
    server.wait(60)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert server.poll() is None, "Orthanc ended at once"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/dicom-web/studies", timeout=60).close()
        except urllib.error.HTTPError as refused:
            refused.close()
            return  # it asks for a password
        except OSError:
            time.sleep(0.1)
    pytest.fail("Orthanc did not answer")


def radiograph(film: Path, study: int, date: str, patient: str = "P-1", instance: int = 1) -> bytes:
    """A picture of a film as a CR image: study, series and image numbered below ``ROOT``."""
    with Image.open(film) as picture:
        grey = np.asarray(picture.convert("L"))
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = ComputedRadiographyImageStorage, f"{ROOT}.{study}.1.{instance}"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.1"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Doe^Jane", patient, "19500102", "F"
    made.StudyDate, made.StudyTime, made.AccessionNumber, made.StudyID = date, "101112", f"ACC{study}", str(study)
    made.ReferringPhysicianName = ""
    made.StudyDescription, made.SeriesDescription, made.Modality = "Chest", "PA", "CR"
    made.BodyPartExamined, made.ViewPosition = "CHEST", "PA"
    made.SeriesNumber, made.InstanceNumber, made.PatientOrientation = 1, instance, ""
    made.Rows, made.Columns, made.SamplesPerPixel = *grey.shape, 1
    made.PhotometricInterpretation, made.PixelRepresentation = "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    content = grey.tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    target = io.BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()
