"""What an OpenID provider answers is believed only where it has to be; anything else ends in one sentence."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from lofi.ui import provider as told
from lofi.ui.provider import is_safe
from tests.ui.account_steps import DISCOVERY, Open, Still, come_back, fails, go
from tests.ui.openid import OpenId


def test_a_provider_that_is_down_is_told(account_door: Open, hub: OpenId, caplog: pytest.LogCaptureFixture) -> None:
    client, late = account_door(), account_door()
    place = go(late)
    hub.stop()
    fails(client.get("/login/begin"), 502, told.UNUSABLE)
    fails(come_back(late, place), 502, told.UNUSABLE)
    code = parse_qs(urlsplit(place).query)["code"][0]
    assert "discovery (ConnectError)" in caplog.text
    assert "token (ConnectError)" in caplog.text
    assert code not in caplog.text


SPOILT = {
    "no JSON": (200, b"<html>SECRETS"),
    "no object": (200, b'["SECRETS"]'),
    "deep": (200, b"[" * 60_000),
    "no UTF-8": (200, b'{"issuer": "\xff"}'),
    "empty": (200, b""),
    "an error": (500, b'{"error": "SECRETS"}'),
    "10 MB": (200, b'{"a": "' + b"x" * 10_000_000 + b'"}'),
    "a redirect": (302, b"http://127.0.0.1:9/SECRETS"),
    "nothing in it": (200, b"{}"),
}


@pytest.mark.parametrize("answer", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("path", ["/token", "/userinfo"])
def test_a_provider_that_answers_anything_else_is_told(
    still: Still, path: str, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    client, hub = still
    hub.spoilt[path] = answer
    fails(come_back(client, go(client)), 502, told.UNUSABLE)
    assert "SECRETS" not in caplog.text
    assert path[1:] in caplog.text


RIGHT = b'{"sub": "248289", "preferred_username": "anna"}'


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, RIGHT + b" " * 65_000, 200), (200, RIGHT + b" " * 10_000_000, 502), (500, RIGHT, 502), (302, b"", 502)],
    ids=["right", "long", "an error", "a redirect"],
)
def test_what_is_right_is_not_taken_from_any_answer(still: Still, status: int, body: bytes, expected: int) -> None:
    client, hub = still
    hub.spoilt["/userinfo"] = (status, body or f"{hub.url}/person".encode())
    assert come_back(client, go(client)).status_code == expected
    assert "/person" not in hub.asked


def test_a_discovery_document_that_is_anything_else_is_told(
    account_door: Open, hub: OpenId, caplog: pytest.LogCaptureFixture
) -> None:
    client = account_door()
    for hub.spoilt[DISCOVERY] in SPOILT.values():
        fails(client.get("/login/begin"), 502, told.UNUSABLE)
    assert "SECRETS" not in caplog.text
    hub.spoilt.clear()
    other = TestClient(client.app, base_url="https://localhost", client=("198.51.100.1", 5), follow_redirects=False)
    assert come_back(other, go(other)).status_code == 200, "what failed is not remembered"


def test_a_slow_provider_is_not_waited_for(account_door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part comes in time, and in the end it would be right."""
    monkeypatch.setattr(told, "SECONDS", 0.5)
    client = account_door()
    hub.slow, hub.spoilt[DISCOVERY] = 0.1, (200, json.dumps(hub.discovery()).encode() + b" " * 60_000)
    fails(client.get("/login/begin"), 502, told.UNUSABLE)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://hub.example/token"},
        {"userinfo_endpoint": "http://127.0.0.1.evil.example/"},
        {"userinfo_endpoint": 5},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://hub.example/\r\nSet-Cookie: a=b"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://user:word@hub.example/"},
    ],
    ids=str,
)
def test_a_discovery_document_of_somebody_else_is_not_believed(
    account_door: Open, hub: OpenId, document: dict[str, Any]
) -> None:
    hub.document = document
    fails(account_door().get("/login/begin"), 502, told.UNUSABLE)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 5},
        {"exp": "tomorrow"},
        {"sub": ""},
        {"sub": "another"},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_of_this_login_is_not_believed(still: Still, claims: dict[str, Any]) -> None:
    client, hub = still
    hub.claims = claims
    fails(come_back(client, go(client)), 502, told.UNUSABLE)


@pytest.mark.parametrize(
    "given",
    [
        {"access_token": None},
        {"access_token": "a\r\nb"},
        {"access_token": "ä"},
        {"token_type": "mac"},
        {"id_token": "x"},
    ],
    ids=str,
)
def test_a_token_that_is_none_is_told(still: Still, given: dict[str, Any]) -> None:
    client, hub = still
    hub.given = given
    fails(come_back(client, go(client)), 502, told.UNUSABLE)


def test_several_audiences_are_well_where_we_are_one(still: Still) -> None:
    client, hub = still
    hub.claims = {"aud": ["other", hub.environment()["OAUTH_CLIENT_ID"]], "azp": hub.environment()["OAUTH_CLIENT_ID"]}
    assert come_back(client, go(client)).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["anna\nadmin", " anna", "anna\u202enimda", "an\u200bna", "\ud800", "x" * 129, "anna\u00a0", 5, ["anna"], "\x00"],
    ids=ascii,
)
def test_a_hostile_name_is_not_let_in(still: Still, name: object) -> None:
    client, hub = still
    hub.about = {"preferred_username": name}
    fails(come_back(client, go(client)), 403, told.STRANGE)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "Ärztin 'A' & \"B\"", "{fields}"])
def test_a_name_is_text_and_nothing_else(still: Still, name: str) -> None:
    client, hub = still
    hub.about = {"preferred_username": name}
    answer = come_back(client, go(client))
    for page in (answer, client.get("/login")):
        assert page.status_code == 200
        assert page.text.count("<script") == 1
        assert name not in page.text or name == "{fields}"


def test_without_a_name_the_subject_is_the_user(still: Still) -> None:
    client, hub = still
    hub.person = {"sub": "248289"}
    assert "Logged in as 248289" in come_back(client, go(client)).text


@pytest.mark.parametrize("address", ["", "https://", "https://[", "https://x:y/", "https://a b/", "https://ä.example/"])
def test_what_is_no_address_is_not_safe(address: str) -> None:
    assert not is_safe(address)
    assert is_safe("https://hub.example:8443/realms/x")
