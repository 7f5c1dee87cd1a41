"""An OpenID provider and the application before it, for the tests of logging in with an account."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lofi.settings import Settings
from tests.ui.account_steps import Open, Still
from tests.ui.built import built
from tests.ui.openid import OpenId, openid

PEERS = itertools.count(1)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenId]:
    with openid() as provider:
        for name in ("SPACE_ID", "SPACE_HOST", "OAUTH_SCOPES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in provider.environment().items():
            monkeypatch.setenv(name, value)
        yield provider


@pytest.fixture
def account_door(tmp_path: Path, hub: OpenId) -> Open:
    def opened(peer: str = "127.0.0.1", **settings: Any) -> TestClient:
        app = built(Settings(**{"auth": "oauth", "reviews": str(tmp_path / "kept"), **settings}))
        return TestClient(app, base_url="https://localhost", client=(peer, 5), follow_redirects=False)

    return opened


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, OpenId]]:
    with openid() as provider, pytest.MonkeyPatch.context() as patch:
        for name, value in provider.environment().items():
            patch.setenv(name, value)
        yield built(Settings(auth="oauth", reviews=str(tmp_path_factory.mktemp("kept")))), provider


@pytest.fixture
def still(standing: tuple[FastAPI, OpenId]) -> Still:
    """A browser at an address of its own before an application and a provider that other tests use too."""
    app, provider = standing
    provider.fresh()
    peer = (f"198.51.100.{next(PEERS)}", 5)
    return TestClient(app, base_url="https://localhost", client=peer, follow_redirects=False), provider
