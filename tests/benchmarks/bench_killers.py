"""Films that ended the first server, sent to the running app: python -m tests.benchmarks.bench_killers FOLDER.

FOLDER holds them; each is to be a film or one sentence. Printed: what came of each, and the memory of the server's own
process and of all its processes before, at most and afterwards. Budget: the server within 300 MB of before.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.benchmarks.bench_load import Reader, Tally, memory_mib, server_pid
from tests.benchmarks.chests import chest
from tests.conftest import running_app

BUDGET_MIB = 300
PATIENCE = 60.0
"""Seconds in which the memory has to come back."""


def own_mib(pid: int) -> float:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def said(answer: dict[str, object]) -> str:
    """What an answer comes to."""
    card = answer.get("film")
    return f"a film, {card['size']}" if isinstance(card, dict) else str(answer.get("error"))


def run(address: str, folder: Path) -> bool:
    """Send each file; whether the server's memory came back."""
    reader, pid = Reader(address, 1, chest(), Tally()), server_pid(address)
    for _ in range(3):
        reader.read()  # the model is loaded, the workers are there
    before, before_all = own_mib(pid), memory_mib(pid)
    most, over = before, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.05):
            most = max(most, own_mib(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    for path in sorted(folder.iterdir()):
        if path.suffix != ".jsonl":
            answer = reader.timed("film", "/lofi/open", path.read_bytes(), "application/octet-stream")
            print(f"{path.name:34} {reader.tally.seconds['film'][-1]:5.1f} s  {said(answer)}")
    reader.read()
    began = time.monotonic()
    while own_mib(pid) - before >= BUDGET_MIB and time.monotonic() - began < PATIENCE:
        time.sleep(1)  # the largest film is still being packed for the browser
    waited = time.monotonic() - began
    over.set()
    watching.join()
    after, after_all = own_mib(pid), memory_mib(pid)
    told = f"{before:.0f} before, {most:.0f} at most, {after:.0f} after {waited:.0f} s more"
    print(f"the server, MiB: {told}   budget + {BUDGET_MIB}")
    print(f"with its workers: {before_all:.0f} before, {after_all:.0f} after")
    return after - before < BUDGET_MIB


def main() -> int:
    """Status 1 where the memory did not come back."""
    if len(sys.argv) != 2:
        print("Nothing measured: name the folder of such films (they are not part of the project).")
        return 0
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), LOFI_QUOTA="0") as address:
        return 0 if run(address, Path(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
