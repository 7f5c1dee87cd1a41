"""Logging in, judging, logging out; a second user sees nothing of the first. Behind TLS-less HTTP on this machine."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, Page, expect

from lofi.ui.accounts import hashed, write_users
from tests.browser.steps import ask, drop, hits
from tests.conftest import REPOSITORY, running_app

pytestmark = pytest.mark.browser

WORDS = {"anna": "several words of anna", "ben": "several words of ben"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("login")
    write_users(folder / "users", {name: hashed(words) for name, words in WORDS.items()})
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    settings = {"LOFI_AUTH": f"file:{place / 'users'}", "LOFI_AUDIT": str(place / "audit")}
    with running_app(place, **settings) as url:
        yield url


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(90_000)
    yield page
    context.close()


def log_in(page: Page, address: str, name: str, words: str) -> None:
    page.goto(address)
    expect(page).to_have_url(f"{address}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(words)
    page.get_by_role("button", name="Log in").click()


def judged(page: Page, reader: str) -> list[dict[str, str]]:
    """What the server gives back of a reader's verdicts on a film, asked by the page's own session."""
    asked = """async ([reader]) => {
      const say = async (question, values) => (await (await fetch(`lofi/ask/${question}`, { method: "POST",
        headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) })).json());
      const film = "0".repeat(64);
      const said = { film, reader, kind: "phrase", phrase: "mass", decision: "absent" };
      const before = await say("kept_verdicts", { film, reader });
      await say("keep_verdict", said);
      return before.verdicts;
    }"""
    return list(page.evaluate(asked, [reader]))


def test_a_wrong_password_is_told_and_the_right_one_opens_the_page(window: Page, address: str, film_file: Path) -> None:
    log_in(window, address, "anna", "wrong words")
    expect(window.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    window.get_by_label("Password").fill(WORDS["anna"])
    window.get_by_role("button", name="Log in").click()
    window.wait_for_selector(".example")
    assert window.evaluate("document.cookie") == ""
    drop(window, film_file)
    hits(window)
    ask(window, "cardiomegaly")


def test_users_with_the_same_initials_see_their_own_verdicts_only(browser: Browser, address: str) -> None:
    for name in WORDS:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(90_000)
        log_in(page, address, name, WORDS[name])
        page.wait_for_selector(".example")
        assert judged(page, "AB") == []
        assert [one["user"] for one in judged(page, "AB")] == [name]
        context.close()


def test_after_logging_out_nothing_is_open(window: Page, address: str) -> None:
    log_in(window, address, "ben", WORDS["ben"])
    window.wait_for_selector(".example")
    window.get_by_role("link", name="Log out").click()
    expect(window.get_by_text("Logged in as ben.")).to_be_visible()
    window.get_by_role("button", name="Log out").click()
    expect(window.get_by_label("Password")).to_be_visible()
    window.goto(f"{address}/study")
    expect(window).to_have_url(f"{address}/login?to=study")
    for path in ("lofi/film?sha256=0", "config", "robots.txt"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/{path}", timeout=60)
        assert caught.value.code == 401
        caught.value.close()


def test_a_program_logs_in_with_every_call_and_is_noted(address: str, place: Path, film_file: Path) -> None:

    basic = base64.b64encode(f"anna:{WORDS['anna']}".encode()).decode()
    client = Client(address, headers={"Authorization": f"Basic {basic}"}, verbose=False)
    answer = client.predict(film=handle_file(film_file), phrases="cardiomegaly", api_name="/ground")
    noted = [json.loads(line) for line in (place / "audit").read_text().splitlines()]
    assert (noted[-1]["user"], noted[-1]["what"], noted[-1]["film"]) == ("anna", "api ground", answer["film"]["sha256"])
    text = (place / "audit").read_text()
    assert "cardiomegaly" not in text
    assert film_file.name not in text
    assert {line["what"] for line in noted} >= {"log in", "log out", "keep_verdict", "open", "ground"}


@pytest.mark.parametrize(
    ("settings", "told", "ends"),
    [
        ({"LOFI_AUTH": "file:/nonexistent"}, "The user file cannot be read", True),
        ({"LOFI_HOST": "no-such-host.invalid"}, "LOFI_HOST is no address of this machine", True),
        ({"LOFI_PROXIES": "proxy"}, "LOFI_PROXIES must be", True),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_ends_the_app_with_one_sentence(
    tmp_path: Path, settings: dict[str, str], told: str, ends: bool
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "LOFI_PORT": "7999", **settings}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []
