"""What a person does on the page, in a real browser, at a desk and on a phone."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from lofi.network.checkpoint import read_manifest
from lofi.settings import BUNDLED_MODEL
from tests.asking import DESK, post, sent
from tests.browser.steps import AT_DESK, SHOWN, answered, ask, drop, example, hits, turn_to, unfold

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)} {{constructor}}"


def test_a_film_shows_large_with_hits_and_an_orientation_note(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    expect(hits(page)).to_have_count(8)
    shown = page.locator(SHOWN).bounding_box()
    assert shown is not None
    assert shown["width"] > 300
    expect(page.locator(".seat.query .side").first).to_have_text("R")
    expect(page.locator(".seat.query .note")).to_contain_text("right on the left")


def test_hits_say_similarity_rank_report_and_labels(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    first = hits(page).first
    closer_than = float(first.locator(".similarity").inner_text().removesuffix(" %"))
    assert 0 <= closer_than < 100
    assert "cosine" in (first.locator(".similarity").get_attribute("title") or "")
    expect(first.locator(".rank")).to_have_text("1")
    expect(first.locator(".text")).not_to_be_empty()
    page.wait_for_function("document.querySelector('.hit img').naturalWidth > 20")


def test_phrases_have_colours_dashes_and_a_verdict_each(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "cardiomegaly, left pleural effusion; mass")
    expect(page.locator("tr.finding")).to_have_count(3)
    heights = page.locator("tr.finding").evaluate_all("rows => rows.map((row) => row.getBoundingClientRect().height)")
    assert max(heights) < 40, "a finding takes one line"
    looks = page.eval_on_selector_all(
        ".finding line", "lines => lines.map(l => l.style.stroke + '|' + l.getAttribute('stroke-dasharray'))"
    )
    assert len(set(looks)) == 3
    for verdict in page.locator(".finding .verdict").all_inner_texts():
        assert verdict.strip() in {"likely", "unsure", "unlikely"}
    for sure in page.locator(".finding .chance-of .figure").all_inner_texts():
        assert re.fullmatch(r"\d+ %", sure)
    # The model's two thresholds are marked on each bar, and what is known of its boxes is one click away.
    expect(page.locator(".finding .chance .mark")).to_have_count(6)
    record = page.locator(".track-record[data-phrase=cardiomegaly]")
    unfold(page, "cardiomegaly")
    figures = read_manifest(BUNDLED_MODEL)["concepts"]["cardiomegaly"]["figures"]
    expect(record).to_contain_text(f"overlapped the readers' by {100 * figures['mean IoU'][0]:.0f} %")
    for name, words in (("IoU≥0.5", "by half or more"), ("IoU≥0.3", "by 30 % or more")):
        if name in figures:  # a checkpoint that was not asked says what it has
            expect(record).to_contain_text(f"{round(figures[name][0] * figures[name][3])} ")
            expect(record).to_contain_text(words)


def test_boxes_can_be_hidden_one_phrase_or_all_at_a_time(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "cardiomegaly, left pleural effusion, mass, pneumothorax, right lung, left lung")
    boxes = page.locator(".seat.query .film-overlay .boxes .line")
    expect(boxes).not_to_have_count(0)
    page.get_by_role("button", name="All boxes").click()
    expect(boxes).to_have_count(0)
    page.get_by_role("button", name="All boxes").click()
    expect(boxes).not_to_have_count(0)
    for finding in page.locator("tr.finding input[type=checkbox]").all():
        finding.uncheck()
    expect(boxes).to_have_count(0)


def test_the_threshold_and_the_opacity_change_the_boxes(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "right lung, left lung, cardiomegaly")
    boxes = page.locator(".seat.query .film-overlay .boxes .line")
    before = boxes.count()
    assert before
    page.get_by_label("Opacity", exact=True).fill("0.5")
    expect(page.locator(".seat.query .film-overlay .boxes")).to_have_css("opacity", "0.5")
    page.get_by_label("Least chance").fill("1")
    expect(boxes).to_have_count(0)
    page.get_by_label("Least chance").fill("0")
    expect(boxes).to_have_count(before)


def test_a_phrase_is_forgotten_and_asked_again_from_history(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, "cardiomegaly")
    unfold(page, "cardiomegaly")
    page.get_by_role("button", name="Forget cardiomegaly").click()
    expect(page.locator("tr.finding")).to_have_count(0)
    page.get_by_role("group", name="Asked before").get_by_role("button", name="cardiomegaly").click()
    expect(page.locator("tr.finding.known .phrase")).to_have_text("cardiomegaly")


def test_hostile_phrases_and_names_stay_text(page: Page, film_file: Path, tmp_path: Path) -> None:
    named = tmp_path / "<img src=x onerror=alert(3)>${alert(4)}.png"
    named.write_bytes(film_file.read_bytes())
    drop(page, named)
    ask(page, HOSTILE)
    expect(page.locator(".finding .phrase")).to_have_text(HOSTILE)
    assert page.locator("#viewer img[src='x']").count() == 0
    expect(page.locator(".item .label-of")).to_have_text(named.name)


def test_an_example_opens(page: Page) -> None:
    example(page)
    expect(page.locator(".seat.query .who")).to_contain_text("Example: ")
    expect(hits(page)).to_have_count(8)


def test_an_unreadable_file_is_told_and_leaves_the_result(page: Page, film_file: Path, tmp_path: Path) -> None:
    drop(page, film_file)
    expect(hits(page)).to_have_count(8)
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    page.set_input_files("#film-files", bad)
    expect(page.get_by_role("alert").filter(has_text="This file cannot be shown.")).to_be_visible()
    expect(page.locator(".item.failed .state")).to_have_text("failed")
    expect(page.locator(".items li", has_text="broken.png").locator(".fault")).to_contain_text("damaged or cut short")
    page.locator(".item").first.click()
    page.wait_for_selector(SHOWN)
    expect(page.locator(".hit")).to_have_count(8)


def test_phrases_without_a_film_are_answered_with_what_to_do(page: Page) -> None:
    page.fill("#phrases", "mass")
    page.click("#find")
    expect(page.locator(".told-to-you")).to_contain_text("First drop a film, or pick an example.")
    expect(page.locator("#phrases")).to_have_value("mass")
    page.locator(".example").first.click()
    expect(page.locator("tr.finding.known .phrase")).to_have_text("mass")


def test_a_server_that_went_away_is_told(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    page.route(re.compile("/lofi/ask/"), lambda route: route.abort())
    page.fill("#phrases", "mass")
    page.click("#find")
    expect(page.locator("tr.finding.failed .verdict")).to_have_attribute("title", re.compile("does not answer"))
    page.unroute_all()
    ask(page, "mass")
    expect(page.locator("tr.finding.known")).to_have_count(1)


def test_a_full_house_tells_its_reader_the_place_in_line(page: Page, film_file: Path, app_url: str) -> None:
    drop(page, film_file)
    hits(page)
    film = sent(app_url, film_file)

    def others_ask(number: int) -> None:
        # An answer is kept: on another screen the same phrases would keep nobody waiting.
        phrases = [f"nodule {number} {extra} {page.viewport_size}" for extra in range(10)]
        headers = {**DESK, "X-Lofi-Desk": f"another-reader-{number}"}
        post(f"{app_url}/lofi/ask/ground", {"film": film, "phrases": phrases}, headers)

    readers = [threading.Thread(target=others_ask, args=(number,)) for number in range(6)]
    for reader in readers:
        reader.start()
    page.fill("#phrases", "granuloma")
    page.click("#find")
    told = re.compile(r"Busy with other readers: you are (next|[23](nd|rd)|\d+th), about \d+ s\.")
    expect(page.locator(".busy")).to_have_text(told)
    expect(page.locator("tr.finding.known .phrase")).to_have_text("granuloma")
    expect(page.locator(".busy")).to_be_empty()
    for reader in readers:
        reader.join()


def test_who_has_never_seen_it_goes_by_the_words_alone(page: Page, film_file: Path) -> None:
    """Film, phrase, comparison, export: each found by what the page says, in under a minute."""
    page.set_default_timeout(60_000)
    with page.expect_file_chooser() as choosing:
        page.get_by_label(re.compile("Drop chest films here")).click()
    choosing.value.set_files(film_file)
    page.get_by_label("What to find").fill("cardiomegaly")
    page.get_by_text("Find on the film").click()
    expect(page.get_by_role("row", name="Show the boxes of cardiomegaly")).to_contain_text(re.compile("likely|unsure"))
    page.get_by_text("Similar studies", exact=True).first.click()
    page.get_by_role("button", name=re.compile("simulated")).first.click()
    expect(page.get_by_label("Report of Similar study 1")).not_to_be_empty()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_text("Picture with boxes").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_phrase_that_denies_is_not_looked_for(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    page.fill("#phrases", "no pneumothorax, right lung\nno mass, large effusion, or hernia")
    page.click("#find")
    expect(page.locator("tr.finding.known .phrase")).to_have_text("right lung")
    denied = page.locator("tr.finding.absent")
    expect(denied.locator(".phrase")).to_have_text(["pneumothorax", "mass", "large effusion", "hernia"])
    expect(denied.locator(".verdict").first).to_have_text("said to be absent")


@AT_DESK
def test_a_film_that_is_no_frontal_chest_film_is_asked_only_all_the_same(page: Page, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)
    drop(page, path)
    hits(page)
    page.fill("#phrases", "cardiomegaly")
    page.click("#find")
    finding = page.locator("tr.finding")
    expect(finding.locator(".verdict")).to_have_text("not asked")
    expect(page.locator(".unfit")).to_contain_text("The picture is noise")
    expect(page.get_by_role("group", name="Suggested")).to_have_count(0)
    expect(page.locator(".seat.query .side").first).to_be_hidden()
    turn_to(page, "report")
    expect(page.locator(".draft")).to_contain_text("No report is drafted")
    expect(page.get_by_role("button", name="Draft a report")).to_have_count(0)
    turn_to(page, "findings")
    page.click("#anyway")
    answered(page)
    expect(finding.locator(".verdict")).to_have_text(re.compile("likely|unsure"))
    expect(page.locator("tr.remark .flag")).to_contain_text("The picture is noise")


def test_each_answer_says_what_it_stands_for(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    ask(page, "Rt lung, hernia, 123, clear lungs")
    expect(page.locator("tr.finding")).to_have_count(4)
    expect(page.locator("tr.finding:is(.waiting, .looking)")).to_have_count(0)
    expect(page.locator("tr.finding", has_text="Rt lung").locator(".verdict")).to_have_text("likely")
    expect(page.locator("tr.finding", has_text="hernia").locator(".verdict")).to_have_text("never learnt")
    expect(page.locator("tr.finding", has_text="123").locator(".verdict")).to_have_text("not understood")
    unfold(page)
    told = page.locator("tr.behind p")
    expect(told.first).to_have_text("Asked as “right lung”.")
    expect(told.nth(1)).to_contain_text("was never shown an example of hernia")


def test_the_page_lists_what_the_model_knows(page: Page) -> None:
    page.locator("#knowledge summary").click()
    known = page.locator("#knowledge")
    expect(known.locator("li", has_text="pleural effusion").first).to_contain_text("boxes by readers")
    expect(known.locator("li", has_text="hernia")).to_contain_text("none shown with its place")


def test_a_search_says_what_it_cannot_search_for(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    search = page.locator(".hits input[type=search]")
    search.fill("no pleural effusion")
    search.press("Enter")
    expect(page.locator(".hits .fault")).to_contain_text("says what is not there")
    search.fill("effusion zeppelin")
    search.press("Enter")
    expect(page.locator(".hits .terms")).to_contain_text("zeppelin")


def test_an_answer_names_the_examples_behind_it_and_opens_them(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    ask(page, "right lung, cardiomegaly")
    told = page.locator(".because")
    expect(told).to_have_count(0)
    expect(page.locator(".fold-of").first).to_have_text(re.compile(r"^▸\d+$"))
    unfold(page)
    expect(told.first).to_contain_text(re.compile(r"because of( these [23])?"))
    named = told.first.locator("button")
    assert 1 <= named.count() <= 3
    name = named.first.locator("span").first.inner_text()
    effect = str(named.first.get_attribute("title"))
    assert re.search(r"(moved the boxes by \d+ %|left the boxes where they are)", effect)
    assert re.search(r"its box overlaps the answer's by \d+ %", effect)
    named.first.click()
    listed = name.startswith("similar study")
    expect(page.locator(".pane.compared .who")).to_have_text(name.capitalize() if listed else "Example study")
    expect(page.locator(".pane.compared .about")).to_contain_text("simulated" if listed else name)
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")
