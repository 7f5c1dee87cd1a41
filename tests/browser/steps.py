"""What a person does on the page, for all tests of it."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

SHOWN = ".seat.query .film-stage[data-shown]"


def drop(page: Page, *files: Path) -> None:
    """Choose films; the first of them is on the screen afterwards."""
    page.set_input_files("#film-files", files)
    page.wait_for_selector(SHOWN)


def hits(page: Page) -> Locator:
    """The similar studies, once there are some."""
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
    page.wait_for_selector("tr.finding")
    expect(page.locator("tr.finding:is(.waiting, .looking)")).to_have_count(0)


def example(page: Page, number: int = 0) -> None:
    """Open an example and wait for its film and hits."""
    page.locator(".example").nth(number).click()
    page.wait_for_selector(SHOWN)
    hits(page)


def sign(page: Page, initials: str = "AB") -> None:
    """Write the reader's initials."""
    page.fill("#initials", initials)
    page.press("#initials", "Enter")
