"""The pictures of docs/pictures.md, made anew in every run, so that a page which cannot be shown any more is seen.

    PICTURES=docs/pictures python -m pytest tests/browser/test_pictures.py      (make pictures)

writes them into the documentation. Only simulated films are on them.
"""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.steps import ask, example, hits, turn_to

pytestmark = pytest.mark.browser

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "pictures.md"
PHRASES = "cardiomegaly, left pleural effusion, right lung, nodule"


def film(page: Page) -> None:
    example(page)


def findings(page: Page) -> None:
    turn_to(page, "findings")
    ask(page, PHRASES)


def beside(page: Page) -> None:
    hits(page).first.click()
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")


def report(page: Page) -> None:
    page.keyboard.press("Escape")
    turn_to(page, "report")
    page.locator(".draft").get_by_role("button").first.click()
    expect(page.locator(".draft .sentence").first).to_be_visible()


STEPS: dict[str, Callable[[Page], None]] = {
    "similar.webp": film,
    "findings.webp": findings,
    "beside.webp": beside,
    "report.webp": report,
}
"""Picture → what is done for it after the one before."""


def take(page: Page, place: Path) -> None:
    """The page as it is, as a small file; a page of one colour is no picture."""
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    assert np.asarray(seen).std() > 10
    seen.save(place, "WEBP", quality=60, method=6)


def place_of(tmp_path: Path) -> Path:
    place = Path(os.environ.get("PICTURES") or tmp_path)
    place.mkdir(exist_ok=True)
    return place


@pytest.mark.parametrize("page", [DESK], indirect=True, ids=["desk"])
def test_the_pictures_of_the_room(page: Page, tmp_path: Path) -> None:
    for name, step in STEPS.items():
        step(page)
        take(page, place_of(tmp_path) / name)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_the_picture_of_a_phone(page: Page, tmp_path: Path) -> None:
    example(page)
    turn_to(page, "findings")
    ask(page, PHRASES)
    take(page, place_of(tmp_path) / "phone.webp")


def test_the_page_shows_each_picture_once() -> None:
    shown = re.findall(r"!\[[^\]]{20,}\]\(pictures/([a-z]+\.webp)\)", DOCUMENT.read_text("utf-8"))
    assert shown == [*STEPS, "phone.webp"]
    sizes = [(DOCUMENT.parent / "pictures" / name).stat().st_size for name in shown]
    assert max(sizes) < 200_000
