"""The film first: its share of the screen, and that nothing moves it or changes its size unasked."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import AT_DESK, SHOWN, ask, draw_box, drop, hits, turn_to

pytestmark = pytest.mark.browser

SIZES = {"desk": (1440, 900), "wide": (1920, 1080)}
AT_BOTH = pytest.mark.parametrize(
    "page", [{"width": w, "height": h} for w, h in SIZES.values()], indirect=True, ids=list(SIZES)
)
SIDE = 400
"""Pixels of the square film: few, so that the readout's whole per cents tell its size on the screen well."""
_PANES = """() => [...document.querySelectorAll(".pane")].map((pane) => {
    const { left, top, width, height, right, bottom } = pane.querySelector(".film-stage").getBoundingClientRect();
    const zoom = Number(/([0-9]+) %/.exec(pane.querySelector(".film-readout").textContent)[1]) / 100;
    const seen = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    return { place: [left, top], width, height, zoom, seen };
})"""
Pane = dict[str, float]


@pytest.fixture(scope="module")
def square(film_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film as wide as it is high."""
    path = tmp_path_factory.mktemp("square") / "film.png"
    grey = cv2.imdecode(np.fromfile(film_file, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    cv2.imwrite(str(path), cv2.resize(grey, (SIDE, SIDE)))
    return path


def panes(page: Page) -> list[Pane]:
    """Where the stages of the films are, and the scale of each."""
    found: list[Pane] = page.evaluate(_PANES)
    return found


def share(page: Page, pane: Pane, side: int = SIDE) -> float:
    """The part of the screen that a square film of so many pixels takes, without what its pane cuts off."""
    assert pane["seen"], "a part of the pane is not on the screen"
    size = page.viewport_size
    assert size is not None
    long = pane["zoom"] * side
    return min(long, pane["width"]) * min(long, pane["height"]) / (size["width"] * size["height"])


def compare(page: Page) -> None:
    """Open the first similar study, and wait until both films have their place."""
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown=full]")
    page.wait_for_function("document.querySelector('.lofi').classList.contains('no-desk')")


@AT_BOTH
def test_the_film_has_its_share_of_the_screen_whatever_is_done(page: Page, square: Path) -> None:
    drop(page, square)
    page.wait_for_selector(f"{SHOWN}[data-shown=full]")
    before = panes(page)[0]
    assert share(page, before) >= 0.45
    ask(page, "cardiomegaly, right lung")
    for sheet in ("report", "similar", "findings"):
        turn_to(page, sheet)
        assert panes(page)[0] == before
    page.click("#draw")
    draw_box(page)
    expect(page.locator(".region")).to_contain_text("Describe this region")
    page.locator(".seat.query .film-stage").focus()
    for key in ("r", "r", "R", "["):
        page.keyboard.press(key)
        page.wait_for_timeout(50)  # the pane is measured once the page is laid out again
        assert panes(page)[0]["zoom"] == before["zoom"]
    page.keyboard.press("]")
    page.wait_for_function("!document.querySelector('.record').offsetWidth")
    assert share(page, panes(page)[0]) >= 0.45


@AT_BOTH
def test_two_films_have_their_share_and_the_first_keeps_its_scale(page: Page, square: Path) -> None:
    drop(page, square)
    page.wait_for_selector(f"{SHOWN}[data-shown=full]")
    before = panes(page)[0]
    compare(page)
    film, other = panes(page)
    assert film["zoom"] == before["zoom"]
    assert share(page, film) >= 0.22
    assert share(page, other, 512) >= 0.22
    page.get_by_role("button", name="Fit both").click()
    page.wait_for_function(
        "before => !document.querySelector('.film-readout').textContent.includes(before)",
        arg=f" {round(100 * before['zoom'])} %",
    )
    film, other = panes(page)
    assert SIDE * film["zoom"] <= film["width"] + 2, "the whole film is seen"
    assert share(page, film) >= 0.22
    assert share(page, other, 512) >= 0.22
    page.get_by_role("button", name="Close Similar study 1").click()
    page.wait_for_function("!document.querySelector('.lofi').classList.contains('no-desk')")
    page.wait_for_timeout(100)
    assert panes(page) == [before]


@AT_DESK
def test_no_message_moves_the_film(page: Page, square: Path, tmp_path: Path) -> None:
    drop(page, square)
    page.wait_for_selector(f"{SHOWN}[data-shown=full]")
    before = panes(page)
    turn_to(page, "report")
    page.get_by_text("Paste a report").click()
    page.fill("#report", "Thank you for your letter.")
    page.click("#find-report")
    expect(page.locator(".told-to-you")).to_be_visible()
    assert panes(page) == before


@AT_DESK
def test_the_flags_of_a_film_are_in_the_line_of_its_name(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8))
    drop(page, path)
    page.wait_for_selector(f"{SHOWN}[data-shown=full]")
    expect(page.locator(".seat.query .film-flags")).to_contain_text("The picture is noise")
    assert share(page, panes(page)[0]) >= 0.45


@AT_DESK
def test_full_screen_keeps_phrases_and_findings(page: Page, square: Path) -> None:
    drop(page, square)
    ask(page, "right lung")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement?.classList.contains('lofi')")
    expect(page.locator("#phrases")).to_be_visible()
    expect(page.locator("tr.finding")).to_be_visible()
    assert page.evaluate("document.fullscreenElement.contains(document.querySelector('.film-help'))")
    page.keyboard.press("f")
    page.wait_for_function("!document.fullscreenElement")


@AT_DESK
def test_only_the_keyboard_draws_a_frame_around_the_film(page: Page, square: Path) -> None:
    drop(page, square)
    stage = page.locator(".seat.query .film-stage")
    stage.click()
    page.keyboard.press("i")
    expect(stage).to_be_focused()
    expect(stage).to_have_css("outline-style", "none")
    page.locator("#tone").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('film-stage')"):
            break
    expect(stage).to_be_focused()
    expect(stage).to_have_css("outline-style", "solid")


@AT_DESK
def test_a_letter_that_is_written_folds_no_column(page: Page) -> None:
    page.fill("#phrases", "")
    page.locator("#phrases").press_sequentially("mass, [nodule].")
    expect(page.locator("#phrases")).to_have_value("mass, [nodule].")
    expect(page.locator(".desk")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("[")
    expect(page.locator(".desk")).to_be_hidden()
    page.get_by_role("button", name="Show the worklist").click()
    expect(page.locator(".desk")).to_be_visible()


@AT_DESK
def test_a_box_has_its_number_and_tells_its_name_when_asked(page: Page, square: Path) -> None:
    drop(page, square)
    ask(page, "right lung, left lung")
    labels = page.locator(".seat.query .boxes .label text")
    expect(labels).to_have_text(["1", "2"])
    expect(page.locator("tr.finding .number")).to_have_text(["1", "2"])
    box = page.locator(".seat.query .boxes .line").first
    place = box.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(labels.first).to_contain_text("right lung")
    page.mouse.move(2, 2)
    expect(labels).to_have_text(["1", "2"])
    page.get_by_role("row", name="left lung").get_by_role("button", name="left lung", exact=True).click()
    expect(labels.last).to_contain_text("left lung")
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("y")
    expect(labels).to_have_count(0)
    page.keyboard.press("y")
    expect(labels).to_have_count(2)
