"""How the page arrives: few requests, one script that is its modules, and nothing that its policy forbids."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lofi.ui.bundle import declarations, identifier
from lofi.ui.modules import modules, version
from tests.browser.conftest import DESK
from tests.browser.steps import AT_DESK, ask, drop, hits

pytestmark = pytest.mark.browser

MOST_REQUESTS = 15
_SAME = """async ([bundled, names, folder]) => {
    const told = (value) => typeof value === "function" ? String(value) : JSON.stringify(value);
    const made = new Function(`"use strict"; ${bundled}; return { ${Object.values(names)} };`)();
    const differ = [];
    for (const [file, constant] of Object.entries(names)) {
        const module = await import(`${folder}/${file}`);
        const bundle = made[constant];
        const keys = Object.keys(module).sort();
        if (keys.join() !== Object.keys(bundle).sort().join()) differ.push(file);
        for (const key of keys) if (told(module[key]) !== told(bundle[key])) differ.push(`${file} ${key}`);
    }
    return differ;
}"""


def test_the_page_takes_few_requests_and_keeps_to_its_policy(browser: Browser, app_url: str, film_file: Path) -> None:
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(60_000)
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.goto(app_url)
    page.wait_for_selector(".example")
    expect(page.locator(".example img").last).to_have_js_property("complete", True)
    assert 5 < len(asked) <= MOST_REQUESTS
    drop(page, film_file)
    ask(page, "right lung")
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown=full]")
    page.locator(".exports summary").click()
    with page.expect_download() as waiting:
        page.locator("[data-kind=png]").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    assert refused == []
    page.close()


@AT_DESK
def test_the_bundle_gives_what_its_modules_give(page: Page) -> None:
    names = {
        name: identifier(name)
        for name in modules()
        if f"const {identifier(name)} = " in declarations("room.js", modules())
    }
    assert {"dom.js", "film.js", "room.js", "workbench.js"} <= set(names)
    folder = f"/lofi/viewer/{version()}"
    assert page.evaluate(_SAME, [declarations("room.js", modules()), names, folder]) == []
