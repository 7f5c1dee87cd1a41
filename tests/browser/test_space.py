"""The published folder as a visitor meets it: in the frame of another site, behind a Space's proxy, over TLS."""

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.browser.relay import relay
from tests.spaces import HOST, running_space
from train.publish import main

pytestmark = [pytest.mark.browser, pytest.mark.minutes]

HUB = "huggingface.co"
OUTER = f"""<!doctype html><meta name=viewport content="width=device-width"><title>Space</title>
<style>body {{ margin: 0 }} iframe {{ border: 0; width: 100vw; height: 100vh }}</style><iframe src="https://{HOST}/"></iframe>"""


def front_of(port: int, folder: Path) -> ThreadingHTTPServer:
    """The hub's page around the Space, and the Space's proxy before the app at ``port``; both at one TLS port."""

    class Front(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if self.headers.get("Host", "").partition(":")[0] != HOST:
                self.hub()
                return
            relay(self, port, self.path, {"X-Forwarded-For": "203.0.113.4", "X-Forwarded-Proto": "https"})

        def hub(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(OUTER.encode())

        do_GET = do_POST = do_HEAD = forward  # noqa: N815 (names of the base class)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    # The handshake belongs to the thread of its connection: a browser opens some in advance and says nothing on them.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The TLS port at which hub and Space answer."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which makes the certificate")
    place = tmp_path_factory.mktemp("space")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    made += ["-keyout", str(place / "key"), "-out", str(place / "certificate")]
    subprocess.run(made, check=True, capture_output=True)
    assert main(["space", "owner/lofi", "--dry-run", str(place / "folder")]) == 0
    with running_space(place / "folder", place / "home") as space:
        server = front_of(int(urlsplit(space.url).port or 0), place)
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def visitor(front: int, browser: Browser) -> Iterator[Browser]:
    """A browser for which the two names are here, and a certificate made here is good."""
    rules = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{front}, MAP {HUB}:443 127.0.0.1:{front}, MAP * ~NOTFOUND"
    opened = browser.browser_type.launch(
        executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
        args=["--no-sandbox", "--ignore-certificate-errors", rules],
    )
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_a_visitor_asks_inside_the_frame(visitor: Browser, film_file: Path, size: tuple[int, int]) -> None:
    page = visitor.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(90_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("response", lambda answer: faults.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"https://{HUB}/spaces/owner/lofi")
    frame = inner(page)
    expect(frame.locator(".drop .leaves")).to_contain_text("leave your machine")
    frame.set_input_files("#film-files", film_file)
    frame.wait_for_selector(".seat.query .film-stage[data-shown]")
    expect(frame.locator(".keeping")).to_be_visible()
    expect(frame.locator(".fault")).to_have_count(0)  # of a worklist that may not be kept nobody has asked to be told
    frame.fill("#phrases", "cardiomegaly")
    frame.click("#find")
    expect(frame.locator("tr.finding .verdict")).to_have_text(re.compile("likely|unsure"))
    frame.click("#tab-similar")
    expect(frame.locator(".hit").first).to_be_visible()
    assert [fault for fault in faults if "favicon" not in fault and "manifest.json" not in fault] == []
    page.close()


def test_a_page_of_anybody_else_gets_no_frame(visitor: Browser) -> None:
    page = visitor.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "frame-ancestors" in said.text else None)
    page.set_content(OUTER)
    page.wait_for_timeout(2_000)
    assert refused
    page.close()


def inner(page: Page) -> Frame:
    """The Space inside the hub's page, once its examples are there."""
    element = page.wait_for_selector("iframe")
    frame = element.content_frame() if element else None
    assert frame is not None
    frame.wait_for_selector(".example")
    return frame
