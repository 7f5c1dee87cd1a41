"""How fast the film viewer is in headless Chromium: python -m tests.benchmarks.bench_viewer.

Frames a second while window, zoom and place of a 2,500 × 3,000 film change with every frame (30 are wanted), by the
shader and by the plain painter; and the time from choosing a 10-megapixel DICOM to its picture on the screen (0.8 s are
wanted) and to its full depth. Chromium without a graphics card paints on the processor: a real one is faster.
"""

import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from lofi.settings import Settings
from tests.browser.stage import put, serve
from tests.conftest import running_app

FRAMES, RUNS = 120, 5
FRAMES_WANTED = 30
BUDGET_S = {"preview": 0.8, "full": None}
DESK = {"width": 1440, "height": 900}
MOVES = {
    "window": "film.windowBy(0.002 * Math.sin(n / 9), 0.01 * Math.sin(n / 9))",
    "zoom": "film.zoomBy(1 + 0.03 * Math.sin(n / 9), [300, 400])",
    "pan": "film.panBy(9 * Math.sin(n / 9), 7 * Math.cos(n / 9))",
}
_FRAMES = """async ([move, count]) => {
    const film = films.film;
    const act = new Function("film", "n", move);
    const frame = () => new Promise(requestAnimationFrame);
    film.zoomBy(2);
    for (let n = 0; n < 10; n += 1) { act(film, n); await frame(); }
    const start = performance.now();
    for (let n = 0; n < count; n += 1) { act(film, n); await frame(); }
    return 1000 * count / (performance.now() - start);
}"""
_WATCH = """() => {
    window.times = {};
    document.querySelector("#film-files").addEventListener("change", () => { times.chosen = performance.now(); }, true);
    new MutationObserver(() => {
        const shown = document.querySelector(".seat.query .film-stage")?.dataset.shown;
        if (!shown || shown in times || !times.chosen) return;
        requestAnimationFrame(() => { times[shown] ??= performance.now(); });
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-shown"] });
}"""


def enlarged(size_hw: tuple[int, int], seed: int = 0) -> np.ndarray:
    """(H, W) uint16 of 12 bits: a film of the gallery, enlarged, with the noise that a detector has."""
    gallery = Gallery.open(Settings().gallery)
    small = Radiograph.read(next(path for study in gallery.studies if (path := gallery.image_path(study)))).pixels
    large = cv2.resize(small, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(seed).normal(0, 0.006, size_hw)
    return np.rint(np.clip(large + noise, 0, 1) * 4095).astype(np.uint16)


def write_dicom(path: Path, values: np.ndarray) -> None:
    """A chest film of 12 bits, uncompressed as most archives send it."""
    film = Dataset()
    film.SOPClassUID, film.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", generate_uid()
    film.Modality, film.BodyPartExamined, film.ViewPosition = "DX", "CHEST", "PA"
    film.Rows, film.Columns = values.shape
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PixelRepresentation = 1, "MONOCHROME2", 0
    film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
    film.PixelSpacing = [0.12, 0.12]
    film.PixelData = values.tobytes()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.save_as(path, enforce_file_format=True)


def frames(browser: Browser) -> None:
    """Frames a second of each kind of change, by both painters, at the size of a reading desk."""
    film = Radiograph.from_pixels(enlarged((3000, 2500)) * 16)
    for painter in ("shader", "plain painter"):
        page = browser.new_page(viewport=DESK, bypass_csp=True)
        page.set_default_timeout(120_000)
        serve(page, {"film": film}, (760, 860))
        put(page, "film")
        if painter == "plain painter":
            page.evaluate("films.film.screen.fallBack()")
        for name, move in MOVES.items():
            rate = page.evaluate(_FRAMES, [move, FRAMES])
            print(f"{painter:14} {name:7} {rate:5.1f} frames a second   budget {FRAMES_WANTED} or more")
        page.close()


def first_sight(browser: Browser) -> None:
    """Seconds from the choice of a file to its small picture and to its full depth."""
    with tempfile.TemporaryDirectory() as name, running_app(Path(name)) as url:
        page = browser.new_page(viewport=DESK, bypass_csp=True)
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector(".example")
        seconds = [once(page, Path(name) / f"{run}.dcm", run) for run in range(RUNS)]
        for kind, budget in BUDGET_S.items():
            taken = sorted(times[kind] for times in seconds)
            told = f"10-megapixel DICOM, {kind:7} {median(taken):.2f} s (from {taken[0]:.2f} to {taken[-1]:.2f})"
            print(told if budget is None else f"{told}   budget {budget:.1f} s")
        page.close()


def once(page: Page, path: Path, seed: int) -> dict[str, float]:
    """One film that was not seen before, on an idle page."""
    write_dicom(path, enlarged((3520, 2860), seed))
    page.reload()
    page.wait_for_selector(".example")
    page.wait_for_timeout(1_000)
    page.evaluate(_WATCH)
    page.set_input_files("#film-files", path)
    page.wait_for_function("window.times.full")
    times = page.evaluate("times")
    page.wait_for_selector(".hit")
    return {kind: (times[kind] - times["chosen"]) / 1000 for kind in ("preview", "full")}


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the start")
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        frames(browser)
        first_sight(browser)
        browser.close()


if __name__ == "__main__":
    main()
