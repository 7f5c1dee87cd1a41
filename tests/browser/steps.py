"""What a person does on the page, for all tests of it."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

AT_DESK = pytest.mark.parametrize("page", [{"width": 1440, "height": 900}], indirect=True, ids=["desk"])
"""For what does not depend on the size of the screen."""

SHOWN = ".seat.query .film-stage[data-shown]"


def drop(page: Page, *files: Path) -> None:
    """Choose films; the first of them is on the screen afterwards."""
    page.set_input_files("#film-files", files)
    page.wait_for_selector(SHOWN)


def turn_to(page: Page, sheet: str) -> None:
    """Choose a sheet of the right column: findings, similar or report."""
    tab = page.locator(f"#tab-{sheet}")
    if tab.get_attribute("aria-selected") != "true":  # a click would take the focus
        tab.click()


def hits(page: Page) -> Locator:
    """The similar studies, once there are some, on the sheet that is seen."""
    turn_to(page, "similar")
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator(".hits .head [role=status]")).to_have_text("")
    return page.locator(".hit")


def ask(page: Page, phrases: str) -> None:
    """Look for phrases and wait for all answers."""
    page.fill("#phrases", phrases)
    page.click("#find")
    answered(page)


def answered(page: Page) -> None:
    """Wait until no phrase is open."""
    page.wait_for_selector("tr.finding", state="attached")
    expect(page.locator("tr.finding:is(.waiting, .looking)")).to_have_count(0)


def unfold(page: Page, *phrases: str) -> None:
    """Show what is folded behind the lines of findings: of these phrases, else of all."""
    folds = page.locator(".fold-of[aria-expanded=false]")
    for phrase in phrases:
        page.locator(f'.fold-of[aria-label="Review and evidence of {phrase}"][aria-expanded=false]').click()
    while not phrases and folds.count():
        folds.first.click()


def example(page: Page, number: int = 0) -> None:
    """Open an example and wait for its film and hits."""
    chosen = page.locator(".example").nth(number)
    chosen.wait_for(state="attached")
    if not chosen.is_visible():  # folded away once there is a worklist
        page.locator(".examples-of summary").click()
    chosen.click()
    page.wait_for_selector(SHOWN)
    hits(page)


def sign(page: Page, initials: str = "AB") -> None:
    """Write the reader's initials."""
    page.fill("#initials", initials)
    page.press("#initials", "Enter")


def draw_box(page: Page, start: tuple[float, float] = (0.35, 0.35), end: tuple[float, float] = (0.6, 0.65)) -> None:
    """Drag over the pane of the film, from one share of its width and height to another."""
    place = page.locator(".seat.query .film-stage").bounding_box()
    assert place is not None
    corners = [(place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in (start, end)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()


def press_while_stored(page: Page, pressed: Locator, route: str) -> None:
    """Click slowly: what the press itself sends, by ending the change of a field, is answered before the release."""
    place = pressed.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    # Where all was stored before the press, nothing is sent by it.
    with suppress(TimeoutError), page.expect_request_finished(lambda sent: sent.url.endswith(route), timeout=5_000):
        page.mouse.down()
    page.evaluate("() => new Promise((done) => setTimeout(done, 50))")  # the page has heard it
    page.mouse.up()
