"""A reader's review, kept over a reload; the exports of a case, read back."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import AT_DESK, ask, draw_box, drop, hits, press_while_stored, sign, unfold

pytestmark = [pytest.mark.browser, AT_DESK]

PHRASES = "right lung, left lung"


def reviewed(page: Page, film: Path, initials: str) -> None:
    drop(page, film)
    hits(page)
    sign(page, initials)
    ask(page, PHRASES)
    unfold(page)
    expect(page.get_by_role("button", name="Accept box 1 of right lung")).to_be_visible()


def test_initials_come_first(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    ask(page, PHRASES)
    unfold(page)
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
    expect(page.locator(".fold-of")).to_have_text([re.compile("✓$"), re.compile("✓$")])  # also while they are folded
    unfold(page)
    pressed = page.locator(".judge [aria-pressed=true]")
    expect(pressed).to_have_count(2)
    expect(page.get_by_role("button", name="Accept box 1 of right lung")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#comment")).to_have_value("seen twice")
    page.get_by_role("button", name="Reject box 1 of left lung").click()  # taken back
    expect(pressed).to_have_count(1)


def test_a_stored_comment_comes_back_and_is_not_lost_to_what_is_typed_before_it_came(
    page: Page, film_file: Path
) -> None:
    """Initials, Tab, type: the stored comment was overwritten unseen."""
    drop(page, film_file)
    sign(page, "RV5")
    saved = page.locator(".next [role=status]")
    page.fill("#comment", "stored first")
    page.press("#comment", "Tab")
    expect(saved).to_have_text("Saved.")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    page.wait_for_selector(".example")
    drop(page, film_file)
    page.fill("#initials", "RV5")
    page.press("#initials", "Tab")
    page.keyboard.type("typed at once")
    expect(page.locator("#comment")).to_have_value(re.compile("stored first"))
    page.press("#comment", "Tab")
    expect(saved).to_have_text("Saved.")
    (said,) = [one["comment"] for one in [json.loads(exported(page, "json"))]]
    assert "stored first" in said
    assert "typed at once" in said


def test_a_missing_box_is_drawn_and_a_box_moved(page: Page, film_file: Path) -> None:
    reviewed(page, film_file, "RV2")
    lines = page.locator(".seat.query .film-overlay .boxes .line")
    before = lines.count()
    page.get_by_role("button", name="Draw a box for right lung").click()
    draw_box(page)
    expect(lines).to_have_count(before + 1)
    # The reader's box bears initials and no figure, and has a line of its own; the model's keep theirs.
    labels = page.locator(".seat.query .film-overlay .boxes .label")
    expect(labels.get_by_text("right lung 2 · RV2", exact=True)).to_be_attached()
    expect(labels.filter(has_text=re.compile(r"right lung 1 \d+ %"))).to_have_count(1)
    expect(page.locator(".seat.query .film-overlay .boxes .halo.reader")).to_have_count(1)
    (finding,) = [one for one in json.loads(exported(page, "json"))["findings"] if one["phrase"] == "right lung"]
    assert [(box["number"], box["drawn_by"]) for box in finding["boxes"]] == [(1, "model"), (2, "RV2")]
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
    sign(page, "NC")
    page.fill("#comment", "a comment")
    press_while_stored(page, page.get_by_role("button", name="Next case"), "/ask/keep_verdict")
    expect(page.locator(".item .state").first).to_have_text("reviewed")
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")
    expect(page.locator(".next [role=status]")).to_have_text("")  # "Saved." was said of the case before


def judged(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def test_a_case_is_reviewed_by_keys_alone_and_every_step_undone(page: Page, film_file: Path) -> None:
    reviewed(page, film_file, "KA")
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("j")
    right, left = judged(page, "box 1 of right lung"), judged(page, "box 1 of left lung")
    expect(right).to_have_attribute("aria-current", "true")
    page.keyboard.press("a")
    expect(right).to_have_class("judge accepted")
    expect(left).to_have_attribute("aria-current", "true")
    page.locator("#tab-similar").click()
    page.keyboard.press("x")
    expect(left).to_have_class("judge rejected")
    for key, classes in (
        ("Control+z", ("judge accepted", "judge ")),
        ("Control+z", ("judge ", "judge ")),
        ("Control+Shift+Z", ("judge accepted", "judge ")),
    ):
        page.keyboard.press(key)
        for box, expected in zip((right, left), classes, strict=True):
            expect(box).to_have_class(expected)
    # Verdicts, marks and boxes drawn are one list.
    stage = page.locator(".seat.query .film-stage")
    stage.focus()
    for key in ["l", "Enter", *["ArrowRight"] * 10, "Enter"]:
        page.keyboard.press(key)
    expect(page.locator(".marks .mark")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.locator(".next [role=status]")).to_have_text("Saved.")
    page.keyboard.press("Control+z")
    expect(page.locator(".next [role=status]")).to_have_text(re.compile("Undone: .* absent"))
    page.keyboard.press("Control+z")
    expect(page.locator(".marks .mark")).to_have_count(0)
    page.locator("#comment").focus()
    page.keyboard.press("x")  # words are words
    expect(page.locator("#comment")).to_have_value("x")
    page.locator("#find").focus()
    page.keyboard.press("?")
    expect(page.locator("dialog.film-help[open]")).to_contain_text("Accept the box")


def test_the_models_heart_and_chest_start_the_ratio(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    page.locator(".seat.query .film-stage").focus()
    for _ in range(2):
        page.keyboard.press("q")
    said = page.locator(".marks .ratio text")
    expect(said).to_have_text(re.compile(r"^heart / chest 0\.[3-7]\d · lines by the model, not checked$"))


def test_where_the_model_looks_is_a_key_away_and_in_the_picture(page: Page, film_file: Path) -> None:
    drop(page, film_file)
    hits(page)
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("h")
    expect(page.locator(".next [role=status]")).to_contain_text("First write a phrase")
    ask(page, "right lung")
    told = page.locator(".seat.query .film-heat-said")
    expect(told).to_contain_text(re.compile(r"^right lung, strongest \d+ %\. Where lofi-mini looks: dense network"))
    ink = page.locator(".seat.query .film-heat").evaluate("""(canvas) => { const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const sides = [0, 0];
        for (let at = 0; at < width * height; at += 1) sides[at % width < width / 2 ? 0 : 1] += data[4 * at + 3];
        return sides; }""")
    assert ink[0] > 3 * ink[1]
    picture = Image.open(io.BytesIO(exported(page, "png"))).convert("RGB")
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("h")
    expect(told).to_be_hidden()
    plain = Image.open(io.BytesIO(exported(page, "png"))).convert("RGB")
    assert picture.crop((0, 0, 900, 900)).tobytes() != plain.crop((0, 0, 900, 900)).tobytes()


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
