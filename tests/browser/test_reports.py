"""Whole reports: a pasted one split into statements, the model's draft with its boxes, suggestions."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, answered, example, turn_to

pytestmark = [pytest.mark.browser, AT_DESK]

REPORT = "FINDINGS: The heart is enlarged. There is no pneumothorax. Left effusion. Possible mass. It is increased."


def test_a_pasted_report_is_split_and_what_it_denies_is_absent_and_not_looked_for(page: Page) -> None:
    example(page)
    turn_to(page, "report")
    page.get_by_text("Paste a report").click()
    page.fill("#report", REPORT)
    page.click("#find-report")
    answered(page)
    absent = page.locator("tr.finding.absent")
    expect(absent).to_have_count(1)
    expect(absent.locator(".phrase")).to_contain_text("pneumothorax")
    expect(absent.locator(".verdict")).to_contain_text("absent")
    assert page.locator("tr.finding.known").count() >= 2
    expect(page.locator("#report")).to_be_hidden()
    # The report stays in view, and each of its sentences says what became of it.
    expect(page.locator(".pasted .mark-of")).to_have_text(["looked for", "denied", "looked for", "unsure", "not used"])
    expect(page.locator(".pasted .part").first).to_contain_text("The heart is enlarged.")


def test_a_text_without_a_finding_is_told(page: Page) -> None:
    example(page)
    turn_to(page, "report")
    page.get_by_text("Paste a report").click()
    page.fill("#report", "Thank you for your letter.")
    page.click("#find-report")
    expect(page.locator(".told-to-you")).to_contain_text("No finding could be read from this text.")


def test_the_draft_is_named_as_one_and_a_sentence_shows_its_boxes(page: Page) -> None:
    example(page)
    turn_to(page, "report")
    page.get_by_role("button", name="Draft a report").click()
    expect(page.locator(".draft .flag")).to_contain_text("Draft by the model")
    sentences = page.locator(".draft .sentence")
    assert sentences.count() > 0
    lines = page.locator(".seat.query .film-overlay .boxes .line")
    with_boxes = page.locator(".draft .sentence[title='Show its boxes']")
    if with_boxes.count():
        before = lines.count()
        with_boxes.first.click()
        expect(with_boxes.first).to_have_attribute("aria-pressed", "true")
        page.wait_for_function(
            "before => document.querySelectorAll('.seat.query .film-overlay .boxes .line').length > before", arg=before
        )
        with_boxes.first.click()
        expect(lines).to_have_count(before)


def test_a_suggestion_is_asked_by_one_click(page: Page) -> None:
    example(page)
    chip = page.get_by_role("group", name="Suggested").get_by_role("button").first
    name = chip.inner_text()
    chip.click()
    expect(page.locator("tr.finding .phrase")).to_have_text(name)
