"""The app as a Space starts it: the published folder alone, a Space's variables, nothing of this environment's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.asking import status

HOST = "owner-lofi.hf.space"
VARIABLES = {
    "SPACE_ID": "owner/lofi",
    "SPACE_HOST": HOST,
    "SPACE_AUTHOR_NAME": "owner",
    "SPACE_REPO_NAME": "lofi",
    "SYSTEM": "spaces",
    "CPU_CORES": "2",
    "MEMORY": "16Gi",
    "GRADIO_SERVER_NAME": "0.0.0.0",
    "GRADIO_ALLOW_FLAGGING": "never",
    "PYTHONUNBUFFERED": "1",
}
"""What the container of a Space with sdk gradio holds. Its port, 7860, may be taken here: LOFI_PORT moves it."""
BEHIND = {"Host": HOST, "X-Forwarded-For": "203.0.113.4", "X-Forwarded-Proto": "https"}
"""What a Space's proxy says of a visitor's request."""
ASKING = {**BEHIND, "Origin": f"https://{HOST}", "Sec-Fetch-Site": "same-origin", "X-Lofi-Desk": "a-desk-of-tests"}
"""What the page says with its questions."""


@dataclass(frozen=True)
class Running:
    """A Space that answers; ``began`` is when its process was started, by ``time.monotonic``."""

    url: str
    process: "subprocess.Popen[bytes]"
    began: float
    log: Path

    def memory(self) -> int:
        """Bytes held by the app and the processes that decode films, each shared page counted once among them."""
        return sum(_proportional(pid) for pid in _family(self.process.pid))


@contextmanager
def running_space(folder: Path, home: Path) -> Iterator[Running]:
    """Start the folder's app.py in an environment of its own and wait until it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (home / "tmp").mkdir(parents=True)
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp"), "LOFI_PORT": str(port)}
    own |= {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_CORETYPE") if name in os.environ}
    log = home / "log"
    began = time.monotonic()
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=folder, env={**own, **VARIABLES}, stdout=sink, stderr=sink
        )
    running = Running(f"http://127.0.0.1:{port}", process, began, log)
    try:
        while not _ready(f"{running.url}/healthz"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() - began < 300, "the Space was not ready after five minutes"
            time.sleep(0.05)
        yield running
    finally:
        process.terminate()
        process.wait(120)


def _ready(url: str) -> bool:
    with suppress(OSError):
        return status(url) == 200
    return False


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            waiting += [int(word) for word in file.read_text().split()]
    return found


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
