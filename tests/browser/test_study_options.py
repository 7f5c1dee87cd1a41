"""A reader study with all its options: a title, practice first, how sure of a phrase, boxes before similar studies."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lofi.cli import main
from lofi.gallery import Gallery
from lofi.results import Grounding
from lofi.settings import Settings
from lofi.study import ReviewStore
from lofi.study.asking import ModelAnswer, keep_answer
from lofi.study.cases import find_cases
from lofi.study.definition import Definition
from tests.browser.conftest import DESK
from tests.browser.test_study import BOXES, judged, press, row, sign_in, wait_for_engine
from tests.conftest import running_app

pytestmark = pytest.mark.browser


@pytest.fixture
def reading(settings: Settings, tmp_path: Path, browser: Browser) -> Iterator[tuple[Page, Path]]:
    gallery = Gallery.open(settings.gallery)
    *chosen, hit = [study for study in gallery.studies if gallery.image_path(study)][:3]
    file = tmp_path / "study.json"
    options = {"title": "Lungs in spring", "training": 1, "certainty": 3, "boxes_first": True, "hits": 1}
    cases = [{"study": study.study_id} for study in chosen]
    file.write_text(json.dumps({"name": "spring", "phrases": ["mass"], "cases": cases, **options}))
    store = ReviewStore(tmp_path / "reviews" / "reviews.sqlite")
    answer = ModelAnswer((Grounding("mass", True, 0.8, BOXES[:1], (0.7,)),), ((hit.study_id, 0.9),))
    with store.database.writing() as connection:
        for case in find_cases(Definition.read(file), gallery):
            keep_answer(connection, "spring", case.film, answer)
    store.database.close()
    with running_app(tmp_path, LOFI_STUDY=str(file)) as url:
        wait_for_engine(url)
        page = browser.new_page(viewport=DESK)
        page.set_default_timeout(60_000)
        page.goto(f"{url}/study")
        yield page, tmp_path
        page.close()


def test_a_case_for_practice_then_one_that_counts(reading: tuple[Page, Path]) -> None:
    page, folder = reading
    expect(page.locator("h1")).to_have_text("Lungs in spring")
    expect(page.locator(".study-screen")).to_contain_text("The first case is for practice")
    sign_in(page, "AB")
    for number in (1, 2):
        expect(page.locator(".study-progress")).to_have_text(f"{number} of 2")
        expect(page.locator(".study-practice")).to_have_count(2 - number)
        expect(page.locator(".study-row.hit")).to_have_count(0)
        press(page, "a", "box 1, mass", "accepted")
        expect(row(page, "how sure of mass")).to_have_attribute("aria-current", "true")
        page.keyboard.press("4")  # the scale ends at 3
        page.keyboard.press("c")
        expect(page.locator(".study-message")).to_contain_text("how sure of mass")
        press(page, str(number + 1), "how sure of mass", "rated")
        expect(page.locator(".rate[aria-pressed=true]")).to_have_text(str(number + 1))
        page.get_by_role("button", name="similar study 1 is relevant", exact=True).click()
        judged(page, "similar study 1", "relevant")
        page.keyboard.press("c")
    expect(page.locator("text=All cases are read")).to_be_visible()

    out, kept = folder / "out.csv", ("--reviews", str(folder / "reviews"))
    assert main(["study", "export", str(folder / "study.json"), *kept, "--csv", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [(line["certainty"], line["training"]) for line in rows if line["kind"] == "certainty"] == [
        ("2", "yes"),
        ("3", ""),
    ]
    assert all(0 < float(line["seconds"]) < 3600 for line in rows if line["decision"] == "done")
