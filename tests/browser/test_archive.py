"""The picture archive in a real browser, with a real Orthanc: a study by its link, priors, a search, findings sent."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from lofi.archive import FilmLine
from tests.archive.orthanc import PASSWORD, ROOT, USER, Peer, orthanc, radiograph
from tests.browser.conftest import DESK
from tests.browser.steps import SHOWN, ask, drop, hits, sign
from tests.conftest import running_app
from tests.export.cases import Judge, parsed
from tests.export.conftest import judge as judge

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Served:
    """The app before an archive: its address, its folder of temporary files, and the archive."""

    url: str
    folder: Path
    peer: Peer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, film_file: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("app")
    with orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        peer.archive.store([radiograph(film_file, 1, "20200101"), radiograph(film_file, 2, "20220202")])
        peer.archive.store([radiograph(film_file, 3, "20230303", "P-2")])
        with running_app(folder, LOFI_DICOMWEB=peer.setting) as url:
            yield Served(url, folder, peer)


@pytest.fixture
def room(browser: Browser, served: Served) -> Iterator[Page]:
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(60_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    with contextlib.closing(page):
        yield page
    assert faults == []


def filed(peer: Peer, study: str) -> dict[str, dict[str, Any]]:
    """Instances of a study as the archive lists them, by modality."""
    address = peer.setting.partition(" ")[0]
    login = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    login.add_password(None, address, USER, PASSWORD)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(login))
    with opener.open(f"{address}/studies/{study}/instances", timeout=60) as answer:
        rows = json.load(answer)
    return {row["00080060"]["Value"][0]: row for row in rows}


def test_a_study_comes_by_its_link_with_its_prior_and_findings_go_back(
    room: Page, served: Served, judge: Judge, film_file: Path, tmp_path: Path
) -> None:
    study = f"{ROOT}.2"
    room.goto(f"{served.url}/?StudyInstanceUID={study}")
    expect(room.locator(".item").first).to_be_visible(timeout=300_000)  # the model is loaded first
    room.wait_for_selector(SHOWN)
    expect(room.locator(".item .who")).to_have_text(["2022-02-02 PA", "Prior 2020-01-01 PA"])
    hits(room)
    ask(room, "cardiomegaly")
    assert set(filed(served.peer, study)) == {"CR"}  # nothing goes by itself

    room.locator(".exports summary").click()
    sending = room.locator(".sending")
    send = sending.get_by_role("button", name="Send to the archive")
    send.click()
    expect(sending.get_by_role("status")).to_contain_text("First write your initials")
    room.keyboard.press("Escape")
    sign(room, "AB")
    room.locator(".exports summary").click()
    send.click()
    expect(sending.get_by_role("status")).to_have_text("Choose what to send.")
    for box in sending.get_by_role("checkbox").all():
        assert not box.is_checked()
        box.check()
    send.click()
    expect(sending.get_by_role("status")).to_contain_text("It lists them.")

    # A file that names the archive's image and another patient is filed under neither.
    forged = tmp_path / "forged"
    forged.write_bytes(radiograph(film_file, 2, "20220202", "P-666"))
    drop(room, forged)
    expect(room.locator(".item").nth(2)).to_have_attribute("aria-current", "true")
    if not sending.is_visible():
        room.locator(".exports summary").click()
    sending.get_by_role("checkbox").first.check()
    send.click()
    expect(sending.get_by_role("status")).to_contain_text("is another patient's than this file's")

    there = filed(served.peer, study)
    assert set(there) == {"CR", "SR", "PR", "OT"}
    for modality in ("SR", "PR", "OT"):
        series, instance = (there[modality][tag]["Value"][0] for tag in ("0020000E", "00080018"))
        data = served.peer.archive.fetch(FilmLine(study, series, instance))
        assert judge(data) == [], modality
        made = parsed(data)
        by = made.ParticipantSequence[0].PersonName if modality == "SR" else made.OperatorsName
        assert (made.PatientID, str(made.PatientName), str(by)) == ("P-1", "Doe^Jane", "AB^")
        assert (made.StudyInstanceUID, made.AccessionNumber, len(made.SeriesDate)) == (study, "ACC2", 8)
        assert made.SeriesDescription.startswith("LoFi ")
        assert "esearch use only" in made.SeriesDescription
    assert [film.instance for film in served.peer.archive.films(study)] == [f"{study}.1.1"]  # the picture is no film
    kept = [file for file in served.folder.rglob("*") if file.is_file() and b"Doe" in file.read_bytes()]
    assert kept == []


def test_a_study_is_found_by_its_number_and_an_archive_that_is_down_is_told(room: Page, served: Served) -> None:
    room.goto(f"{served.url}/?StudyInstanceUID=1.2.3")
    expect(room.locator(".told-to-you")).to_contain_text("no such study")
    room.locator(".archive summary").click()
    said = room.locator(".archive-found [role=status]")
    room.get_by_role("button", name="Search the archive", exact=True).click()
    expect(said).to_contain_text("Say which studies")
    room.get_by_label("Accession number").fill("ACC3")
    room.keyboard.press("Enter")
    line = room.locator(".archive-found .found")
    expect(line).to_have_text("2023-03-03 · Doe Jane · P-2CR · Chest · no. ACC3")
    line.click()
    room.wait_for_selector(SHOWN)
    expect(room.locator(".item .who")).to_have_text(["2023-03-03 PA"])
    served.peer.stop()
    room.get_by_role("button", name="Search the archive", exact=True).click()
    expect(said).to_contain_text("The archive cannot be reached")
