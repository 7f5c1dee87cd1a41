"""The independent judge of DICOM objects."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.export.cases import Judge


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Errors and warnings that dciodvfy (David Clunie's dicom3tools) finds in a DICOM file's bytes."""
    program = shutil.which("dciodvfy")
    if program is None:
        reason = "dciodvfy is not here: apt install dicom3tools"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    path: Path = tmp_path_factory.mktemp("judged") / "object.dcm"

    def judged(data: bytes) -> list[str]:
        path.write_bytes(data)
        # It exits with 1 on errors and names the kind of object it took the file for.
        done = subprocess.run([program, path], capture_output=True, check=False, timeout=120)
        said = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
        assert any(line.startswith(("ComprehensiveSR", "GrayscaleSoftcopy", "SCImage")) for line in said), said
        return [line for line in said if line.startswith(("Error", "Warning")) and not _expected(line)]

    return judged


def _expected(line: str) -> bool:
    """Warnings of what is meant: nobody is named, and the private codes are private."""
    return "DICOMDIR" in line or "<99LOFI>" in line
