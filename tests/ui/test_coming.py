"""Films on their way are counted in bytes over all requests, and who stops sending holds nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from lofi.errors import Busy
from lofi.settings import Settings
from lofi.ui import sending
from lofi.ui.coming import Coming
from lofi.ui.holdings import Holdings
from tests.ui.built import run


def test_bytes_count_until_a_body_is_whole_or_given_up() -> None:
    coming = Coming(most=100, each=60)
    with coming.body("a") as first, coming.body("b") as second:
        first(60)
        with pytest.raises(Busy):
            first(1)
        second(40)
        with pytest.raises(Busy):
            second(1)
        assert coming.held == 100
    assert coming.held == 0


def asked(app: FastAPI, *parts: bytes) -> tuple[int, bytes]:
    """The answer to a body of which nothing comes after ``parts``."""
    waiting, said = list(parts), {"status": 0, "body": b""}

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        said["status"] = message.get("status", said["status"])
        said["body"] += message.get("body", b"")  # type: ignore[operator]

    headers = [(b"content-type", b"application/octet-stream")]
    scope = {"type": "http", "method": "POST", "path": "/lofi/open", "headers": headers, "query_string": b""}
    run(app(scope, receive, send))  # type: ignore[arg-type]
    return int(str(said["status"])), bytes(said["body"])  # type: ignore[arg-type]


def test_who_stops_sending_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SILENCE", 0.05)
    app = FastAPI()
    app.include_router(sending.sending_route(Holdings(Settings(reviews=str(tmp_path)))))
    status, body = asked(app, b"x" * 1000, b"y" * 1000)
    assert (status, b"did not arrive in time" in body) == (400, True)


def test_no_more_is_taken_in_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "Coming", lambda: Coming(most=1500))
    app = FastAPI()
    app.include_router(sending.sending_route(Holdings(Settings(reviews=str(tmp_path)))))
    status, body = asked(app, b"x" * 1000, b"y" * 1000)
    assert (status, b"on their way" in body) == (400, True)
