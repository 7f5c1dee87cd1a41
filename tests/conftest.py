"""Fixtures that every test may use."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lofi.gallery import Gallery
from lofi.settings import Settings
from tests.asking import status

if TYPE_CHECKING:
    from lofi.engine import Engine

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes first: a worker that meets one last keeps the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """The command line silences the log of its process: for the test that runs it, not for those that follow."""
    yield
    logging.disable(logging.NOTSET)


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


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The bundled model and gallery, or those that LOFI_MODEL and LOFI_GALLERY name."""
    return Settings.from_environment()


@pytest.fixture(scope="session")
def engine(settings: Settings) -> "Engine":
    from lofi.engine import Engine  # torch only for the tests that need it

    return Engine.open(settings)


@pytest.fixture(scope="session")
def film_file(settings: Settings) -> Path:
    """A film of the gallery, as a person would drop it."""
    gallery = Gallery.open(settings.gallery)
    return next(path for study in gallery.studies if (path := gallery.image_path(study)))


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the app, running as ``make demo`` runs it. Fails when its log holds a trace or a file's name."""
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


@contextmanager
def running_app(folder: Path, **settings: str) -> Iterator[str]:
    """The app in a process of its own, its log, uploads and reviews in ``folder``; yields its address.

    ``settings`` are further environment variables. Fails when the log holds a trace or a file's name.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "log"
    places = {"LOFI_PORT": str(port), "TMPDIR": str(folder), "LOFI_REVIEWS": str(folder / "reviews")}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **places, **settings}
    with log.open("w") as sink:
        server = subprocess.Popen([sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=sink, stderr=sink)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(120)  # a machine that does other things as well
    written = log.read_text()
    assert "Traceback" not in written, written
    assert "secret" not in written, "a file's name reached the log"


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(900):
        assert server.poll() is None, "the app ended at once"
        with suppress(OSError):
            if status(url) < 400:
                return
        time.sleep(0.1)
    pytest.fail("the app did not answer")
