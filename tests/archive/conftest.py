"""One archive for all tests of it: three studies of one patient, one of another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.orthanc import Peer, orthanc, radiograph

DATES = ("20200101", "20220202", "20240303")


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory, film_file: Path) -> Iterator[Peer]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        files = [radiograph(film_file, number, date) for number, date in enumerate(DATES, start=1)]
        running.archive.store([*files, radiograph(film_file, 4, "20240404", "P-2")])
        yield running
