"""A worklist that outlives its page where the reader wants that; a page that is not left with work on it unasked."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from lofi.gallery import Gallery
from lofi.settings import Settings
from tests.browser.steps import AT_DESK, SHOWN, answered, ask, drop, sign, turn_to, unfold

pytestmark = [pytest.mark.browser, AT_DESK]


@pytest.fixture
def two(settings: Settings) -> list[Path]:
    gallery = Gallery.open(settings.gallery)
    return [path for study in gallery.studies if (path := gallery.image_path(study))][:2]


def asked(page: Page) -> list[str]:
    """The questions before the page is left, as they come."""
    types: list[str] = []

    def note(dialog: Dialog) -> None:
        types.append(dialog.type)

    page.on("dialog", note)
    return types


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector(".example", state="attached")


def test_a_page_with_films_on_it_asks_before_it_is_left(page: Page, two: list[Path]) -> None:
    questions = asked(page)
    page.locator("#phrases").click()  # a browser asks only where somebody did something
    reload(page)
    assert questions == []
    drop(page, two[0])
    page.locator("#phrases").click()
    reload(page)
    assert questions == ["beforeunload"]
    expect(page.locator(".item")).to_have_count(0)


def test_films_order_phrases_and_reviews_are_kept_and_cleared(page: Page, two: list[Path]) -> None:
    questions = asked(page)
    drop(page, *two)
    expect(page.locator(".keeping")).to_contain_text("Films are patient data")
    expect(page.locator("#keep")).not_to_be_checked()
    page.locator(".item").nth(1).click()
    page.locator(".item").nth(1).press("Alt+ArrowUp")
    ask(page, "right lung")
    sign(page, "KP")
    unfold(page)
    page.get_by_role("button", name="Accept box 1 of right lung").click()
    expect(page.locator(".next [role=status]")).to_have_text("Saved.")
    page.check("#keep")
    expect(page.locator(".keeping [role=status]")).to_have_text("All of it is kept.")

    told: list[str] = []

    def forget(route: Route) -> None:  # as a server does that keeps no reviews over a start
        told.append(route.request.url)
        route.fulfill(body=json.dumps({"verdicts": []}) + "\n", content_type="application/x-ndjson")

    page.route("**/lofi/ask/kept_verdicts", forget)
    reload(page)
    page.wait_for_selector(SHOWN)
    assert questions == []
    expect(page.locator(".item .who")).to_have_text(["Film 2", "Film 1"])
    expect(page.locator(".item .label-of")).to_have_text([two[1].name, two[0].name])
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")
    answered(page)
    expect(page.locator("tr.finding .phrase")).to_have_text("right lung")
    turn_to(page, "findings")
    unfold(page)
    accepted = page.get_by_role("button", name="Accept box 1 of right lung")
    expect(accepted).to_have_attribute("aria-pressed", "true")
    assert told
    expect(page.locator(".keeping [role=status]")).to_have_text("All of it is kept.")

    page.get_by_role("button", name="Clear what is kept").click()
    expect(page.locator("#keep")).not_to_be_checked()
    expect(page.locator(".item")).to_have_count(2)  # on the screen, until the page is left
    reload(page)
    assert questions == ["beforeunload"]
    expect(page.locator(".item")).to_have_count(0)
