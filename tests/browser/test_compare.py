"""A similar study beside the film: frames, names, linked windows, the same phrases on it, its report marked."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, ask, example, hits

pytestmark = [pytest.mark.browser, AT_DESK]


def test_a_hit_opens_beside_the_film_with_a_frame_and_name_of_its_own(page: Page) -> None:
    example(page)
    hits(page).nth(1).click()
    expect(page.locator(".pane")).to_have_count(2)
    expect(page.locator(".pane.compared .who")).to_have_text("Similar study 2")
    frames = page.eval_on_selector_all(".pane", "panes => panes.map(p => getComputedStyle(p).borderTopColor)")
    assert frames[0] != frames[1]
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    expect(page.locator(".told .report")).not_to_be_empty()


def test_escape_closes_it_and_the_focus_returns_to_its_card(page: Page) -> None:
    example(page)
    hits(page).nth(1).click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    page.get_by_role("button", name="Close Similar study 2").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".pane")).to_have_count(1)
    expect(page.locator(".hit").nth(1)).to_be_focused()


def test_the_windows_of_both_films_are_linked(page: Page) -> None:
    example(page)
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
    for tools in page.locator(".film-tools").all():
        box = tools.bounding_box()
        assert box is not None
        assert box["height"] < 40, "the tools of two films beside each other take one row each"
    readouts = page.locator(".film-readout")
    before = readouts.nth(1).inner_text()
    page.locator(".seat.query .film-preset").select_option(index=1)
    expect(readouts.nth(1)).not_to_have_text(before)
    window = readouts.nth(0).inner_text().split(" · ")[0]
    expect(readouts.nth(1)).to_contain_text(window)


def test_phrases_are_looked_for_on_the_study_and_its_sentences_marked(page: Page) -> None:
    example(page)
    ask(page, "right lung, left lung")
    hits(page).first.click()
    lines = page.locator(".seat.compared .film-overlay .boxes .line")
    page.wait_for_function(
        "[...document.querySelectorAll('.seat.compared .film-overlay .boxes .line')]"
        ".filter(l => l.style.stroke !== 'rgb(255, 255, 255)').length >= 1"
    )
    before = lines.count()
    label = page.locator(".hit .labels").first.inner_text().split(",")[0].lower()
    said = page.locator(".hit .text").first.inner_text().strip().rstrip(".")
    page.fill("#phrases", f"{label}, {said}"[:150].replace(";", " "))
    page.click("#find")
    page.wait_for_function(  # the sentences are written anew while answers come in
        """() => {
            const mark = document.querySelector(".told mark");
            const lines = [...document.querySelectorAll(".finding line")].map((line) => getComputedStyle(line).stroke);
            return mark && lines.includes(getComputedStyle(mark).borderBottomColor);
        }"""
    )
    assert before > 0
