"""Similar studies: filtered by fields or text, refined, paged, searched by text, exported."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, answered, ask, draw_box, drop, example, hits

pytestmark = [pytest.mark.browser, AT_DESK]


def ids(page: Page) -> list[str]:
    return [str(card.get_attribute("data-study")) for card in hits(page).all()]


def wait_for_other(page: Page, before: list[str]) -> list[str]:
    """The hits once they are others than before."""
    page.wait_for_function(
        "before => { const now = [...document.querySelectorAll('.hit')].map(h => h.dataset.study);"
        " return now.length && JSON.stringify(now) !== JSON.stringify(before); }",
        arg=before,
    )
    return ids(page)


def test_the_filter_fields_write_the_line_and_every_hit_fits(page: Page) -> None:
    example(page)
    before = ids(page)
    page.locator(".filters summary").click()
    page.select_option("#filter-sex", "F")
    page.fill("#filter-from", "40")
    page.fill("#filter-to", "80")
    page.press("#filter-to", "Tab")
    expect(page.locator("#where")).to_have_value("sex=F age=40-80")
    wait_for_other(page, before)
    page.wait_for_function("[...document.querySelectorAll('.hit .facts')].every(f => f.textContent.includes(' F '))")
    for facts in page.locator(".hit .facts").all_inner_texts():
        age = re.search(r"(\d+) y", facts)
        assert age is not None
        assert 40 <= int(age[1]) <= 80
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_function("before => document.querySelector('.hit')?.dataset.study === before", arg=before[0])


def test_a_wrong_filter_is_told_in_words(page: Page) -> None:
    example(page)
    page.locator(".filters summary").click()
    page.fill("#where", "colour=red")
    page.press("#where", "Enter")
    expect(page.locator(".results [role=alert]")).to_contain_text("Part 1 of the filter is not one of")


def test_paging_goes_on_counting_and_comes_back(page: Page) -> None:
    example(page)
    first = ids(page)
    expect(page.get_by_role("button", name="Earlier studies")).to_be_disabled()
    page.get_by_role("button", name="More studies").click()
    second = wait_for_other(page, first)
    assert not set(first) & set(second)
    expect(page.locator(".hit .rank").first).to_have_text("9")
    page.get_by_role("button", name="Earlier studies").click()
    assert wait_for_other(page, second) == first


def test_less_like_this_takes_the_study_out_and_undo_brings_it_back(page: Page) -> None:
    example(page)
    before = ids(page)
    page.get_by_role("button", name="Less like study 1", exact=True).click()
    after = wait_for_other(page, before)
    assert before[0] not in after
    expect(page.locator(".terms")).to_contain_text("less like 1")
    page.get_by_role("button", name="Undo").click()
    assert wait_for_other(page, after) == before


def test_more_like_this_is_marked_and_searched(page: Page) -> None:
    example(page)
    page.get_by_role("button", name="More like study 3", exact=True).click()
    expect(page.locator(".terms")).to_contain_text("more like 1")
    expect(
        page.get_by_role("button", name=re.compile("^More like")).and_(page.locator("[aria-pressed=true]"))
    ).to_have_count(1)


def test_a_text_is_searched_with_the_film_alone_and_without_any(page: Page) -> None:
    page.fill("#search-text", "pleural effusion")
    page.press("#search-text", "Enter")
    hits(page)
    alone = ids(page)
    expect(page.locator(".item .who")).to_have_text("Text: pleural effusion")
    example(page, 2)
    film = wait_for_other(page, alone)
    page.fill("#search-text", "pleural effusion")
    page.get_by_role("button", name="Search", exact=True).click()
    both = wait_for_other(page, film)
    page.check("#search-alone")
    assert wait_for_other(page, both) == alone


def test_a_region_is_described_searched_and_removed_again(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    before = ids(page)
    page.click("#draw")
    draw_box(page)
    page.get_by_role("button", name="Describe this region").click()
    expect(page.locator(".region .said")).to_contain_text(re.compile("The model (says|has no words)"))
    page.get_by_role("button", name="Find studies like this region").click()
    expect(page.locator(".terms")).to_contain_text("like the drawn box")
    found = wait_for_other(page, before)
    assert found
    hits(page).first.click()
    labels = page.locator(".seat.compared .film-overlay .label")
    expect(labels.filter(has_text="like the drawn box")).to_have_count(1)
    page.get_by_role("button", name="Remove the box").click()
    assert wait_for_other(page, found) == before


def test_phrases_are_looked_for_inside_the_drawn_box_as_well_until_it_is_removed(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    ask(page, "right lung")
    whole = page.locator("tr.finding .sure").inner_text()
    lines = page.locator(".seat.query .film-overlay .boxes .line")
    before = lines.count()
    page.click("#draw")
    draw_box(page, (0.5, 0.4), (0.6, 0.7))  # the patient's left: no right lung is in it
    drawn = lines.nth(before).bounding_box()
    page.get_by_role("button", name="Look for my phrases inside this box").click()
    expect(page.locator("tr.finding .phrase")).to_contain_text(["right lung", "right lung in the box"])
    answered(page)
    assert drawn is not None
    for line in lines.all()[before:]:
        place = line.bounding_box()
        assert place is not None
        assert place["x"] >= drawn["x"] - 3
        assert place["x"] + place["width"] <= drawn["x"] + drawn["width"] + 3
    page.locator(".exports summary").click()
    with page.expect_download() as download:
        page.locator('.exports [data-kind="json"]').click()
    found = json.loads(download.value.path().read_bytes())["findings"]
    assert [(one["phrase"], one["asked"]) for one in found] == [
        ("right lung", "right lung"),
        ("right lung in the box", "right lung"),
    ]
    expect(page.locator("tr.finding .sure").first).to_have_text(whole)
    page.get_by_role("button", name="Remove the box").click()
    expect(page.locator("tr.finding .phrase")).to_have_text(["right lung"])
    expect(lines).to_have_count(before)


def test_the_list_is_exported_with_the_hits_on_the_screen(page: Page) -> None:
    example(page)
    shown = ids(page)
    with page.expect_download() as waiting:
        page.get_by_label("Export the list of studies").select_option("hits-csv")
    rows = list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    text = "\n".join(",".join(row) for row in rows)
    assert all(study in text for study in shown)
    assert "esearch use only" in text
