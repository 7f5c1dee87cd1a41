"""The door, asked directly: what is let in, what is not, and which headers an answer carries."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lofi.settings import Settings
from tests.ui.built import built

OWN = {"Origin": "http://localhost", "Content-Type": "application/json"}
POSTED = ["/study/card", "/lofi/ask/start", "/gradio_api/queue/join", "/lofi/open"]
Open = Callable[..., TestClient]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """The application without its engine; nothing here needs one. Built once for the same settings."""
    kept = str(tmp_path_factory.mktemp("kept"))

    @functools.cache
    def app(**settings: Any) -> FastAPI:
        return built(Settings(reviews=kept, **settings))

    def door(peer: str = "198.51.100.7", **settings: Any) -> TestClient:
        return TestClient(app(**settings), base_url="http://localhost", client=(peer, 50), follow_redirects=False)

    return door


def test_the_page_is_served_with_its_policy(door: Open) -> None:
    page = door().get("/")
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert page.text.count("<script") == 1
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in page.headers["permissions-policy"]


@pytest.mark.parametrize("path", ["/", "/study", "/robots.txt", "/nothing", "/lofi/film?sha256=0"])
def test_every_answer_carries_the_headers(door: Open, path: str) -> None:
    headers = door().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/study/card", "/lofi/ask/start", "/gradio_api/queue/join"])
def test_a_foreign_page_posts_nothing(door: Open, path: str, headers: dict[str, str]) -> None:
    answer = door(api="on").post(path, json={}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "This request came from another site's page."


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["/study/card", "/lofi/ask/start", "/gradio_api/queue/join", "/lofi/open"])
def test_a_type_that_a_foreign_page_could_send_is_refused(door: Open, path: str, kind: str) -> None:
    answer = door(api="on").post(path, content=b"{}", headers={"Origin": "http://localhost", "Content-Type": kind})
    assert answer.status_code == 415


def test_a_program_is_served_where_the_api_is_on(door: Open) -> None:
    assert door().post("/study/card", json={}).status_code == 400  # on 127.0.0.1 it is: no study is served here
    assert door(host="0.0.0.0").post("/study/card", json={}).status_code == 403
    assert door(host="0.0.0.0").post("/study/card", json={}, headers=OWN).status_code == 400
    assert door(host="0.0.0.0", api="on").post("/study/card", json={}).status_code == 400
    assert door(api="off").post("/study/card", json={}).status_code == 403
    assert door(api="off").get("/config").status_code == 404
    assert door(host="0.0.0.0").get("/config").status_code == 404
    assert door().get("/config").status_code == 200


def test_no_other_page_may_read(door: Open) -> None:
    answer = door().get("/robots.txt", headers={"Origin": "http://127.0.0.1:9"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = {"Origin": "http://127.0.0.1:9", "Access-Control-Request-Method": "POST"}
    assert door().options("/gradio_api/queue/join", headers=asked).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/monitoring", "/gradio_api/deep_link?session_hash=x", "/gradio_api/runs", "/gradio_api/file=/etc/passwd"),
        *("//gradio_api/file=/etc/passwd", "/%2e%2e/gradio_api/upload", "/gradio_api/%66ile=/etc/passwd"),
        *(
            "/gradio_api/proxy=http://evil.example/",
            "/openapi.json",
            "/docs",
            "/study/",
            "/lofi/../monitoring",
            "/login",
        ),
        "/x/gradio_api/file=/etc/passwd",
    ],
)
@pytest.mark.parametrize("root", ["", "/x"])
def test_what_is_not_on_the_list_is_not_there(door: Open, path: str, root: str) -> None:
    answer = door(root_path=root).get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "There is nothing under this address.")


def test_the_page_is_there_with_and_without_the_proxys_path(door: Open) -> None:
    client = door(root_path="/imaging/lofi")
    for path in ("/", "/imaging/lofi/", "/imaging/lofi"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'src="/imaging/lofi/lofi/viewer/' in page.text


def test_a_name_that_is_not_ours_is_not_answered(door: Open) -> None:
    answer = door().get("/", headers={"Host": "rebound.evil.example"})
    assert answer.status_code == 421
    assert "LOFI_HOSTS" in answer.json()["error"]
    assert door(hosts="lofi.example").get("/", headers={"Host": "lofi.example"}).status_code == 200


def test_what_a_stranger_says_of_itself_reaches_nobody(door: Open) -> None:
    said = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Gradio-Server": "http://evil.example"}
    for path in ("/", "/config"):
        assert "evil.example" not in door().get(path, headers=said).text


def test_a_listed_proxy_names_host_and_scheme(door: Open) -> None:
    client = door("127.0.0.1", proxies="127.0.0.1", hosts="lofi.example")
    said = {"X-Forwarded-Host": "lofi.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    assert client.get("/config", headers=said).json()["root"] == "https://lofi.example"
    sent = {**said, "Content-Type": "application/json"}
    assert client.post("/study/card", json={}, headers={**sent, "Origin": "https://lofi.example"}).status_code == 400
    assert client.post("/study/card", json={}, headers={**sent, "Origin": "http://lofi.example"}).status_code == 403
    assert client.get("/", headers={**said, "X-Forwarded-Host": "evil.example"}).status_code == 421


def test_a_failure_inside_leaves_as_one_sentence(door: Open, caplog: pytest.LogCaptureFixture) -> None:
    client = door()
    # An endpoint that does not exist makes Gradio raise a bare KeyError.
    answer = client.post("/gradio_api/call/v2/secret", json={})
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("Something went wrong inside")
    assert "secret" not in answer.text + caplog.text
    assert "Traceback" not in caplog.text
    assert client.get("/gradio_api/queue/data?session_hash=unknown").status_code == 200


@pytest.mark.parametrize("path", ["/robots.txt", "/lofi/film?sha256=0", "/config"])
def test_a_foreign_page_makes_no_work(door: Open, path: str) -> None:
    for site in ("cross-site", "same-site"):
        assert door().get(path, headers={"Sec-Fetch-Site": site}).status_code == 403
        # Let in, this one would wait for the engine, which is not there.
        assert door().get("/lofi/study_pixels?study_id=x", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert door().get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code in (200, 404)
    assert door().get("/study", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_socket_is_opened(door: Open) -> None:
    with pytest.raises(Exception), door().websocket_connect("/lofi/open"):  # noqa: B017, PT011 (starlette's own)
        pass
