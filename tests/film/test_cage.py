"""The cage: films come out as they are read without it, and whatever a file does, it costs one sentence."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from lofi.errors import Busy, LofiError, NotAChestFilm, UnreadableFilm
from lofi.film import cage as cage_module
from lofi.film import calls, keeper
from lofi.film.cage import Cage
from lofi.film.greys import Greys
from lofi.film.origin import read_origin
from lofi.film.radiograph import Radiograph
from tests.film.test_dicom import RAMP, dataset, written

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PROBE = ("-m", "tests.film.probing_worker")
GREY = (np.arange(400 * 600, dtype=np.uint32) % 65_521).astype(np.uint16).reshape(400, 600)
PNG = bytes(cv2.imencode(".png", GREY)[1])
BLACK = bytes(cv2.imencode(".png", np.zeros((3_000, 3_000), np.uint8))[1])
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits alone are kept elsewhere")


@pytest.fixture(scope="module")
def probing() -> Iterator[Cage]:
    """One worker that also does what a test's file asks it to try."""
    with Cage(workers=1, command=PROBE) as probing:
        yield probing


def outcome(cage: Cage, *words: object) -> str:
    """The sentence that a trial comes to."""
    with pytest.raises(LofiError) as told, cage.open(f"TRY {' '.join(map(str, words))}".encode()):
        pass
    return str(told.value)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(condition: object, seconds: float = 20) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class TestFilms:
    def test_a_film_is_the_same_as_without_the_cage(self, probing: Cage) -> None:
        ds = dataset(RAMP)
        ds.PatientName, ds.StudyDate, ds.SpecificCharacterSet = "李^明", "20200102", "GB18030"
        ds.PatientOrientation, ds.ImagerPixelSpacing = ["R", "F"], [0.2, 0.2]
        dicom = written(ds)
        for data in (PNG, dicom, bytes(cv2.imencode(".jpg", GREY >> 8)[1])):
            with probing.open(data) as reading:
                film, plain = reading.film, Radiograph.read(data)
                assert np.array_equal(film.pixels, plain.pixels)
                assert film.pixels.dtype == np.float32
                assert film.pixels.flags.c_contiguous
                for name in (field.name for field in fields(Radiograph) if field.name not in ("pixels", "greys")):
                    assert getattr(film, name) == getattr(plain, name), name
                assert film.greys is not None
                for field in fields(Greys):
                    one, other = getattr(film.greys, field.name), getattr(plain.greys, field.name)
                    assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other, field.name
                assert reading.origin == read_origin(data)
        assert reading.origin is None

    def test_pixels_cannot_be_written(self, probing: Cage) -> None:
        film = probing.read(PNG)
        with pytest.raises(ValueError, match="read-only"):
            film.pixels[0, 0] = 1

    def test_pixels_outlive_the_worker(self) -> None:
        with Cage(workers=1) as cage, cage.open(PNG) as reading:
            pass
        assert np.array_equal(reading.film.pixels, Radiograph.read(PNG).pixels)

    def test_refusals_keep_their_class_and_sentence(self, probing: Cage) -> None:
        ct = written(dataset(RAMP, Modality="CT"))
        for data, kind in (
            (b"", UnreadableFilm),
            (b"no film", UnreadableFilm),
            (PNG[:-30], UnreadableFilm),
            (ct, NotAChestFilm),
        ):
            with pytest.raises(LofiError) as plain:
                Radiograph.read(data)
            with pytest.raises(kind) as caged, probing.open(data):
                pass
            assert str(caged.value) == str(plain.value)

    def test_a_path_is_read_and_a_missing_one_is_told(self, probing: Cage, tmp_path: Path) -> None:
        (tmp_path / "film").write_bytes(PNG)
        assert probing.read(tmp_path / "film").size_hw == (400, 600)
        with pytest.raises(UnreadableFilm, match="cannot be opened"):
            probing.read(tmp_path / "secret")

    def test_every_file_beside_the_project_gets_the_same_answer(self, shared: Path) -> None:
        # An import that a worker makes too late fails once it may open no file: this is where it shows.
        with Cage(workers=1) as cage:
            for path in sorted(p for f in ("chest", "not_chest", "odd_ts") for p in (shared / "dicom" / f).iterdir()):
                data = path.read_bytes()
                answers = []
                for read in (Radiograph.read, cage.read):
                    try:
                        film = read(data)
                        answers.append((film.pixels.tobytes(), film.kind, film.view, film.flags, dict(film.tags)))
                    except LofiError as error:
                        answers.append((type(error), str(error)))
                assert answers[0] == answers[1], path.name

    def test_killers_cost_a_sentence_each_and_no_memory(self, shared: Path) -> None:
        def resident() -> int:
            return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096

        with Cage() as cage:
            cage.read(PNG)
            gc.collect()
            before = resident()
            for path in sorted((shared / "dicom" / "killers").iterdir()):
                if path.suffix == ".jsonl":
                    continue
                try:
                    with cage.open(path.read_bytes()) as reading:
                        assert path.name == "grey_89M.png"
                    del reading
                except UnreadableFilm as error:
                    assert str(error).endswith(".")  # noqa: PT017
            gc.collect()
            assert resident() - before < 300 * 2**20
            assert cage.read(PNG).size_hw == (400, 600)
            assert cage.admission.held == 0


@linux
class TestWalls:
    def test_no_network(self, probing: Cage) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert outcome(probing, "network", listener.getsockname()[1]).startswith("failed:")

    def test_nothing_is_written_deleted_or_read(self, probing: Cage, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("name")
        tmp_path.chmod(0o777)
        secret.chmod(0o666)
        for place in (secret, tmp_path / "new", "/dev/shm/lofi-new", "/tmp/lofi-new"):
            assert outcome(probing, "write", place).startswith("failed:")
        assert outcome(probing, "delete", secret).startswith("failed:")
        assert outcome(probing, "read", secret).startswith("failed:")
        assert outcome(probing, "read", "/etc/passwd").startswith("failed:")
        assert secret.read_text() == "name"
        assert not Path("/tmp/lofi-new").exists()

    def test_no_process_is_started_and_none_signalled(self, probing: Cage) -> None:
        assert outcome(probing, "start").startswith("failed:")
        assert outcome(probing, "signal").startswith("failed:")

    def test_few_files_are_open(self, probing: Cage) -> None:
        assert outcome(probing, "many_files") == "done: True"

    def test_limits_and_privileges(self, probing: Cage) -> None:
        told = outcome(probing, "limits")
        assert told.startswith("done: [0, 0, 0, 16] ")
        if os.geteuid() == 0:
            assert told.endswith(" 65534 65534 []")
        assert outcome(probing, "root").startswith("failed:")
        assert probing.held[0]["files"] == "closed"
        assert probing.held[0]["calls"] == "filtered"

    def test_no_call_of_the_filter_gets_through(self, probing: Cage) -> None:
        count = len(calls.numbers(os.uname().machine))
        assert outcome(probing, "calls") == f"done: {count} [] []"

    def test_memory_is_limited_and_told(self, probing: Cage) -> None:
        assert "needs more memory" in outcome(probing, "memory")

    def test_what_decoders_print_reaches_no_log(self, capfd: pytest.CaptureFixture[str]) -> None:
        with Cage(workers=1, command=PROBE) as cage:
            assert outcome(cage, "noise") == "done: said"
        assert "secret" not in "".join(capfd.readouterr())

    @pytest.mark.parametrize("namespaces", [True, False])
    def test_walls_hold_without_root(self, namespaces: bool) -> None:
        """As another user: namespaces where the kernel lets one, else Landlock alone."""
        if os.geteuid() != 0:
            pytest.skip("this is the usual case then")
        script = (
            "import os, socket\nfrom pathlib import Path\nfrom lofi.film import confine\n"
            "os.setgroups([])\nos.setgid(65533)\nos.setuid(65533)\n"
            f"detached = {namespaces} and confine.detach()\n"
            "held = confine.lock_down(os.getppid(), detached, [])\n"
            "print(detached, held['files'], held['network'])\n"
            "try: open('/tmp/lofi-new', 'w')\nexcept OSError: print('not written')\n"
            "try: socket.socket().connect(('127.0.0.1', 9))\n"
            "except OSError as error: print(type(error).__name__)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=REPOSITORY
        )  # fmt: skip
        assert run.stderr == ""
        first, *others = run.stdout.splitlines()
        assert first in ("True closed own", "False closed no TCP") if namespaces else first == "False closed no TCP"
        assert others == ["not written", "PermissionError"]


class TestDeaths:
    def test_a_crash_costs_its_own_film_only(self, probing: Cage) -> None:
        before = probing.processes
        assert outcome(probing, "die") == keeper.DIED
        assert probing.read(PNG).size_hw == (400, 600)
        assert probing.processes != before

    def test_kill_9_in_the_middle_of_a_film(self, probing: Cage) -> None:
        probing.read(PNG)
        (worker,) = probing.processes
        with probing.send(b"TRY sleep") as ticket:
            time.sleep(0.3)
            os.kill(worker, signal.SIGKILL)
            with pytest.raises(UnreadableFilm, match="does not survive"):
                ticket.result()
        assert probing.read(PNG).size_hw == (400, 600)

    def test_a_worker_killed_while_idle_is_replaced_unseen(self, probing: Cage) -> None:
        probing.read(PNG)
        (worker,) = probing.processes
        os.kill(worker, signal.SIGKILL)
        assert soon(lambda: not alive(worker))
        assert probing.read(PNG).size_hw == (400, 600)

    def test_a_film_that_never_ends_is_ended(self, probing: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeper, "WALL_SECONDS", 1.0)
        start = time.monotonic()
        assert outcome(probing, "sleep") == keeper.TOO_SLOW
        assert outcome(probing, "spin") == keeper.TOO_SLOW
        assert time.monotonic() - start < 20

    def test_processor_time_is_limited_by_the_worker_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeper, "WALL_SECONDS", 300.0)
        with Cage(workers=1, command=PROBE) as cage:
            assert outcome(cage, "spin") == keeper.TOO_SLOW

    @pytest.mark.parametrize("trial", ["garbage", "lie"])
    def test_a_worker_that_was_taken_over_is_not_believed(self, probing: Cage, trial: str) -> None:
        assert outcome(probing, trial) == keeper.DIED
        assert probing.read(PNG).size_hw == (400, 600)

    def test_a_worker_is_retired_after_some_films(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeper, "MOST_FILMS", 3)
        seen: set[int] = set()
        with Cage(workers=1) as cage:
            for _ in range(7):
                cage.read(PNG)
                seen.update(cage.processes)
            assert 2 <= len(seen) <= 3
            assert sum(map(alive, seen)) <= 1

    def test_a_worker_that_has_grown_is_retired(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Cage(workers=1) as cage:
            cage.read(PNG)
            (first,) = cage.processes
            monkeypatch.setattr(keeper, "MOST_BYTES", 1)
            cage.read(PNG)
            assert soon(lambda: not alive(first))

    def test_where_no_worker_starts_it_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        with Cage(workers=1, command=("-c", "raise SystemExit(3)")) as cage:
            with pytest.raises(LofiError, match="does not start"):
                cage.read(PNG)
            assert "could not be started" in caplog.text


class TestEnds:
    def test_close_leaves_no_process_and_answers_who_waits(self) -> None:
        cage = Cage(workers=2, command=PROBE)
        cage.start()
        assert soon(lambda: len(cage.held) == 2, 60)
        processes = cage.processes
        tickets = [cage.send(b"TRY sleep") for _ in range(5)]
        time.sleep(0.2)
        cage.close()
        assert not any(map(alive, processes))
        assert cage.processes == ()
        for ticket in tickets:
            with pytest.raises(LofiError, match="stopping"):
                ticket.result()
            ticket.close()
        with pytest.raises(LofiError, match="stopping"):
            cage.send(PNG)
        with pytest.raises(LofiError, match="stopping"):
            cage.read(PNG)
        cage.close()

    def test_close_before_anything_was_read(self) -> None:
        Cage().close()

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
    def test_no_orphan_is_left_when_the_server_dies(self, end: signal.Signals) -> None:
        script = (
            "import sys, time\nfrom lofi.film.cage import Cage\n"
            "cage = Cage(workers=2, command=('-m', 'tests.film.probing_worker'))\ncage.start()\n"
            "while len(cage.held) < 2: time.sleep(0.05)\n"
            "ticket = cage.send(b'TRY spin')\nprint(*cage.processes, flush=True)\ntime.sleep(600)"
        )
        server = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert server.stdout is not None
        processes = [int(word) for word in server.stdout.readline().split()]
        time.sleep(0.3)
        server.send_signal(end)
        server.wait(30)
        server.stdout.close()
        assert len(processes) == 2
        assert soon(lambda: not any(map(alive, processes)))

    def test_a_caller_who_leaves_frees_the_worker(self, probing: Cage) -> None:
        with probing.send(b"TRY sleep"):
            time.sleep(0.3)
        start = time.monotonic()
        assert probing.read(PNG).size_hw == (400, 600)
        assert time.monotonic() - start < 15  # a new worker's start, not the end of the sleep


class TestAdmission:
    def test_films_wait_their_turn_in_order(self) -> None:
        order: list[int] = []

        def read(number: int) -> None:
            with tickets[number] as ticket:
                ticket.result()
                order.append(number)
                assert cage.admission.held <= 10_000_000

        with Cage(workers=2, in_flight=10_000_000) as cage:
            first = cage.send(BLACK)  # nine of ten megapixels
            first.result()
            tickets = []
            for data in (BLACK, PNG, BLACK, BLACK):
                tickets.append(cage.send(data))
                place = len(tickets)
                assert soon(lambda place=place: cage.admission.waiting + cage.admission.held // 9_000_001 >= place)
            threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            assert order == []  # the small one does not overtake the large one before it
            # Films of the gallery do not wait for room: a question about a film that is held may need one.
            assert cage.read(BLACK).size_hw == (3_000, 3_000)
            first.close()
            for thread in threads:
                thread.join(60)
            assert sorted(order) == [0, 1, 2, 3]
            assert order.index(0) < order.index(2) < order.index(3)
            assert cage.admission.held == 0

    def test_ten_large_films_at_once_are_answered_one_after_the_other(self) -> None:
        with Cage(workers=2, in_flight=10_000_000) as cage:
            sizes, most = [], []

            def read() -> None:
                with cage.open(BLACK) as reading:
                    most.append(cage.admission.held)
                    sizes.append(reading.film.size_hw)

            threads = [threading.Thread(target=read) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            assert sizes == [(3_000, 3_000)] * 10
            assert set(most) == {9_000_000}

    def test_more_than_can_wait_are_told_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cage_module, "MOST_WAITING", 2)
        with Cage(workers=1, in_flight=9_000_000) as cage, cage.open(BLACK):
            with cage.send(BLACK), cage.send(BLACK), pytest.raises(Busy, match="again in a minute"):
                cage.send(BLACK)
            with cage.send(PNG):
                pass
        monkeypatch.undo()
        monkeypatch.setattr(cage_module, "MOST_WAITING_BYTES", len(PNG))
        with Cage(workers=1, command=PROBE) as cage, cage.send(b"TRY sleep"), pytest.raises(Busy):
            cage.send(PNG)

    def test_who_leaves_the_queue_makes_room_for_the_next(self) -> None:
        with Cage(workers=1, in_flight=9_000_000) as cage, cage.open(BLACK):
            waiting = cage.send(BLACK)
            assert soon(lambda: cage.admission.waiting == 1)
            waiting.close()
            assert cage.admission.waiting == 0

    def test_a_file_too_large_is_refused_before_it_is_queued(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cage_module, "MAX_BYTES", 1_000)
        with Cage() as cage, pytest.raises(UnreadableFilm, match="too large"):
            cage.send(PNG)


def mutations(seeds: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Files with one to eight changed bytes, half of them in the first kilobyte; now and then cut or partly doubled."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(int(rng.integers(1, 9))):
            stop = min(1_024, len(data)) if rng.integers(2) else len(data)
            data[int(rng.integers(stop))] = int(rng.integers(256))
        if rng.integers(8) == 0:
            del data[int(rng.integers(len(data))) :]
        elif rng.integers(8) == 0:
            at = int(rng.integers(len(data)))
            data[at:at] = data[at : at + int(rng.integers(1, 200))]
        yield bytes(data)


def test_mutated_files_are_films_or_one_sentence(probing: Cage, shared: Path) -> None:
    names = ("chest/RG1_half_JLSL", "chest/SIIM_jpeg_baseline", "chest/RG1_half_J2KR", "chest/highdicom_dx_thorax")
    seeds = [PNG, *((shared / "dicom" / f"{name}.dcm").read_bytes() for name in names)]
    answers = {"film": 0, "sentence": 0}
    for data in mutations(seeds, 60, 13):
        try:
            with probing.open(data) as reading:
                assert 0 <= reading.film.pixels.min() <= reading.film.pixels.max() <= 1
                answers["film"] += 1
        except LofiError as error:
            assert str(error).endswith(".")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
            answers["sentence"] += 1
    assert min(answers.values()) > 5, answers


def test_small_films_too_give_memory_back_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hours of films of a megapixel left 12.8 % more: holes in the heaps, which only large films closed."""
    trimmed: list[int] = []
    monkeypatch.setattr(cage_module.allocator, "trim", lambda: trimmed.append(1))
    monkeypatch.setattr(cage_module, "LARGE", 3 * GREY.size)
    with Cage(workers=1) as cage:
        for count in range(1, 8):
            with cage.open(PNG):
                pass
            assert len(trimmed) == count // 3
