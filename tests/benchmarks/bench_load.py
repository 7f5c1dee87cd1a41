"""Many readers at once: python -m tests.benchmarks.bench_load [--readers 50] [--minutes 10] [--pause 0].

Each reader opens a film of its own, asks for similar studies and three phrases, one after the other as the page does,
and begins again with another film. Printed: answers, failures, and for each kind the median, the 95th and the 99th
percentile in seconds; the median memory in the fifth after the warm-up (the first fifth) and in the last. Budgets: no
failed answer, 95 % of phrases within 8 s on two cores, memory growth under 5 %.
"""

import argparse
import http.client
import io
import json
import os
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.chests import chest
from tests.conftest import running_app

PHRASES = ("left pleural effusion", "cardiomegaly", "right lower lobe opacity")
BUDGET = 8.0


@dataclass
class Tally:
    """Seconds of each kind of answer, and failures by what was said."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    mended: int = 0
    most_waiting: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Reader:
    """One open page: its connection, its desk, its film."""

    def __init__(self, address: str, number: int, base: Image.Image, tally: Tally) -> None:
        self.address, self.number, self.tally = address.removeprefix("http://"), number, tally
        self.desk, self.base, self.films = f"bench-reader-{number:04}", base, 0

    def film(self) -> bytes:
        """A film that no other reader has: the same chest with a word in its corner."""
        self.films += 1
        pixels = np.asarray(self.base).copy()
        pixels[:8, :8] = np.random.default_rng([self.number, self.films]).integers(0, 255, (8, 8))
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, "PNG", compress_level=1)
        return sink.getvalue()

    def post(self, path: str, body: bytes, kind: str) -> dict[str, object]:
        """The last line of an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=600)
        connection.request("POST", path, body, {"Content-Type": kind, "X-Lofi-Desk": self.desk})
        lines = [json.loads(line) for line in connection.getresponse().read().splitlines()]
        connection.close()
        with self.tally.lock:
            waiting = [line.get("waiting", 0) for line in lines]
            self.tally.most_waiting = max(self.tally.most_waiting, *waiting)
        return dict(lines[-1])

    def timed(self, name: str, path: str, body: bytes, kind: str = "application/json") -> dict[str, object]:
        """The answer; its time and its failure are counted. A film that is gone is not a failure: it is sent again."""
        started = time.monotonic()
        try:
            answer = self.post(path, body, kind)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer = {"error": type(error).__name__}
        with self.tally.lock:
            if answer.get("gone"):
                self.tally.mended += 1
            elif "error" in answer:
                self.tally.failures[f"{name}: {answer['error']}"] += 1
            self.tally.seconds[name].append(time.monotonic() - started)
        return answer

    def ask(self, name: str, question: str, data: bytes, film: str, **values: object) -> None:
        """A question about the film, which is sent again where the server let go of it, as the page does."""
        body = json.dumps({"film": film, **values}).encode()
        if self.timed(name, f"/lofi/ask/{question}", body).get("gone"):
            self.timed("film again", "/lofi/open", data, "application/octet-stream")
            self.timed(name, f"/lofi/ask/{question}", body)

    def read(self) -> None:
        """One case: film, hits, phrases."""
        data = self.film()
        opened = self.timed("film", "/lofi/open", data, "application/octet-stream")
        if not isinstance(card := opened.get("film"), dict):
            return
        film = str(card["sha256"])
        self.ask("hits", "similar", data, film, k=8)
        for phrase in PHRASES:
            self.ask("phrase", "ground", data, film, phrases=[phrase])


def _family(pid: int) -> Iterator[list[str]]:
    """What the system tells of a process and of each of its children (proc_pid_stat(5), from the state on)."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(status.parent.name) == pid or int(fields[1]) == pid:
            yield fields


def memory_mib(pid: int) -> float:
    """Resident memory of a process and its children."""
    return sum(int(fields[21]) for fields in _family(pid)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_seconds(pid: int) -> float:
    """Seconds that the cores worked for a process, its children, and those children that have ended."""
    ticks = sum(sum(map(int, fields[11:15])) for fields in _family(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def server_pid(address: str) -> int:
    """The process that listens on the address."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(port) and row[3] == "0A")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise RuntimeError("nobody listens there")


def table(tally: Tally) -> str:
    """The figures of a run."""
    lines = [f"{'answers':12}{'n':>7}{'median':>9}{'95 %':>9}{'99 %':>9}{'most':>9}"]
    for name, seconds in sorted(tally.seconds.items()):
        middle, high, higher = np.quantile(seconds, (0.5, 0.95, 0.99))
        lines.append(f"{name:12}{len(seconds):7}{middle:9.2f}{high:9.2f}{higher:9.2f}{max(seconds):9.2f}")
    lines.append(f"failed {sum(tally.failures.values())}, sent again {tally.mended}, longest line {tally.most_waiting}")
    lines += [f"  {count} × {what}" for what, count in tally.failures.most_common(8)]
    return "\n".join(lines)


def run(address: str, readers: int, minutes: float, pause: float, side: int) -> None:
    """Read for so many minutes with so many readers, and print what came of it."""
    base = chest(side)
    tally, pid = Tally(), server_pid(address)
    start, used = time.monotonic(), processor_seconds(pid)
    end = start + 60 * minutes

    def sit(number: int) -> None:
        reader = Reader(address, number, base, tally)
        while time.monotonic() < end:
            reader.read()
            time.sleep(pause)

    threads = [threading.Thread(target=sit, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    time.sleep(60 * minutes / 5)
    held = [memory_mib(pid)]  # from film to film it goes up and down by a tenth: one look tells nothing of growth
    while any(thread.is_alive() for thread in threads):
        time.sleep(2)
        held.append(memory_mib(pid))
    spent = processor_seconds(pid) - used
    fifth = -(-len(held) // 4)
    warm, last = (float(np.median(part)) for part in (held[:fifth], held[-fifth:]))
    print(f"{readers} readers, {minutes:g} min, pause {pause:g} s, films {side} × {side}, {os.cpu_count()} cores")
    print(table(tally))
    late = np.mean(np.array(tally.seconds["phrase"] or [0.0]) > BUDGET)
    print(f"phrases later than {BUDGET:g} s: {late:.1%}")
    each = spent / len(tally.seconds["film"])
    print(f"processor seconds of the server for a film and all that was asked of it: {each:.3f}")
    print(f"memory MiB: warm {warm:.0f}, most {max(held):.0f}, end {last:.0f} ({last / warm - 1:+.1%})")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--readers", type=int, default=50)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--pause", type=float, default=0.0, help="seconds a reader thinks between two films")
    options.add_argument("--side", type=int, default=1024, help="pixels of a film's side")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), LOFI_RATE="0", LOFI_QUOTA="0") as address:
        warmed = Reader(address, 10**4, chest(256), Tally())
        warmed.read()  # the model is loaded
        if warmed.tally.failures:
            raise SystemExit(f"Nothing measured: {next(iter(warmed.tally.failures))}")
        run(address, given.readers, given.minutes, given.pause, given.side)


if __name__ == "__main__":
    main()
