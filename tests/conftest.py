"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real films beside the project; absent on a user's machine, required in CI."""
    folder = Path(os.environ.get("LOFI_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "cxr" / "records.jsonl").is_file():
        reason = "the real films beside the project are not here (set LOFI_SHARED to their folder)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
