"""What a reader waits for, in headless Chromium: python -m tests.benchmarks.bench_room.

Each step with its budget for two cores: the page usable after its first byte (3 s), similar studies after a
10-megapixel DICOM was chosen (1.2 s), the first phrase (1.0 s), each further phrase (0.4 s), a study beside the film
after its card was clicked (0.5 s). Medians of films not seen before. The film's own picture: bench_viewer.
"""

import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.bench_viewer import DESK, enlarged, write_dicom
from tests.conftest import running_app

FILMS = 5
BUDGETS = {
    "page usable after the first byte": 3.0,
    "similar studies after choosing the film": 1.2,
    "first phrase": 1.0,
    "each further phrase": 0.4,
    "study beside the film": 0.5,
}
PHRASES = ("cardiomegaly", "left pleural effusion", "right lower lung zone")
_STAMPS = """() => {
    window.stamps = {};
    const note = (name, seen) => { if (seen && !(name in stamps)) stamps[name] = performance.now(); };
    document.querySelector("#film-files").addEventListener("change", () => note("chosen", true), true);
    document.addEventListener("click", (event) => {
        if (event.target.closest("#find")) note("asked", true);
        if (event.target.closest(".hit")) note("opened", true);
    }, true);
    new MutationObserver(() => {
        note("hits", stamps.chosen && document.querySelector(".hit"));
        const known = document.querySelectorAll("tr.finding.known").length;
        for (const number of [1, 2, 3]) note(`phrase ${number}`, known >= number);
        note("beside", stamps.opened && document.querySelector(".seat.compared .film-stage[data-shown]"));
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def usable(page: Page, url: str) -> float:
    """Seconds from the first byte of the page to its examples, which need the gallery and can be clicked."""
    page.goto(url)
    page.wait_for_selector(".example")
    return float(
        page.evaluate(
            """() => {
                const [page] = performance.getEntriesByType("navigation");
                return (performance.now() - page.responseStart) / 1000;
            }"""
        )
    )


def read(page: Page, film: Path) -> dict[str, float]:
    """Seconds of each step with one film, on an idle page."""
    page.wait_for_timeout(1_000)
    page.evaluate(_STAMPS)
    page.set_input_files("#film-files", film)
    page.wait_for_function("stamps.hits")
    page.wait_for_timeout(3_000)  # suggestions, which nobody waits for
    page.fill("#phrases", ", ".join(PHRASES))
    page.click("#find")
    page.wait_for_function(f"stamps['phrase {len(PHRASES)}']")
    page.get_by_role("tab", name="Similar studies").click()
    page.locator(".hit").first.click()
    page.wait_for_function("stamps.beside")
    at = page.evaluate("stamps")
    return {
        "similar studies after choosing the film": (at["hits"] - at["chosen"]) / 1000,
        "first phrase": (at["phrase 1"] - at["asked"]) / 1000,
        "each further phrase": (at[f"phrase {len(PHRASES)}"] - at["phrase 1"]) / 1000 / (len(PHRASES) - 1),
        "study beside the film": (at["beside"] - at["opened"]) / 1000,
    }


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    taken: dict[str, list[float]] = {name: [] for name in BUDGETS}
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name, running_app(Path(name)) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=DESK, bypass_csp=True)
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector(".example")  # the model is loaded: what follows is what a reader sees
        for number in range(FILMS):
            film = Path(name) / f"{number}.dcm"
            write_dicom(film, enlarged((3520, 2860), number))
            taken["page usable after the first byte"].append(usable(page, url))
            for step, seconds in read(page, film).items():
                taken[step].append(seconds)
        browser.close()
    for step, seconds in taken.items():
        ordered = sorted(seconds)
        told = f"{step:42} {median(ordered):5.2f} s (from {ordered[0]:.2f} to {ordered[-1]:.2f})"
        print(f"{told}   budget {BUDGETS[step]:.1f} s")


if __name__ == "__main__":
    main()
