"""Logging in with an account: the application and a real provider, asked over HTTP as a browser would."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.datastructures import QueryParams

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui import provider as told
from lofi.ui.limits import Limits
from lofi.ui.login import login_of
from lofi.ui.oauth import BEGUN, ELSEWHERE, MINUTES, ByProvider, back_address
from lofi.ui.provider import Provider
from lofi.ui.proxies import Proxies
from lofi.ui.sessions import COOKIE, HOURS
from tests.ui.account_steps import DISCOVERY, OWN, Open, Still, alert, come_back, fails, go
from tests.ui.built import run
from tests.ui.openid import OpenId


def test_the_whole_way_in_and_out(account_door: Open, hub: OpenId, tmp_path: Path) -> None:
    client = account_door(audit=tmp_path / "audit")
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


def test_what_is_asked_of_the_provider(account_door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_SCOPES", "openid profile email")
    client = account_door(hosts="lofi.hospital.example, other", root_path="/x")
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


def test_the_study_is_where_the_way_leads_on_to(account_door: Open) -> None:
    client = account_door()
    assert client.get("/study").headers["location"] == "/login?to=study"
    assert 'content="0;url=/study"' in come_back(client, go(client, "?to=study")).text
    assert 'content="0;url=/"' in come_back(client, go(client, "?to=//evil.example")).text


def test_in_a_space_the_cookies_fit_its_frame(account_door: Open, hub: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "hospital/lofi")
    monkeypatch.setenv("SPACE_HOST", "localhost.hf.space,lofi.example")
    hub.back = "https://localhost.hf.space/login/back"
    client = account_door(host="0.0.0.0")
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


def test_trying_often_is_slowed_down_and_who_comes_in_is_not(account_door: Open, hub: OpenId) -> None:
    client = account_door()
    for _ in range(8):
        assert come_back(client, go(client)).status_code == 200
    hub.stop()
    seen = [client.get("/login/back?state=x&code=y") for _ in range(60)]
    assert seen[0].status_code == 400
    last = seen[-1]
    assert (last.status_code, alert(last)) == (429, "Too many tries: wait a little before the next.")
    assert int(last.headers["retry-after"]) >= 1
    assert client.get("/login/begin").status_code == 429


def test_a_program_is_told_that_it_has_no_login(account_door: Open, hub: OpenId) -> None:
    for headers in ({}, {"Authorization": "Basic YW5uYTp4"}, {"Authorization": "Bearer x"}):
        answer = account_door().get("/config", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"error": "Log in first, in a browser: programs have no login on this server."}
        assert "www-authenticate" not in answer.headers
    assert account_door().post("/login", json={"name": "anna", "password": "x"}, headers=OWN).status_code == 404
    assert hub.asked == []


def test_only_a_link_of_our_own_begins_a_login(account_door: Open, hub: OpenId) -> None:
    for site in ("cross-site", "same-site"):
        assert account_door().get("/login/begin", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert hub.asked == []


def test_a_login_that_was_begun_and_a_session_end_in_time(hub: OpenId) -> None:
    now = [0.0]
    login = ByProvider(Provider(), "http://127.0.0.1:7860/login/back", Limits(0, 0), lambda: now[0])

    async def way(minutes: float) -> str:
        place, secret = await login.begin(False, "a")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
        query = QueryParams(urlsplit(hub.authorize(asked)).query)
        now[0] += minutes * 60
        return (await login.finish(secret, query, "a"))[1]

    token = run(way(MINUTES - 1))
    assert login.session(token) == "anna"
    with pytest.raises(LofiError, match=ELSEWHERE):
        run(way(MINUTES + 1))
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
