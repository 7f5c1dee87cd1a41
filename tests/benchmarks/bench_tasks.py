"""Ten tasks of a reader in headless Chromium, clicks, keys and seconds of each: python -m tests.benchmarks.bench_tasks.

The app runs before a real Orthanc that holds a study and its prior. A click is a press of the mouse or a drag, a choice
from a list is two; a key is one stroke, letters that are typed included, and one more where the film has to be reached.
Seconds go from the first of them until the page shows what was wanted; medians of three readings. Nobody thinks in
between: a person takes longer.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, expect, sync_playwright

from lofi.settings import BUNDLED_GALLERY
from tests.archive.orthanc import orthanc, radiograph
from tests.benchmarks.bench_viewer import DESK
from tests.conftest import running_app

RUNS = 3
STAGE = ".seat.query .film-stage"


class Hand:
    """A reader's hand on a page, which counts what it does."""

    def __init__(self, page: Page, number: int) -> None:
        """``number`` of the reading, whose reader has initials of its own."""
        self.page, self.number = page, number
        self.clicks = self.keys = 0

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.clicks += 1

    def choose(self, selector: str, index: int) -> None:
        self.page.locator(selector).first.select_option(index=index)
        self.clicks += 2

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.keys += len(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """From one share of the film's pane to another."""
        place = self.page.locator(STAGE).bounding_box()
        assert place is not None
        (x0, y0), (x1, y1) = (
            (place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in (start, end)
        )
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move(x1, y1, steps=3)
        self.page.mouse.up()
        self.clicks += 1

    def focus(self) -> None:
        """The film has the focus from now on, as by a Tab."""
        self.page.locator(STAGE).focus()
        self.keys += 1


def opening(hand: Hand) -> None:
    hand.click(".archive summary")
    hand.click(".archive input[name=accession]")
    hand.write("ACC2")
    hand.press("Enter")
    hand.click(".archive-found .found")
    hand.page.wait_for_selector(f"{STAGE}[data-shown=full]")


def windowing(hand: Hand) -> None:
    before = hand.page.locator(".film-readout").first.inner_text()
    hand.drag((0.5, 0.5), (0.3, 0.6))
    expect(hand.page.locator(".film-readout").first).not_to_contain_text(before.partition(" · ")[0])


def value(hand: Hand) -> None:
    hand.page.locator(STAGE).hover()
    expect(hand.page.locator(".film-value").first).to_contain_text("value")


def asking(hand: Hand) -> None:
    hand.press("/")
    hand.write("cardiomegaly")
    hand.click("#find")
    hand.page.wait_for_selector("tr.finding.known")


def comparing(hand: Hand) -> None:
    hand.choose("#beside", 1)
    hand.page.wait_for_selector(".seat.compared .film-stage[data-shown=full]")
    expect(hand.page.locator(".difference").first).to_contain_text("cardiomegaly")


def measuring(hand: Hand) -> None:
    hand.focus()
    hand.press("q", "q")
    expect(hand.page.locator(".seat.query .mark").first).to_contain_text("heart / chest")


def looking(hand: Hand) -> None:
    hand.press("h")
    expect(hand.page.locator(".seat.query .film-heat-said")).to_contain_text("cardiomegaly")


def reviewing(hand: Hand) -> None:
    hand.click("#initials")
    hand.write(f"T{hand.number}")
    hand.press("Enter")
    hand.focus()
    hand.press("a")
    expect(hand.page.locator(".next [role=status]")).to_have_text("Saved.")


def exporting(hand: Hand) -> None:
    hand.click(".exports summary")
    with hand.page.expect_download():
        hand.click("[data-kind=png]")


def sending(hand: Hand) -> None:
    hand.click(".exports summary")
    hand.click(".sending input[name=sr]")
    hand.click(".sending button")
    expect(hand.page.locator(".sending [role=status]")).to_contain_text("It lists them.")


TASKS: dict[str, Callable[[Hand], None]] = {
    "open a study from the archive by its number": opening,
    "change the window": windowing,
    "read the value at a point": value,
    "ask for a finding": asking,
    "compare it with the prior": comparing,
    "measure heart by chest, the model's lines as a start": measuring,
    "see where the model looks": looking,
    "sign, and accept the box": reviewing,
    "export a picture": exporting,
    "send a structured report to the archive": sending,
}


def reading(page: Page, url: str, number: int) -> dict[str, tuple[int, int, float]]:
    """Clicks, keys and seconds of each task, one after the other on one page."""
    page.goto(url)
    page.wait_for_selector(".example", state="attached")
    done = {}
    for name, task in TASKS.items():
        hand = Hand(page, number)
        began = time.monotonic()
        task(hand)
        done[name] = hand.clicks, hand.keys, time.monotonic() - began
        expect(page.locator("tr.finding:is(.waiting, .looking)")).to_have_count(0)  # what nobody waits for
    return done


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    expect.set_options(timeout=60_000)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    film = sorted((BUNDLED_GALLERY / "films").iterdir())[0]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other, orthanc(Path(other)) as peer:
        peer.archive.store([radiograph(film, 1, "20200101"), radiograph(film, 2, "20220202")])
        with sync_playwright() as playwright, running_app(Path(name), LOFI_DICOMWEB=peer.setting) as url:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            taken = []
            for number in range(RUNS):
                page = browser.new_page(viewport=DESK, bypass_csp=True)
                page.set_default_timeout(120_000)
                page.on("dialog", lambda dialog: dialog.accept())
                taken.append(reading(page, url, number))
                page.close()
            browser.close()
    for name in TASKS:
        clicks, keys, _ = taken[-1][name]
        seconds = median(one[name][2] for one in taken)
        print(f"{name:54} {clicks:2} clicks {keys:3} keys {seconds:6.2f} s")


if __name__ == "__main__":
    main()
