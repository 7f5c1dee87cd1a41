"""A reader's review, kept over a reload; the exports of a case, read back."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, ask, draw_box, drop, hits, press_while_stored, sign

pytestmark = [pytest.mark.browser, AT_DESK]

PHRASES = "right lung, left lung"


def reviewed(page: Page, film: Path, initials: str) -> None:
    drop(page, film)
    hits(page)
    sign(page, initials)
    ask(page, PHRASES)
    expect(page.get_by_role("button", name="Accept box 1 of right lung")).to_be_visible()


def test_initials_come_first(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, PHRASES)
    page.get_by_role("button", name="Accept box 1 of right lung").click()
    expect(page.locator(".next [role=status]")).to_have_text("First write your initials.")
    expect(page.locator("#initials")).to_be_focused()


def test_verdicts_and_comment_are_there_again_after_a_reload(page: Page, film_file: Path) -> None:
    reviewed(page, film_file, "RV1")
    page.get_by_role("button", name="Accept box 1 of right lung").click()
    saved = page.locator(".next [role=status]")
    expect(saved).to_have_text("Saved.")
    lines = page.locator(".seat.query .film-overlay .boxes .line")
    before = lines.count()
    page.get_by_role("button", name="Reject box 1 of left lung").click()
    expect(lines).to_have_count(before - 1)
    page.get_by_role("button", name="right lung is absent").scroll_into_view_if_needed()
    page.fill("#comment", "seen twice")
    page.press("#comment", "Tab")
    expect(saved).to_have_text("Saved.")
    hits(page).first.click()
    page.get_by_role("button", name="is not relevant").click()
    expect(page.locator(".card .steer").first).to_contain_text("not relevant")

    page.reload()
    page.wait_for_selector(".example")
    expect(page.locator("#initials")).to_have_value("RV1")
    drop(page, film_file)
    ask(page, PHRASES)
    pressed = page.locator(".judge [aria-pressed=true]")
    expect(pressed).to_have_count(2)
    expect(page.get_by_role("button", name="Accept box 1 of right lung")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#comment")).to_have_value("seen twice")
    page.get_by_role("button", name="Reject box 1 of left lung").click()  # taken back
    expect(pressed).to_have_count(1)


def test_a_missing_box_is_drawn_and_a_box_moved(page: Page, film_file: Path) -> None:
    reviewed(page, film_file, "RV2")
    lines = page.locator(".seat.query .film-overlay .boxes .line")
    before = lines.count()
    page.get_by_role("button", name="Draw a box for right lung").click()
    draw_box(page)
    expect(lines).to_have_count(before + 1)
    page.get_by_role("button", name="Remove your box 2 of right lung").click()
    expect(lines).to_have_count(before)
    page.get_by_role("button", name="Move or resize box 1 of right lung").click()
    expect(page.locator(".region")).to_contain_text("Drag the box of right lung")
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".next [role=status]")).to_have_text("Saved.")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Move or resize box 1 of right lung")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_next_case_marks_this_one_and_opens_the_next(page: Page, film_file: Path, shared: Path) -> None:
    other = next((shared / "cxr" / "images").rglob("*.webp"))
    drop(page, film_file, other)
    hits(page)
    sign(page, "RV3")
    page.fill("#comment", "a comment")
    press_while_stored(page, page.get_by_role("button", name="Next case"), "/ask/keep_verdict")
    expect(page.locator(".item .state").first).to_have_text("reviewed")
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")
    expect(page.locator(".next [role=status]")).to_have_text("")  # "Saved." was said of the case before


def exported(page: Page, kind: str) -> bytes:
    page.locator(".exports summary").click()
    with page.expect_download() as waiting:
        page.locator(f"[data-kind={kind}]").click()
    return Path(waiting.value.path()).read_bytes()


def test_a_case_is_exported_in_every_form_with_what_is_on_the_screen(page: Page, film_file: Path) -> None:
    reviewed(page, film_file, "RV4")
    page.get_by_role("button", name="Accept box 1 of right lung").click()
    expect(page.locator(".next [role=status]")).to_have_text("Saved.")
    document = json.loads(exported(page, "json"))
    text = json.dumps(document)
    assert "right lung" in text
    assert "accepted" in text
    assert "esearch use only" in text
    table = exported(page, "csv").decode("utf-8-sig")
    assert any("right lung" in cell for row in csv.reader(io.StringIO(table)) for cell in row)
    assert exported(page, "png").startswith(b"\x89PNG")
    for kind, modality in (("sr", "SR"), ("gsps", "PR")):
        with zipfile.ZipFile(io.BytesIO(exported(page, kind))) as files:
            (name,) = {name for name in files.namelist() if name.endswith(".dcm")} - {"film.dcm"}
            assert pydicom.dcmread(io.BytesIO(files.read(name))).Modality == modality
