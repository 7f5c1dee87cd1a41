"""Logging in with an account, in a browser: to the provider and back, with cookies that it must keep by itself."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import ask, drop, hits
from tests.conftest import running_app
from tests.ui.openid import OpenId, openid

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub() -> Iterator[OpenId]:
    with openid() as provider:
        yield provider


@pytest.fixture(scope="module")
def address(hub: OpenId, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("oauth"), LOFI_AUTH="oauth", **hub.environment()) as url:
        yield url


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(90_000)
    yield page
    context.close()


def test_to_the_provider_and_back_and_out(window: Page, hub: OpenId, address: str, film_file: Path) -> None:
    # Another name for this machine makes the provider another site, as it is outside of a test.
    hub.document = {"authorization_endpoint": f"http://localhost:{urlsplit(hub.url).port}/authorize"}
    window.goto(address)
    expect(window).to_have_url(f"{address}/login")
    window.get_by_role("link", name="Log in with your account").click()
    expect(window).to_have_title("Hub")
    window.get_by_role("link", name="Let LoFi know me").click()
    window.wait_for_selector(".example")
    expect(window).to_have_url(f"{address}/")
    assert window.evaluate("document.cookie") == ""
    kept = {cookie["name"]: cookie for cookie in window.context.cookies()}
    assert set(kept) == {"lofi_session"}
    assert (kept["lofi_session"]["sameSite"], kept["lofi_session"]["httpOnly"]) == ("Strict", True)
    drop(window, film_file)
    hits(window)
    ask(window, "cardiomegaly")

    window.get_by_role("link", name="Log out").click()
    expect(window.get_by_text("Logged in as anna.")).to_be_visible()
    window.get_by_role("button", name="Log out").click()
    expect(window.get_by_role("link", name="Log in with your account")).to_be_visible()
    window.goto(f"{address}/study")
    expect(window).to_have_url(f"{address}/login?to=study")


def test_a_way_back_that_nobody_began_is_told_on_the_page(window: Page, address: str) -> None:
    window.goto(f"{address}/login/back?code=a&state=b")
    expect(window.get_by_role("alert")).to_have_text(
        "This login was begun in another browser or too long ago: begin again."
    )
    window.get_by_role("link", name="Log in with your account").click()
    expect(window).to_have_title("Hub")
