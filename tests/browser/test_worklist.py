"""Several films at once: progress and state of each, arrow keys, results kept, late answers at the right film."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from lofi.gallery import Gallery
from lofi.settings import Settings
from tests.browser.steps import AT_DESK, SHOWN, ask, drop, hits

pytestmark = [pytest.mark.browser, AT_DESK]


@pytest.fixture(scope="module")
def three(settings: Settings) -> list[Path]:
    gallery = Gallery.open(settings.gallery)
    return [path for study in gallery.studies if (path := gallery.image_path(study))][:3]


def first_hits(page: Page) -> list[str]:
    return [str(card.get_attribute("data-study")) for card in hits(page).all()[:3]]


def test_films_dropped_at_once_are_all_done_and_walked_through_by_arrow_keys(page: Page, three: list[Path]) -> None:
    drop(page, *three)
    expect(page.locator(".item")).to_have_count(3)
    for number in range(3):
        expect(page.locator(".item .state").nth(number)).to_have_text("read")
    seen = [first_hits(page)]
    page.locator(".item").first.focus()
    for number in (1, 2):
        page.keyboard.press("ArrowDown")
        expect(page.locator(".item").nth(number)).to_be_focused()
        expect(page.locator(".seat.query .who")).to_have_text(f"Film {number + 1}")
        seen.append(first_hits(page))
    assert len({tuple(found) for found in seen}) == 3
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert first_hits(page) == seen[0], "the first film's hits were not kept"


def test_phrases_and_boxes_stay_with_their_film(page: Page, three: list[Path]) -> None:
    drop(page, *three[:2])
    ask(page, "cardiomegaly")
    page.locator(".item").nth(1).click()
    expect(page.locator("tr.finding")).to_have_count(0)
    page.locator(".item").first.click()
    expect(page.locator("tr.finding.known .phrase")).to_have_text("cardiomegaly")


def test_a_late_answer_about_an_earlier_film_never_replaces_the_new_one(page: Page, three: list[Path]) -> None:
    held: list[Route] = []
    drop(page, three[0])
    hits(page)

    def hold(route: Route) -> None:
        if "cardiomegaly" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("/lofi/ask/"), hold)
    page.fill("#phrases", "cardiomegaly")
    page.click("#find")
    expect(page.locator("tr.finding.looking")).to_have_count(1)
    page.set_input_files("#film-files", three[1])
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")
    page.wait_for_selector(SHOWN)
    for route in held:
        route.continue_()
    expect(page.locator(".item .state").first).to_have_text(re.compile("1 phrase"))
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")
    expect(page.locator("tr.finding")).to_have_count(0)


def test_a_film_is_removed_and_its_neighbour_takes_its_place(page: Page, three: list[Path]) -> None:
    drop(page, *three[:2])
    page.get_by_role("button", name="Remove Film 1").click()
    expect(page.locator(".item")).to_have_count(1)
    expect(page.locator(".seat.query .who")).to_have_text("Film 2")


def test_a_filter_written_before_the_first_hits_is_kept(page: Page, three: list[Path]) -> None:
    """It was overwritten by what the upload answered later."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if not held and '"where"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("/lofi/ask/"), hold)
    drop(page, three[0])
    page.locator(".filters summary").click()
    page.fill("#where", "label=nosuchlabel")
    page.press("#where", "Enter")
    expect(page.locator(".results")).to_contain_text("The gallery has no such label.")
    assert held
    held[0].continue_()
    page.wait_for_timeout(1_000)
    expect(page.locator(".results")).to_contain_text("The gallery has no such label.")
    expect(page.locator("#where")).to_have_value("label=nosuchlabel")


def test_a_file_is_named_to_its_owner_and_to_nobody_else(page: Page, three: list[Path], tmp_path: Path) -> None:
    film = tmp_path / "secret name.png"
    film.write_bytes(three[0].read_bytes())
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data_buffer!r}"))
    drop(page, film)
    ask(page, "cardiomegaly")
    expect(page.locator(".item .label-of")).to_have_text("secret name.png")
    expect(page.locator(".pane.query .about")).to_contain_text("secret name.png")
    expect(page.locator(".item .state")).to_have_text("read · 1 phrase answered")
    assert len(sent) > 3
    assert not [one for one in sent if "secret" in one]


def test_what_failed_says_why_and_is_tried_again(page: Page, three: list[Path]) -> None:
    page.route("**/lofi/open", lambda route: route.abort())
    page.set_input_files("#film-files", three[0])
    under = page.locator(".items .under")
    expect(under).to_contain_text("The server does not answer.")
    expect(page.locator(".item .state")).to_have_text("failed")
    page.unroute("**/lofi/open")
    page.get_by_role("button", name="Try Film 1 again").click()
    page.wait_for_selector(SHOWN)
    page.route("**/lofi/ask/ground", lambda route: route.abort())
    ask(page, "cardiomegaly, mass")
    expect(under).to_contain_text("cardiomegaly, mass: The server does not answer.")
    expect(page.locator(".item .state")).to_have_text("read · 2 of 2 phrases failed")
    page.unroute("**/lofi/ask/ground")
    page.get_by_role("button", name="Try Film 1 again").click()
    expect(page.locator(".item .state")).to_have_text("read · 2 phrases answered")
    expect(under).to_have_count(0)


_PLACES = """() => [...document.querySelectorAll(".grip")].map((grip) => {
    const { x, y, height } = grip.getBoundingClientRect();
    return [x, y, height];
})"""


def test_films_are_ordered_by_dragging_and_by_keys(page: Page, three: list[Path]) -> None:
    drop(page, *three)
    grips = page.locator(".grip")
    expect(grips).to_have_count(3)
    (x, start, _), *_, (_, end, high) = page.evaluate(_PLACES)
    page.mouse.move(x + 5, start + 5)
    page.mouse.down()
    page.mouse.move(x + 5, end + high - 3, steps=3)
    page.mouse.up()
    expect(page.locator(".item .who")).to_have_text(["Film 2", "Film 3", "Film 1"])
    grips.nth(2).focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".item .who")).to_have_text(["Film 2", "Film 1", "Film 3"])
    expect(grips.nth(1)).to_be_focused()
    expect(page.locator(".worklist [role=status]")).to_have_text("Film 1 is now 2 of 3.")
    page.locator(".item[aria-current]").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".item .who")).to_have_text(["Film 1", "Film 2", "Film 3"])
    expect(page.locator(".item").first).to_be_focused()
    assert page.locator(".item[aria-current]").count() == 1


def test_a_film_with_work_on_it_is_removed_only_when_that_is_said_twice(page: Page, three: list[Path]) -> None:
    drop(page, *three[:2])
    ask(page, "cardiomegaly")
    remove = page.get_by_role("button", name="Remove Film 1")
    remove.click()
    expect(page.locator(".items .under")).to_contain_text("Remove it with 1 phrase?")
    page.keyboard.press("Enter")  # Keep has the focus
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator("tr.finding")).to_have_count(1)
    remove.click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".item .who")).to_have_text(["Film 2"])
