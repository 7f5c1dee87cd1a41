"""Who is let in where a login is asked for; asked of the application itself, over HTTP."""

import base64
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lofi.cli import main
from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.allowed import RULES
from lofi.ui.limits import Limits
from lofi.ui.login import ByFile, login_of
from lofi.ui.proxies import Proxies
from lofi.ui.sessions import HOURS
from tests.ui.built import built

PASSWORD = "a horse of several words"
OWN = {"Origin": "https://localhost"}
Open = Callable[..., TestClient]


def add(file: Path, name: str, password: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return main(["user", "add", name, "--file", str(file)])


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "users"
    assert add(file, "anna", PASSWORD, monkeypatch) == 0
    assert add(file, "ben", "another horse of words", monkeypatch) == 0
    return file


@pytest.fixture
def door(tmp_path: Path, users: Path) -> Open:
    def door(peer: str = "127.0.0.1", scheme: str = "https", **settings: Any) -> TestClient:
        chosen = {"auth": f"file:{users}", "reviews": str(tmp_path / "kept"), **settings}
        app = built(Settings(**chosen))
        return TestClient(app, base_url=f"{scheme}://localhost", client=(peer, 5), follow_redirects=False)

    return door


def log_in(client: TestClient, name: str = "anna", password: str = PASSWORD) -> Any:
    return client.post("/login", json={"name": name, "password": password}, headers=OWN)


def test_without_a_login_nothing_is_served_but_the_login_and_health(door: Open) -> None:
    client = door()
    for rule in RULES:
        path = re.sub(r"\{\w+\}", "x", rule.path)
        kind = {"Content-Type": rule.takes} if rule.takes else {}
        answer = client.request(rule.method, path, headers={**kind, **(OWN if rule.takes else {})}, content=b"{}")
        expected = (
            {404}  # the way to a provider, which is not there with a user file
            if path.startswith("/login/")
            else {200, 400, 503}
            if rule.public
            else {303}
            if path in ("/", "/study") and rule.method == "GET"
            else {401}
        )
        assert answer.status_code in expected, (rule, answer.status_code)
    assert client.get("/").headers["location"] == "/login"
    assert door(root_path="/x").get("/study").headers["location"] == "/x/login?to=study"


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_gets(door: Open) -> None:
    client = door()
    answer = log_in(client)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure", f"Max-Age={HOURS * 3600}"))

    assert client.get("/").status_code == 200
    page = client.get("/login")
    assert "Logged in as anna" in page.text
    assert client.post("/logout", json={}, headers=OWN).status_code == 200
    assert client.get("/").status_code == 303


def test_logging_out_ends_the_session_itself(door: Open) -> None:
    client = door()
    log_in(client)
    stolen = dict(client.cookies)
    client.post("/logout", json={}, headers=OWN)
    client.cookies.update(stolen)
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna:", PASSWORD), ("ANNA", PASSWORD)]
)
def test_wrong_names_and_passwords_are_told_alike(door: Open, name: str, password: str) -> None:
    answer = log_in(door(), name, password)
    assert (answer.status_code, answer.json()) == (401, {"error": "The name or the password is wrong."})
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name": 1, "password": 2}', b'{"name": "anna"}', b"[" * 100_000])
def test_a_broken_login_is_told(door: Open, body: bytes) -> None:
    answer = door().post("/login", content=body, headers={**OWN, "Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"error": "A name and a password are expected."})


def test_a_user_who_is_removed_or_has_a_new_password_is_logged_out(
    door: Open, users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = door(), door()
    log_in(client)
    log_in(other, "ben", "another horse of words")
    add(users, "anna", "a new horse of words", monkeypatch)
    assert client.get("/").status_code == 303
    assert log_in(client).status_code == 401
    assert other.get("/").status_code == 200
    assert main(["user", "remove", "ben", "--file", str(users)]) == 0
    assert other.get("/").status_code == 303
    users.unlink()
    assert log_in(client, "anna", "a new horse of words").status_code == 401


def test_a_program_sends_name_and_password(door: Open) -> None:
    client = door()
    right = {"Authorization": "Basic " + base64.b64encode(f"anna:{PASSWORD}".encode()).decode()}
    assert client.get("/config", headers=right).status_code == 200
    assert client.get("/config", headers=right).status_code == 200
    wrong = client.get("/config", headers={"Authorization": "Basic " + base64.b64encode(b"anna:x").decode()})
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Basic")
    for broken in ("Basic", "Basic ", "Basic !!!", "Basic YW5uYQ==", "Bearer x"):
        assert client.get("/config", headers={"Authorization": broken}).status_code == 401


def test_guessing_is_slowed_down(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that stands still: on a busy machine ten passwords take long enough for another try to be granted.
    monkeypatch.setattr("lofi.ui.guard.Limits", partial(Limits, clock=lambda: 0.0))
    client = door()
    told = [log_in(client, "anna", "wrong").status_code for _ in range(12)]
    assert told[:10] == [401] * 10
    assert told[10:] == [429] * 2
    answer = log_in(client)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_session_ends_after_its_hours(users: Path) -> None:
    now = [0.0]
    login = ByFile(users, Limits(0, 0), lambda: now[0])
    record = login.accounts.record("anna")
    assert record is not None
    login._keep(login._hidden("token"), "anna", record)
    assert login.session("token") == "anna"
    now[0] = HOURS * 3600 + 1
    assert login.session("token") is None
    assert login.session("other") is None


def test_who_a_listed_proxy_names_is_logged_in_and_nobody_else(door: Open) -> None:
    settings = {"auth": "header:X-Remote-User", "proxies": "127.0.0.1"}
    inside, outside = door(**settings), door("198.51.100.7", **settings)
    named = {"X-Remote-User": "anna@hospital.example"}
    assert inside.get("/", headers=named).status_code == 200
    assert outside.get("/", headers=named).status_code == 401
    assert inside.get("/").status_code == 401
    assert inside.get("/", headers=[("X-Remote-User", "anna"), ("X-Remote-User", "ben")]).status_code == 401
    assert inside.get("/", headers={"X-Remote-User": " "}).status_code == 401
    assert inside.get("/login").status_code == 404


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("yes", "file:PATH, header:NAME or oauth"),
        ("file:", "file:PATH, header:NAME or oauth"),
        ("oauth:x", "file:PATH, header:NAME or oauth"),
        ("file:/nonexistent/users", "user file cannot be read"),
        ("header:X-Remote-User", "needs LOFI_PROXIES"),
    ],
)
def test_a_wrong_setting_is_told(setting: str, told: str) -> None:
    with pytest.raises(LofiError, match=re.escape(told)):
        login_of(Settings(auth=setting), Proxies(""), Limits(0, 0))


def test_the_header_is_a_headers_name() -> None:
    with pytest.raises(LofiError, match="name of a header"):
        login_of(Settings(auth="header:X Y"), Proxies("127.0.0.1"), Limits(0, 0))
