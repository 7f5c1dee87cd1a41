"""Logging in with an account: the application and a real provider, asked over HTTP as a browser would."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui import provider as told
from lofi.ui.limits import Limits
from lofi.ui.login import login_of
from lofi.ui.oauth import BEGUN, ELSEWHERE, MINUTES, ByProvider, back_address
from lofi.ui.provider import Provider, is_safe
from lofi.ui.proxies import Proxies
from lofi.ui.sessions import COOKIE, HOURS
from tests.ui.built import built
from tests.ui.openid import OpenId, openid

OWN = {"Origin": "https://localhost"}
DISCOVERY = "/.well-known/openid-configuration"
FROM_PROVIDER = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
Open = Callable[..., TestClient]
Still = tuple[TestClient, OpenId]
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
def door(tmp_path: Path, hub: OpenId) -> Open:
    def door(peer: str = "127.0.0.1", **settings: Any) -> TestClient:
        app = built(Settings(**{"auth": "oauth", "reviews": str(tmp_path / "kept"), **settings}))
        return TestClient(app, base_url="https://localhost", client=(peer, 5), follow_redirects=False)

    return door


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


def go(client: TestClient, to: str = "") -> str:
    """Begin a login; where the provider sends the browser back to, as a path of the app."""
    begun = client.get(f"/login/begin{to}", headers={"Sec-Fetch-Site": "same-origin"})
    assert begun.status_code == 303, begun.text
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(begun.headers["location"])
    place = urlsplit(re.findall("href='([^']*)'", page.text)[0].replace("&amp;", "&"))
    return f"{place.path}?{place.query}"


def come_back(client: TestClient, place: str) -> httpx.Response:
    return client.get(place, headers=FROM_PROVIDER)


def alert(answer: httpx.Response) -> str:
    (found,) = re.findall('<p role="alert">(.*?)</p>', answer.text)
    return str(found)


def fails(answer: httpx.Response, status: int, sentence: str) -> None:
    """One sentence on the login page, nobody logged in, nothing of the provider's."""
    assert (answer.status_code, alert(answer)) == (status, sentence)
    assert "Log in with your account" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert "SECRETS" not in answer.text


def test_the_whole_way_in_and_out(door: Open, hub: OpenId, tmp_path: Path) -> None:
    client = door(audit=tmp_path / "audit")
    hub.back = "http://127.0.0.1:7860/login/back"
    assert client.get("/").headers["location"] == "/login"
    page = client.get("/login")
    assert "<a href='/login/begin'>Log in with your account</a>" in page.text
    assert "password" not in page.text.partition("<script")[0].partition("<body>")[2].lower()

    answer = come_back(client, go(client))
    assert (answer.status_code, alert(answer)) == (200, "")
    assert 'http-equiv="refresh" content="0;url=/"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    session, begun = answer.headers.get_list("set-cookie")
    assert all(word in session for word in (COOKIE, "HttpOnly", "SameSite=strict", "Secure", f"Max-Age={HOURS * 3600}"))
    assert all(word in begun for word in (BEGUN, "Max-Age=0", "Path=/login/back"))
    assert client.get("/").status_code == 200
    assert "Logged in as anna" in client.get("/login").text
    assert hub.asked == [DISCOVERY, "/authorize", "/token", "/userinfo"]
    assert hub.refused == []
    assert [json.loads(line)["user"] for line in (tmp_path / "audit").read_text().splitlines()] == ["anna"]

    stolen = dict(client.cookies)
    assert client.post("/logout", json={}, headers=OWN).status_code == 200
    assert client.get("/").status_code == 303
    client.cookies.update(stolen)
    assert client.get("/").status_code == 303


def test_what_is_asked_of_the_provider(door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_SCOPES", "openid profile email")
    client = door(hosts="lofi.hospital.example, other", root_path="/x")
    answer = client.get("/x/login/begin")
    place = urlsplit(answer.headers["location"])
    asked = {name: value for name, (value,) in parse_qs(place.query).items()}
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"{hub.url}/authorize"
    assert asked["redirect_uri"] == "https://lofi.hospital.example/x/login/back"
    assert (asked["x"], asked["response_type"], asked["code_challenge_method"]) == ("y", "code", "S256")
    assert asked["scope"] == "openid profile email"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    cookie = answer.headers["set-cookie"]
    words = (BEGUN, "HttpOnly", "SameSite=lax", "Secure", f"Max-Age={MINUTES * 60}", "Path=/x/login/back")
    assert all(word in cookie for word in words)
    assert not any(asked[name] in cookie for name in ("state", "nonce", "code_challenge"))
    assert client.get("/x/login?to=study").text.count("/x/login/begin?to=study") == 1


def test_the_study_is_where_the_way_leads_on_to(door: Open) -> None:
    client = door()
    assert client.get("/study").headers["location"] == "/login?to=study"
    assert 'content="0;url=/study"' in come_back(client, go(client, "?to=study")).text
    assert 'content="0;url=/"' in come_back(client, go(client, "?to=//evil.example")).text


def test_in_a_space_the_cookies_fit_its_frame(door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "hospital/lofi")
    monkeypatch.setenv("SPACE_HOST", "localhost.hf.space,lofi.example")
    hub.back = "https://localhost.hf.space/login/back"
    client = door(host="0.0.0.0")
    page = client.get("/login")
    assert "frame-ancestors https://huggingface.co https://*.hf.space" in page.headers["content-security-policy"]
    assert "target='_blank' rel='noopener'" in page.text
    begun = client.get("/login/begin").headers["set-cookie"]
    back = come_back(client, go(client))
    gone = client.post("/logout", json={}, headers=OWN).headers["set-cookie"]
    for cookie in (begun, *back.headers.get_list("set-cookie"), gone):
        assert "SameSite=none" in cookie
        assert "Secure" in cookie
        assert cookie.endswith("; Partitioned")


@pytest.mark.parametrize(
    "change",
    [
        lambda place, mine: place.replace("state=", "state=x"),
        lambda place, mine: re.sub("state=[^&]*", f"state={mine}", place),
        lambda place, mine: re.sub("&?state=[^&]*", "", place),
        lambda place, mine: re.sub("state=([^&]*)", r"state=\1&state=\1", place),
        lambda place, mine: re.sub("state=[^&]*", "state=%F0%9F%90%8E", place),
    ],
    ids=["another", "the cookie", "none", "twice", "no ASCII"],
)
def test_a_wrong_state_opens_nothing(still: Still, change: Callable[[str, str], str]) -> None:
    client, hub = still
    place = go(client)
    fails(come_back(client, change(place, client.cookies[BEGUN])), 400, ELSEWHERE)
    assert "/token" not in hub.asked
    assert come_back(client, place).status_code == 200, "a wrong way back does not end the login that was begun"


def test_a_login_belongs_to_the_browser_that_began_it(still: Still) -> None:
    client, _ = still
    place = go(client)
    mine = client.cookies[BEGUN]
    client.cookies.clear()
    fails(come_back(client, place), 400, ELSEWHERE)
    go(client)  # a foreign place in the middle of one's own login: somebody else would be logged in
    fails(come_back(client, place), 400, ELSEWHERE)
    client.cookies.clear()
    client.cookies.set(BEGUN, mine)
    assert come_back(client, place).status_code == 200


def test_a_way_back_is_gone_once(still: Still) -> None:
    client, hub = still
    place = go(client)
    mine = client.cookies[BEGUN]
    assert come_back(client, place).status_code == 200
    client.cookies.clear()
    client.cookies.set(BEGUN, mine)
    fails(come_back(client, place), 400, ELSEWHERE)
    used = parse_qs(urlsplit(place).query)["code"][0]
    client.cookies.clear()
    again = re.sub("code=[^&]*", f"code={used}", go(client))  # a used code in a fresh login
    fails(come_back(client, again), 401, told.REFUSED)
    assert hub.refused == ["code"]


def test_a_code_is_bound_to_the_login_it_was_given_for(still: Still) -> None:
    """A stolen code that was never used: the verifier of another login does not fit."""
    client, hub = still
    stolen = parse_qs(urlsplit(go(client)).query)["code"][0]
    client.cookies.clear()
    fails(come_back(client, re.sub("code=[^&]*", f"code={stolen}", go(client))), 401, told.REFUSED)
    assert hub.refused == ["verifier"]


@pytest.mark.parametrize(
    "code", ["", "code=a&code=b", f"code={'x' * 5000}", "error=access_denied", "code=a&iss=https://evil.example"]
)
def test_who_is_not_let_in_by_the_provider_is_told(still: Still, code: str) -> None:
    client, hub = still
    state = parse_qs(urlsplit(go(client)).query)["state"][0]
    fails(come_back(client, f"/login/back?state={state}&{code}"), 401, told.REFUSED)
    assert "/token" not in hub.asked


def test_a_provider_that_is_down_is_told(door: Open, hub: OpenId, caplog: pytest.LogCaptureFixture) -> None:
    client, late = door(), door()
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


def test_a_discovery_document_that_is_anything_else_is_told(
    door: Open, hub: OpenId, caplog: pytest.LogCaptureFixture
) -> None:
    client = door()
    for hub.spoilt[DISCOVERY] in SPOILT.values():
        fails(client.get("/login/begin"), 502, told.UNUSABLE)
    assert "SECRETS" not in caplog.text
    hub.spoilt.clear()
    other = TestClient(client.app, base_url="https://localhost", client=("198.51.100.1", 5), follow_redirects=False)
    assert come_back(other, go(other)).status_code == 200, "what failed is not remembered"


def test_a_slow_provider_is_not_waited_for(door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part comes in time, the whole never would."""
    monkeypatch.setattr(told, "SECONDS", 0.5)
    client = door()
    hub.slow, hub.spoilt[DISCOVERY] = 0.1, (200, b" " * 60_000)
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
    door: Open, hub: OpenId, document: dict[str, Any]
) -> None:
    hub.document = document
    fails(door().get("/login/begin"), 502, told.UNUSABLE)


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


def test_trying_often_is_slowed_down_and_who_comes_in_is_not(door: Open, hub: OpenId) -> None:
    client = door()
    for _ in range(8):
        assert come_back(client, go(client)).status_code == 200
    hub.stop()
    seen = [client.get("/login/back?state=x&code=y") for _ in range(60)]
    assert seen[0].status_code == 400
    last = seen[-1]
    assert (last.status_code, alert(last)) == (429, "Too many tries: wait a little before the next.")
    assert int(last.headers["retry-after"]) >= 1
    assert client.get("/login/begin").status_code == 429


def test_a_program_is_told_that_it_has_no_login(door: Open, hub: OpenId) -> None:
    for headers in ({}, {"Authorization": "Basic YW5uYTp4"}, {"Authorization": "Bearer x"}):
        answer = door().get("/config", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"error": "Log in first, in a browser: programs have no login on this server."}
        assert "www-authenticate" not in answer.headers
    assert door().post("/login", json={"name": "anna", "password": "x"}, headers=OWN).status_code == 404
    assert hub.asked == []


def test_only_a_link_of_our_own_begins_a_login(door: Open, hub: OpenId) -> None:
    for site in ("cross-site", "same-site"):
        assert door().get("/login/begin", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert hub.asked == []


def test_a_login_that_was_begun_and_a_session_end_in_time(hub: OpenId) -> None:
    import asyncio

    from starlette.datastructures import QueryParams

    now = [0.0]
    login = ByProvider(Provider(), "http://127.0.0.1:7860/login/back", Limits(0, 0), lambda: now[0])

    async def way(minutes: float) -> str:
        place, secret = await login.begin(False, "a")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
        query = QueryParams(urlsplit(hub.authorize(asked)).query)
        now[0] += minutes * 60
        return (await login.finish(secret, query, "a"))[1]

    token = asyncio.run(way(MINUTES - 1))
    assert login.session(token) == "anna"
    with pytest.raises(LofiError, match=ELSEWHERE):
        asyncio.run(way(MINUTES + 1))
    now[0] += HOURS * 3600
    assert login.session(token) is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OAUTH_CLIENT_ID", "", "LOFI_AUTH=oauth needs OAUTH_CLIENT_ID"),
        ("OAUTH_CLIENT_SECRET", " ", "LOFI_AUTH=oauth needs OAUTH_CLIENT_ID"),
        ("OPENID_PROVIDER_URL", "", "OPENID_PROVIDER_URL"),
        ("OPENID_PROVIDER_URL", "http://hub.example", "must be an address that begins with https://"),
        ("OAUTH_SCOPES", "profile", "OAUTH_SCOPES must hold openid"),
        ("SPACE_HOST", "-no-host-", "LOFI_AUTH=oauth needs LOFI_HOSTS"),
    ],
)
def test_a_part_that_is_missing_is_told_at_the_start(
    hub: OpenId, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    login_of(Settings(auth="oauth"), Proxies(""), Limits(0, 0))
    monkeypatch.setenv(name, value)
    with pytest.raises(LofiError, match=re.escape(sentence)):
        login_of(Settings(auth="oauth", host="10.1.1.1"), Proxies(""), Limits(0, 0))


@pytest.mark.parametrize(
    ("settings", "space", "place"),
    [
        (Settings(), "", "http://127.0.0.1:7860/login/back"),
        (Settings(host="::1", port=80), "", "http://[::1]:80/login/back"),
        (Settings(hosts="lofi.example,x", root_path="/a/b"), "", "https://lofi.example/a/b/login/back"),
        (Settings(hosts="localhost", port=8000), "", "http://localhost:8000/login/back"),
        (Settings(host="0.0.0.0"), "a-b.hf.space, x.example", "https://a-b.hf.space/login/back"),
    ],
)
def test_where_the_provider_sends_a_browser_back_to(settings: Settings, space: str, place: str) -> None:
    assert back_address(settings, {"SPACE_HOST": space}) == place


@pytest.mark.parametrize("settings", [Settings(host="0.0.0.0"), Settings(hosts="*")])
def test_a_server_without_a_name_cannot_be_come_back_to(settings: Settings) -> None:
    with pytest.raises(LofiError, match="LOFI_HOSTS"):
        back_address(settings, {})


@pytest.mark.parametrize("address", ["", "https://", "https://[", "https://x:y/", "https://a b/", "https://ä.example/"])
def test_what_is_no_address_is_not_safe(address: str) -> None:
    assert not is_safe(address)
    assert is_safe("https://hub.example:8443/realms/x")
