"""A page of the running app in headless Chromium."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

expect.set_options(timeout=60_000)  # a machine that does other things as well
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        reason = "no Chromium here (on Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(dialog: Dialog, faults: list[str]) -> None:
    """A page with work on it asks before it is left, and is left; any other dialog is a fault."""
    if dialog.type == "beforeunload":
        dialog.accept()
    else:
        faults.append("a dialog opened")
        dialog.dismiss()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, app_url: str) -> Iterator[Page]:
    """The page once its examples are there. Fails on any script error, dialog or request to another host."""
    # Playwright waits by evaluating text, which our policy forbids a page: test_load.py goes the whole way under it.
    page = browser.new_page(viewport=request.param, bypass_csp=True)
    page.set_default_timeout(60_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: opened(dialog, faults))
    page.on(
        "request", lambda sent: None if sent.url.startswith((app_url, "data:", "blob:")) else faults.append(sent.url)
    )
    page.goto(app_url)
    page.wait_for_selector(".example")
    yield page
    page.close()
    assert faults == []
