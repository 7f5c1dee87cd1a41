"""How soon the page is usable over a slow line, in headless Chromium: python -m tests.benchmarks.bench_page.

Every request waits 400 ms, nothing is kept from before. Usable: the examples can be clicked, 3 s after the address was
entered at most; and how many requests that took, 15 at most.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.bench_viewer import DESK
from tests.conftest import running_app

RUNS = 7
LATENCY_MS = 400
BUDGET_S, BUDGET_REQUESTS = 3.0, 15


def slow(page: Page) -> None:
    """Hold every request of the page back."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    line = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", line)


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name, running_app(Path(name)) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=DESK)
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector(".example")  # the model is loaded
        slow(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        seconds: list[float] = []
        for _ in range(RUNS):
            page.goto("about:blank")
            asked.clear()
            began = time.monotonic()
            page.goto(url, wait_until="commit")
            page.wait_for_selector(".example")
            seconds.append(time.monotonic() - began)
        browser.close()
    told = f"usable after {median(seconds):.2f} s (from {min(seconds):.2f} to {max(seconds):.2f})"
    print(f"{told}   budget {BUDGET_S:.1f} s")
    print(f"{len(asked)} requests   budget {BUDGET_REQUESTS}")


if __name__ == "__main__":
    main()
