"""How the page looks and whether everybody can use it: sizes, light and dark, keyboard, axe."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, ask, draw_box, drop, hits, unfold

pytestmark = pytest.mark.browser

SIZES = {"desk": (1440, 900), "wide": (1920, 1080), "tablet": (820, 1180), "phone": (390, 844)}
EVERY_SIZE = pytest.mark.parametrize(
    "page", [{"width": w, "height": h} for w, h in SIZES.values()], indirect=True, ids=list(SIZES)
)


def serious(page: Page) -> list[str]:
    """Axe's serious and critical faults, each with the first place."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8") + ";0")
    found: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {json.dumps(fault['nodes'][0]['target'])} {fault['nodes'][0]['any'][0]['message']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


@EVERY_SIZE
def test_nothing_overflows_and_the_page_is_dark(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)")
    assert max(int(red), int(green), int(blue)) < 40
    expect(page.get_by_text("Research use only. Not for diagnosis.")).to_be_visible()
    expect(page.get_by_text("Use via API")).to_have_count(0)


@pytest.mark.parametrize("tone", ["dark", "light"])
def test_axe_finds_no_serious_fault(page: Page, film_file: Path, tone: str) -> None:
    assert serious(page) == []
    if tone == "light":
        page.click("#tone")
    drop(page, film_file)
    ask(page, "cardiomegaly, left pleural effusion")
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    page.locator(".filters summary").click()
    assert serious(page) == []


@AT_DESK
def test_light_is_kept_over_a_reload(page: Page) -> None:
    page.click("#tone")
    page.reload()
    page.wait_for_selector(".example")
    expect(page.locator("html")).to_have_attribute("data-tone", "light")
    red, *_ = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert int(red) > 200


@AT_DESK
def test_from_film_to_export_by_the_keyboard_alone(page: Page) -> None:
    page.locator(".example").first.focus()
    page.keyboard.press("Enter")
    hits(page)
    page.locator("#phrases").focus()
    page.keyboard.type("right lung")
    page.keyboard.press("Enter")
    expect(page.locator("tr.finding.known")).to_have_count(1)
    page.locator("#tab-findings").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".hit").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    page.locator(".exports summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".png")


@AT_DESK
def test_the_film_stays_under_the_hand_that_draws_a_box(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    stage = page.locator(".seat.query .film-stage")
    place = stage.bounding_box()
    page.click("#draw")
    expect(page.locator(".region")).to_contain_text("Drag over the film")
    assert stage.bounding_box() == place
    draw_box(page)
    page.get_by_role("button", name="Describe this region").click()
    expect(page.locator(".region .said")).to_contain_text("The model")
    assert stage.bounding_box() == place


@AT_DESK
def test_a_long_phrase_does_not_widen_the_left_side(page: Page, film_file: Path) -> None:
    """A long suggestion pushed the field and the button over the edge."""
    drop(page, film_file)
    hits(page)
    phrase = "ill-defined consolidation projected over the left lower zone and behind the heart"
    ask(page, phrase)
    unfold(page, phrase)
    page.get_by_role("button", name=f"Forget {phrase}").click()
    expect(page.get_by_role("group", name="Asked before").get_by_role("button", name=phrase)).to_be_visible()
    assert page.eval_on_selector(".desk", "desk => desk.scrollWidth <= desk.clientWidth")


@AT_DESK
def test_nothing_jumps_while_answers_come(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    place = page.locator(".seat.query .film-stage").bounding_box()
    ask(page, "cardiomegaly, mass, left pleural effusion")
    assert page.locator(".seat.query .film-stage").bounding_box() == place
    moved: float = page.evaluate("window.scrollY")
    assert moved == 0
