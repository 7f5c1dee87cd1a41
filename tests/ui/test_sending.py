"""Films sent by the page go through the cage: files that end a process cost a sentence, and nobody waits in vain."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lofi.film.cage import Cage
from lofi.settings import Settings
from lofi.ui.holdings import Holdings
from lofi.ui.sending import BYTES, sending_route
from tests.film.test_cage import PNG, PROBE
from tests.film.test_dicom import RAMP, dataset, written
from tests.ui.built import run


@pytest.fixture
def holdings(tmp_path: Path) -> Iterator[Holdings]:
    """Without its model; its worker does what a file asks it to try."""
    held = Holdings(Settings(reviews=str(tmp_path)))
    held.cage.close()
    held.cage = Cage(workers=1, command=PROBE)
    yield held
    held.close()


@pytest.fixture
def app(holdings: Holdings) -> FastAPI:
    app = FastAPI()
    app.include_router(sending_route(holdings))
    return app


def sent(app: FastAPI, data: bytes) -> tuple[int, dict[str, Any]]:
    answer = TestClient(app).post("/lofi/open", content=data, headers={"Content-Type": BYTES})
    return answer.status_code, answer.json()


def test_a_film_and_its_source(app: FastAPI, holdings: Holdings) -> None:
    status, answer = sent(app, PNG)
    assert (status, answer["film"]["size"]) == (200, {"height": 400, "width": 600})
    assert "pass" not in answer
    source = dataset(RAMP, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", SOPInstanceUID="1.2.5")
    source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    _, answer = sent(app, written(source))
    assert holdings.origin(answer["film"]["sha256"], answer["pass"]) is not None
    assert answer["same"] is None, "the file names no patient"
    source.PatientID = "INV-7"
    assert sent(app, written(source))[1]["same"]["patient"]
    assert holdings.cage.admission.held == 0


@pytest.mark.parametrize("trial", [b"die", b"garbage"])
def test_a_file_that_ends_its_worker_is_a_sentence(app: FastAPI, trial: bytes) -> None:
    status, answer = sent(app, b"TRY " + trial)
    assert (status, "does not survive" in answer["error"]) == (400, True)
    assert sent(app, PNG)[0] == 200


def test_a_sender_who_leaves_frees_the_worker(app: FastAPI, holdings: Holdings) -> None:
    messages = [{"type": "http.request", "body": b"TRY sleep", "more_body": False}]
    answers: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.5)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/lofi/open", "query_string": b"", "root_path": "",
        "headers": [(b"content-type", BYTES.encode())], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    run(asyncio.wait_for(app(scope, receive, send), 60))
    assert answers[0]["status"] == 400
    assert holdings.cage.read(PNG).size_hw == (400, 600)  # the only worker is free, or a new one
