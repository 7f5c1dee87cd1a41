"""Two films of the worklist side by side: a patient's prior offered by date, moved together, what differs told."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from lofi.settings import Settings
from tests.browser.steps import AT_DESK, answered, ask, drop, hits
from tests.film.test_dicom import dataset, written

pytestmark = [pytest.mark.browser, AT_DESK]
DATES = {"INV-7": ["20260102", "20251129"], "INV-8": ["20251225"]}


@pytest.fixture(scope="module")
def dicoms(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of one patient two films, 34 days apart, and one of another."""
    gallery, folder = Gallery.open(settings.gallery), tmp_path_factory.mktemp("dicoms")
    images = (path for study in gallery.studies if (path := gallery.image_path(study)))
    files = []
    for patient, dates in DATES.items():
        for date in dates:
            pixels = (4095 * Radiograph.read(next(images)).pixels).astype(np.uint16)
            number = len(files) + 1
            uids = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.2.{number}.1"}
            person = {"PatientID": patient, "PatientBirthDate": "19500228", "PatientSex": "F", "StudyDate": date}
            files.append(folder / f"secret {number}.dcm")
            files[-1].write_bytes(written(dataset(pixels, **uids, **person)))
    return files


def paired(page: Page, dicoms: list[Path]) -> None:
    """The second film of the patient beside the first."""
    drop(page, *dicoms)
    offered = page.locator("#beside option")
    expect(offered).to_have_count(3)
    assert offered.all_inner_texts()[1:] == ["Film 2 · same patient, 34 days before", "Film 3 · secret 3.dcm"]
    hits(page)
    page.select_option("#beside", index=1)
    page.wait_for_selector(".seat.compared .film-stage[data-shown]")


def test_a_prior_is_offered_by_date_and_phrases_are_looked_for_on_both(page: Page, dicoms: list[Path]) -> None:
    paired(page, dicoms)
    expect(page.locator(".pane.compared .who")).to_have_text("Film 2")
    expect(page.locator(".pane.compared .about")).to_contain_text("same patient, 34 days before")
    ask(page, "right lung, cardiomegaly")
    lines = page.locator(".difference")
    expect(lines).to_have_count(2)
    expect(lines.first).to_have_text(
        re.compile(r"^right lung: likely on both, box (about as large|(larger|smaller) by)")
    )
    expect(page.locator(".seat.compared .boxes .line").first).to_be_attached()
    expect(page.locator(".differences .note")).not_to_contain_text("two patients")
    page.get_by_role("button", name="Show the worklist").click()  # it made room for the second film
    page.locator(".item").nth(1).click()  # asked there too, and kept
    answered(page)
    expect(page.locator("tr.finding .phrase")).to_have_text(["right lung", "cardiomegaly"])


def test_films_move_together_until_they_are_let_go(page: Page, dicoms: list[Path]) -> None:
    paired(page, dicoms)
    mine, other = page.locator(".film-readout").all()
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("+")
    expect(mine).not_to_have_text(other.inner_text().replace("100", "x"))
    assert mine.inner_text().split(" · ")[1] == other.inner_text().split(" · ")[1]
    page.get_by_role("button", name="Linked").click()
    before = other.inner_text()
    page.locator(".seat.query .film-stage").focus()
    page.keyboard.press("i")
    expect(mine).to_contain_text("inverted")
    assert other.inner_text() == before
    page.get_by_role("button", name="Linked").click()
    expect(other).to_contain_text("inverted")
    page.get_by_role("button", name="Close Film 2").click()
    expect(page.locator(".pane")).to_have_count(1)
    expect(page.locator("#beside")).to_be_focused()
