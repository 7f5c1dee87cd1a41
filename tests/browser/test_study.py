"""A reader study in a real browser: three cases, a moved box, a reload, a second reader, and the figures after it.

The model's answers are put into the study's database before it is served, so that the boxes are known: what is under
test is the reading, not the model.
"""

import contextlib
import csv
import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from lofi.cli import main
from lofi.gallery import Gallery
from lofi.results import Grounding
from lofi.settings import Settings
from lofi.study import ReviewStore
from lofi.study.asking import ModelAnswer, keep_answer
from lofi.study.cases import find_cases, order
from lofi.study.definition import Definition
from tests.browser.conftest import DESK, PHONE
from tests.browser.steps import press_while_stored
from tests.conftest import running_app

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)}"
BOXES = ((0.10, 0.30, 0.40, 0.60), (0.55, 0.30, 0.85, 0.70))


@dataclass(frozen=True)
class Served:
    """A running study: its address, definition, database folder, and its films' sha256."""

    url: str
    file: Path
    reviews: Path
    films: tuple[str, ...]


@pytest.fixture(scope="module")
def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("study")
    gallery = Gallery.open(settings.gallery)
    *chosen, hit = [study for study in gallery.studies if gallery.image_path(study)][:4]
    values: dict[str, Any] = {"name": "lungs", "phrases": ["mass", HOSTILE], "seed": 5, "hits": 1, "blind": True}
    values["title"] = "Lungs, read twice"
    file = folder / "study.json"
    file.write_text(json.dumps({**values, "cases": [{"study": study.study_id} for study in chosen]}))
    films = tuple(case.film for case in find_cases(Definition.read(file), gallery))
    store = ReviewStore(folder / "reviews" / "reviews.sqlite")
    answer = ModelAnswer(
        (Grounding("mass", True, 0.876, BOXES, (0.765, 0.654)), Grounding(HOSTILE, False, 0.1)),
        ((hit.study_id, 0.987),),
    )
    with store.database.writing() as connection:
        for film in films:
            keep_answer(connection, "lungs", film, answer)
    store.database.close()
    with running_app(folder, LOFI_STUDY=str(file)) as url:
        wait_for_engine(url)
        yield Served(url, file, folder / "reviews", films)


def wait_for_engine(url: str) -> None:
    """Begin as somebody: that answers once the model is loaded."""
    body, kind = json.dumps({"initials": "ZZ"}).encode(), {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/study/begin", body, kind), timeout=600).close()


Open = Callable[..., Page]


@pytest.fixture
def window(browser: Browser, served: Served) -> Iterator[Open]:
    """Opens the study in a browser window of its own, by default at a desk. Fails on any script error or dialog."""
    faults: list[str] = []
    with contextlib.ExitStack() as closing:

        def window(size: Any = DESK) -> Page:
            context = browser.new_context(viewport=size)
            closing.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("dialog", lambda dialog: (faults.append("a dialog opened"), dialog.dismiss()))
            page.goto(f"{served.url}/study")
            return page

        yield window
    assert faults == []


def sign_in(page: Page, initials: str) -> None:
    page.fill("#initials", initials)
    page.click("text=Begin or go on")


def wait_for_case(page: Page, number: int) -> str:
    """The sha256 of the case's film, once it is shown."""
    expect(page.locator(".study-progress")).to_have_text(f"{number} of 3")
    page.wait_for_selector(".study-seat .film-stage[data-shown]")
    return str(page.locator(".study-films").get_attribute("data-film"))


def row(page: Page, name: str) -> Any:
    return page.locator(f'.study-row[aria-label="{name}"]')


def judged(page: Page, name: str, decision: str) -> None:
    expect(row(page, name)).to_have_attribute("data-decision", decision)


def press(page: Page, key: str, name: str, decision: str) -> None:
    """Press a key and wait until it is stored."""
    page.keyboard.press(key)
    judged(page, name, decision)


def finish(page: Page) -> None:
    """The rest of a case after its boxes: the second phrase is not present, the hit is relevant."""
    page.get_by_role("button", name=f"{HOSTILE} is not present", exact=True).click()
    judged(page, HOSTILE, "absent")
    page.get_by_role("button", name="similar study 1 is relevant", exact=True).click()
    judged(page, "similar study 1", "relevant")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def frame(page: Page, number: int) -> dict[str, float]:
    """Where a box is on the screen."""
    found = page.locator(".study-seat .film-overlay .boxes rect.line").nth(number).bounding_box()
    assert found is not None
    return dict(found)


def first_case(page: Page, served: Served) -> str:
    """Accept box 1 by key; move box 2 by a third of its width to the left, by hand."""
    film = wait_for_case(page, 1)
    press(page, "a", "box 1, mass", "accepted")
    before = frame(page, 1)
    page.get_by_role("button", name="Move or resize box 2, mass", exact=True).click()
    middle = (before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    drag(page, middle, (middle[0] - before["width"] / 3, middle[1]))
    judged(page, "box 2, mass", "moved")
    assert frame(page, 1)["x"] == pytest.approx(before["x"] - before["width"] / 3, abs=2)
    finish(page)
    page.keyboard.press("c")
    return film


def test_two_readers_go_through_three_cases_and_the_figures_match(
    window: Open, served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = window()
    expect(page.locator("h1")).to_have_text("Lungs, read twice")
    sign_in(page, "ab")
    expect(page.locator(".study-row")).to_have_count(4)
    read = [first_case(page, served)]

    # The second case: one box rejected, then a reload in the middle of it.
    read.append(wait_for_case(page, 2))
    press(page, "x", "box 1, mass", "rejected")
    page.reload()
    assert wait_for_case(page, 2) == read[1]
    judged(page, "box 1, mass", "rejected")
    expect(row(page, "box 2, mass")).to_have_attribute("aria-current", "true")
    press(page, "a", "box 2, mass", "accepted")
    page.keyboard.press("c")
    expect(page.locator(".study-message")).to_contain_text("Still to judge")
    finish(page)
    page.get_by_role("button", name="Next case").click()

    # The third: box 1 drawn anew, one added, a comment.
    read.append(wait_for_case(page, 3))
    old = frame(page, 0)
    page.keyboard.press("d")
    drag(page, (old["x"] + 5, old["y"] + 5), (old["x"] + old["width"] / 2, old["y"] + old["height"] / 2))
    judged(page, "box 1, mass", "redrawn")
    press(page, "a", "box 2, mass", "accepted")
    page.get_by_role("button", name=f"Add a box for {HOSTILE}", exact=True).click()
    drag(page, (old["x"], old["y"] + old["height"] + 20), (old["x"] + 60, old["y"] + old["height"] + 80))
    judged(page, f"box 3, {HOSTILE}", "added")
    page.get_by_role("button", name="similar study 1 is not relevant", exact=True).click()
    judged(page, "similar study 1", "not relevant")
    page.fill("#comment", HOSTILE)
    page.get_by_role("button", name="Finish").click()
    expect(page.locator("text=All cases are read")).to_be_visible()
    assert tuple(read) == order(served.films, 5, "AB")
    assert page.locator("img[src=x]").count() == 0

    second_reader(window(), read)
    told = figures(served, capsys)
    # Boxes as drawn: AB 1 0 | 0 1 | 0 1, CD 1 1 | 0 1 | 1 1, so p_o = 4/6, p_e = 1/2.
    kappa = told["Cohen's κ, boxes accepted as drawn"]
    assert (kappa["value"], kappa["n"], kappa["cases"]) == (pytest.approx(1 / 3, abs=1e-5), 6, 3)
    # Phrases: mass is there for both in all; the other one AB sees in the third case alone: p_o = 5/6, p_e = 1/2.
    assert told["Cohen's κ, findings present"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    assert "every item" not in told["Cohen's κ, similar studies relevant"]["why"]
    assert told["model's boxes accepted"]["value"] == pytest.approx(8 / 12, abs=1e-5)
    assert told["model's boxes moved"]["value"] == pytest.approx(1 / 12, abs=1e-5)
    check_export(served, tmp_path / "out.csv", read)


def second_reader(page: Page, first: list[str]) -> None:
    """CD accepts everything but box 1 of what was AB's second case."""
    sign_in(page, "CD")
    for number in (1, 2, 3):
        film = wait_for_case(page, number)
        key, decision = ("x", "rejected") if film == first[1] else ("a", "accepted")
        press(page, key, "box 1, mass", decision)
        press(page, "a", "box 2, mass", "accepted")
        press(page, "o", HOSTILE, "absent")
        press(page, "a", "similar study 1", "relevant")
        page.keyboard.press("c")
    expect(page.locator("text=All cases are read")).to_be_visible()


def figures(served: Served, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["study", "agreement", str(served.file), "--reviews", str(served.reviews), "--json"]) == 0
    return {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}


def check_export(served: Served, out: Path, read: list[str]) -> None:
    """What was clicked is what comes out, the moved box where it was put."""
    assert main(["study", "export", str(served.file), "--reviews", str(served.reviews), "--csv", str(out)]) == 0
    rows = [line for line in csv.DictReader(out.read_text("utf-8").splitlines()) if line["reader"] == "AB"]
    boxes = {
        (read.index(line["film"]) + 1, line["phrase"], int(line["number"])): line for line in rows if line["number"]
    }
    assert {key: line["decision"] for key, line in boxes.items()} == {
        (1, "mass", 0): "accepted",
        (1, "mass", 1): "moved",
        (2, "mass", 0): "rejected",
        (2, "mass", 1): "accepted",
        (3, "mass", 0): "redrawn",
        (3, "mass", 1): "accepted",
        (3, HOSTILE, 0): "added",
    }
    moved = [float(boxes[1, "mass", 1][side]) for side in ("x0", "y0", "x1", "y1")]
    assert moved == pytest.approx([0.45, 0.30, 0.75, 0.70], abs=0.01)
    assert boxes[1, "mass", 1]["score"] == "0.654"
    assert [line["comment"] for line in rows if line["kind"] == "comment"] == [HOSTILE]


def test_what_is_pressed_is_clicked_although_a_comment_is_stored_meanwhile(window: Open) -> None:
    """Pressing a button ends the comment, which is stored and drawn before the button is let go."""
    page = window()
    sign_in(page, "PR")
    wait_for_case(page, 1)
    press(page, "a", "box 1, mass", "accepted")
    press(page, "a", "box 2, mass", "accepted")
    finish(page)
    page.fill("#comment", "a comment")
    press_while_stored(page, page.get_by_role("button", name="Next case"), "/study/mark")
    wait_for_case(page, 2)
    assert page.input_value("#comment") == ""
    page.get_by_role("button", name="Back").click()
    wait_for_case(page, 1)
    assert page.input_value("#comment") == "a comment"


def test_confidence_is_hidden_from_readers(window: Open) -> None:
    page = window()
    with page.expect_response("**/study/sheet") as sheet:
        sign_in(page, "EF")
    assert not any(number in sheet.value.text() for number in ("0.876", "0.765", "0.654", "0.987"))
    wait_for_case(page, 1)
    assert "%" not in page.locator(".study-panel").inner_text()
    assert "%" not in "".join(page.locator(".film-overlay text").all_text_contents())


def test_the_same_initials_in_two_windows(window: Open) -> None:
    first, second = window(), window()
    sign_in(first, "GH")
    wait_for_case(first, 1)
    sign_in(second, "gh")
    expect(second.locator("[role=alert]")).to_contain_text("GH reads this study in another window")
    second.click("text=That is me: go on here")
    wait_for_case(second, 1)
    press(second, "x", "box 1, mass", "rejected")
    first.keyboard.press("a")
    expect(first.locator("[role=alert]")).to_contain_text("goes on in another window")
    second.reload()
    wait_for_case(second, 1)
    judged(second, "box 1, mass", "rejected")


def test_pause_lets_the_initials_go_and_back_shows_what_was_said(window: Open) -> None:
    page = window()
    sign_in(page, "IJ")
    film = wait_for_case(page, 1)
    press(page, "a", "box 1, mass", "accepted")
    press(page, "o", "box 2, mass", "rejected")  # "not present" rejects all of the phrase's boxes
    judged(page, "box 1, mass", "rejected")
    finish(page)
    page.keyboard.press("c")
    wait_for_case(page, 2)
    page.get_by_role("button", name="Back").click()
    assert wait_for_case(page, 1) == film
    judged(page, "box 1, mass", "rejected")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[role=alert]")).to_contain_text("go on where you stopped")
    sign_in(page, "IJ")
    wait_for_case(page, 2)


def test_on_a_phone_everything_fits_and_a_similar_study_opens(window: Open) -> None:
    page = window(PHONE)
    sign_in(page, "KL")
    wait_for_case(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Accept box 1, mass", exact=True).click()
    judged(page, "box 1, mass", "accepted")
    page.get_by_role("button", name="Show similar study 1 beside the film", exact=True).click()
    expect(page.locator(".study-seat")).to_have_count(2)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".study-seat")).to_have_count(1)


def test_a_study_that_cannot_be_opened_is_told_and_tried_again(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.route("**/study/card", lambda route: route.fulfill(status=400, json={"error": HOSTILE, "code": "error"}))
    page.goto(f"{served.url}/study")
    expect(page.locator("[role=alert]")).to_have_text(HOSTILE)
    page.unroute("**/study/card")
    page.click("text=Try again")
    expect(page.locator("#initials")).to_be_focused()
    page.close()
