"""A foreign page beside the app, and the app's own page under its policy, in a real browser."""

import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.steps import ask, drop, hits
from tests.conftest import running_app

pytestmark = pytest.mark.browser

VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
POST = """async ([url, body, kind, mode]) => {
  try {
    const headers = { "Content-Type": kind };
    const answer = await fetch(url, { method: "POST", mode, body, headers, credentials: "include" });
    return `${answer.type} ${answer.status}`;
  } catch (error) {
    return "blocked";
  }
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with running_app(place) as url:
        yield url


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """An empty page of another origin: the same machine, another port."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    yield page
    page.close()


def stored(place: Path) -> int:
    file = place / "reviews" / "reviews.sqlite"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM verdict").fetchone()[0])


def verdict(reader: str) -> dict[str, Any]:
    return {"film": "0" * 64, "reader": reader, "kind": "phrase", "phrase": "mass", "decision": "absent"}


def test_a_foreign_page_stores_nothing_and_reads_nothing(
    window: Page, address: str, elsewhere: str, place: Path
) -> None:
    body = json.dumps(verdict("EV"))
    # A program may, on this machine: what is forged below would be stored but for the door.
    own = urllib.request.Request(
        f"{address}/lofi/ask/keep_verdict",
        body.replace("EV", "OK").encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(own, timeout=600) as answer:
        assert "said" in json.load(answer)
    before = stored(place)
    assert before == 1
    window.goto(elsewhere)
    for path in ("lofi/ask/keep_verdict", "gradio_api/component_server/", "study/mark", "lofi/open"):
        for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
            for mode in ("no-cors", "cors"):
                told = window.evaluate(POST, [f"{address}/{path}", body, kind, mode])
                assert told in ("blocked", "opaque 0"), (path, kind, mode, told)
    form = """(url) => { const form = document.createElement("form"); form.action = url; form.method = "post";
      form.enctype = "text/plain"; const field = document.createElement("input"); field.name = '{"data":{"a":"';
      field.value = '"}}'; form.append(field); document.body.append(form); form.submit(); }"""
    with window.expect_navigation():
        window.evaluate(form, f"{address}/lofi/ask/keep_verdict")
    assert "another site" in window.content()
    assert stored(place) == before
    window.goto(elsewhere)
    read = "async (url) => { try { return (await fetch(url)).status } catch { return 'blocked' } }"
    for path in ("", "robots.txt", "config", "lofi/film?sha256=0"):
        assert window.evaluate(read, f"{address}/{path}") == "blocked"


@pytest.mark.parametrize("path", ["", "study"])
def test_no_other_page_shows_ours_in_a_frame(window: Page, address: str, elsewhere: str, path: str) -> None:
    window.goto(elsewhere)
    told: list[str] = []
    window.on("console", lambda message: told.append(message.text))
    frame = "(url) => new Promise((done) => { const frame = document.createElement('iframe'); frame.src = url; "
    window.evaluate(frame + "frame.onload = () => done(1); document.body.append(frame); })", f"{address}/{path}")
    assert any("frame-ancestors" in line for line in told), told


def test_the_page_works_and_nothing_on_it_breaks_its_policy(window: Page, address: str, film_file: Path) -> None:
    told: list[str] = []
    window.on("console", lambda message: told.append(message.text) if "Security Policy" in message.text else None)
    window.add_init_script(VIOLATIONS)
    window.goto(address)
    window.wait_for_selector(".example")
    drop(window, film_file)
    hits(window).first.click()
    ask(window, "cardiomegaly")
    window.wait_for_selector(".seat.compared .film-stage[data-shown]")
    window.locator(".exports summary").click()
    with window.expect_download():
        window.locator("[data-kind=png]").click()
    assert window.evaluate("violations") == []
    assert told == []


def test_a_script_that_is_not_the_pages_does_not_run(window: Page, address: str) -> None:
    window.add_init_script(VIOLATIONS)
    window.goto(address)
    window.wait_for_selector(".example")
    window.evaluate(
        """() => {
          document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.ran = 2";
          document.body.append(script);
          const far = document.createElement("script");
          far.src = "http://127.0.0.1:9/x.js";
          document.body.append(far);
        }"""
    )
    window.wait_for_timeout(500)
    assert window.evaluate("window.ran") is None
    assert len(window.evaluate("violations")) >= 3
