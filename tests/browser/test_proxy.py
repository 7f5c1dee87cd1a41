"""The app under a path of another server, as a hospital's proxy serves it: the prefix is cut off, answers stream."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.relay import relay
from tests.browser.steps import ask, drop, hits
from tests.conftest import running_app

pytestmark = pytest.mark.browser

PREFIX = "/imaging/lofi"


def proxy_of(port: int) -> ThreadingHTTPServer:
    """A proxy for ``PREFIX`` before the app at ``port``; all other paths are another's, so they are missing here."""

    class Proxy(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(PREFIX + "/"):
                self.send_error(404)
                return
            relay(self, port, self.path.removeprefix(PREFIX))

        do_GET = do_POST = do_HEAD = forward  # noqa: N815 (names of the base class)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Proxy)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("proxied"), LOFI_ROOT_PATH=PREFIX) as url:
        proxy = proxy_of(int(urlsplit(url).port or 0))
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}{PREFIX}/"
        proxy.shutdown()
        proxy.server_close()


def test_the_whole_way_under_a_path(browser: Browser, address: str, film_file: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page.set_default_timeout(60_000)
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto(address)
    page.wait_for_selector(".example")
    drop(page, film_file)
    hits(page).first.click()
    ask(page, "cardiomegaly")
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    page.wait_for_function("document.querySelector('.hit img').naturalWidth > 20")
    page.locator(".exports summary").click()
    with page.expect_download() as waiting:
        page.locator("[data-kind=png]").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    page.close()
    assert [url for url in missing if not url.endswith(("favicon.ico", "manifest.json"))] == []
