"""What a person does on the page, in a real browser, at a desk and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)} {{constructor}}"


def drop(page: Page, file: Path) -> None:
    page.set_input_files("#film input[type=file]", file)
    page.wait_for_selector(".pane.query img")


def ask(page: Page, phrases: str) -> None:
    page.fill("#phrases textarea", phrases)
    page.click("#find")
    page.wait_for_selector(".finding")
    expect(page.locator(".verdict", has_text="looking")).to_have_count(0)


def test_a_film_shows_large_with_hits_and_an_orientation_note(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    expect(page.locator(".hit")).to_have_count(8)
    shown = page.locator(".pane.query img").bounding_box()
    assert shown is not None
    assert shown["width"] > 300
    expect(page.locator(".side.right")).to_have_text("R")
    expect(page.locator(".pane.query .note")).to_contain_text("right on the left")
    loaded = "image => image.complete && image.naturalWidth > 100"
    page.wait_for_function(f"({loaded})(document.querySelector('.pane.query img'))")


def test_hits_say_similarity_report_and_labels(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    first = page.locator(".hit").first
    similarity = float(first.locator(".similarity").inner_text())
    assert -1 <= similarity <= 1
    expect(first.locator(".text")).not_to_be_empty()
    page.wait_for_function("document.querySelector('.hit img').naturalWidth > 20")


def test_phrases_have_colours_dashes_and_a_verdict_each(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "cardiomegaly, left pleural effusion; mass")
    expect(page.locator(".finding")).to_have_count(3)
    looks = page.eval_on_selector_all(
        ".finding line", "lines => lines.map(l => l.style.stroke + '|' + l.getAttribute('stroke-dasharray'))"
    )
    assert len(set(looks)) == 3
    for verdict in page.locator(".verdict").all_inner_texts():
        assert verdict.startswith(("found · confidence", "not found · confidence"))


def test_boxes_are_vectors_that_can_be_hidden(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "cardiomegaly, left pleural effusion, mass, pneumothorax, consolidation")
    found = page.locator(".verdict", has_text="found ·").filter(has_not_text="not found").count()
    boxes = page.locator(".pane.query svg.boxes rect.line")
    before = boxes.count()
    assert (before > 0) == (found > 0)
    for finding in page.locator(".finding").all():
        finding.click()
    expect(boxes).to_have_count(0)


def test_hostile_phrases_stay_text(page: Page, film_file: Path, tmp_path: Path) -> None:
    named = tmp_path / "<img src=x onerror=alert(3)>${alert(4)}.png"
    named.write_bytes(film_file.read_bytes())
    drop(page, named)
    ask(page, HOSTILE)
    expect(page.locator(".finding .phrase")).to_have_text(HOSTILE)
    assert page.locator(".viewer img[src='x']").count() == 0
    assert "alert(3)" not in page.locator(".viewer").inner_text()


def test_a_hit_opens_beside_the_film_and_closes(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    page.locator(".hit").nth(1).click()
    expect(page.locator(".pane")).to_have_count(2)
    expect(page.locator(".pane.compared .who")).to_have_text("Similar study 2")
    frames = page.eval_on_selector_all(".pane", "panes => panes.map(p => getComputedStyle(p).borderTopColor)")
    assert frames[0] != frames[1]
    page.wait_for_function("document.querySelector('.pane.compared img').naturalWidth > 100")
    page.keyboard.press("Escape")
    expect(page.locator(".pane")).to_have_count(1)


def test_an_example_opens(page: Page) -> None:
    page.locator(".example").first.click()
    expect(page.locator(".pane.query .who")).to_have_text("Example film")
    expect(page.locator(".hit")).to_have_count(8)


def test_an_unreadable_file_is_told_and_leaves_the_result(page: Page, film_file: Path, tmp_path: Path) -> None:
    drop(page, film_file)
    expect(page.locator(".hit")).to_have_count(8)
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    page.set_input_files("#film input[type=file]", bad)
    page.wait_for_selector("[data-testid=toast-body], .toast-body")
    expect(page.locator(".hit")).to_have_count(8)
    expect(page.locator(".pane.query img")).to_be_visible()
    drop(page, film_file)


def test_a_filter_that_lets_nothing_through_says_so(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    expect(page.locator(".hit")).to_have_count(8)
    page.get_by_text("Filter the similar studies").click()
    page.fill("#where textarea, #where input", "label=nosuchlabel")
    page.press("#where textarea, #where input", "Enter")
    expect(page.locator(".hits")).to_contain_text("No study passes the filter.")


def test_the_page_is_dark_and_nothing_overflows(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    expect(page.locator(".hit")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)")
    assert max(int(red), int(green), int(blue)) < 40
    expect(page.get_by_text("Research use only")).to_be_visible()
