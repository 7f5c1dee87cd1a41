"""Readiness and figures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lofi.settings import Settings
from lofi.ui.health import Metrics, health_routes, resident
from tests.ui.built import built

Open = Callable[..., TestClient]


@pytest.fixture
def door(tmp_path: Path) -> Open:
    def door(peer: str, **settings: Any) -> TestClient:
        return TestClient(
            built(Settings(reviews=str(tmp_path), **settings)), base_url="http://localhost", client=(peer, 5)
        )

    return door


def test_ready_only_with_model_and_gallery(door: Open) -> None:
    answer = door("198.51.100.7").get("/healthz", headers={"Host": "10.0.0.9:7860"})  # as a load balancer asks
    assert (answer.status_code, answer.text) == (503, "not ready\n")
    app = FastAPI()
    app.include_router(health_routes(lambda: True, Metrics()))
    assert TestClient(app).get("/healthz").status_code == 200


def test_figures_are_for_this_machine_and_listed_proxies(door: Open) -> None:
    assert door("198.51.100.7").get("/metrics").status_code == 404
    assert door("198.51.100.7", proxies="198.51.100.0/24").get("/metrics").status_code == 200
    local = door("127.0.0.1")
    assert local.get("/metrics").status_code == 200
    assert local.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 404
    space = door("10.1.1.1", proxies="0.0.0.0/0")
    assert space.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    behind = door("127.0.0.1", proxies="127.0.0.1")
    assert behind.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 404


def test_figures_count_by_route_and_tell_of_nobody(door: Open) -> None:
    client = door("127.0.0.1")
    client.get("/lofi/film?sha256=secret")
    client.get("/secret")
    client.request("SECRET", "/x")
    text = client.get("/metrics").text
    assert 'lofi_requests_total{method="GET",route="/lofi/film",status="404"} 1' in text
    assert 'lofi_requests_total{method="",route="",status="404"} 2' in text
    assert "lofi_ready 0" in text
    assert "lofi_request_seconds_count 3" in text
    assert "secret" not in text.lower()
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
    assert resident() > 2**20
