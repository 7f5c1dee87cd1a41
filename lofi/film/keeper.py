"""One thread that keeps one worker: starts it, hands it films, notices when it dies or hangs, and starts another."""

import hashlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import MappingProxyType

from lofi.errors import LofiError, UnreadableFilm
from lofi.film import bay, wire
from lofi.film.jobs import Job, Jobs, Reading
from lofi.film.radiograph import Radiograph

WORKER = ("-m", "lofi.film.worker")
WALL_SECONDS = 20.0
"""A film's time by the clock. Its processor time ends sooner (lofi.film.worker), a busy machine may need longer."""
START_SECONDS = 60.0
MOST_FILMS, MOST_BYTES = 200, 400 * 2**20
"""Films after which a worker is replaced, and resident bytes (an idle one has about 100 MB)."""

TOO_SLOW = "This film takes longer to be decoded than is allowed: export it uncompressed, or scale it down."
DIED = (
    "The film cannot be decoded: it is damaged in a way that its decoder does not survive, or needs more memory than "
    "is allowed. Export it again."
)
NOT_STARTED = "Films cannot be read at the moment: the process that decodes them does not start. Try again later."

_REPOSITORY = Path(__file__).resolve().parent.parent.parent
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONHOME")
_KEPT_WARM = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**27)}
"""glibc gives each large buffer back at once otherwise, and the next film pays for its pages again."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_log = logging.getLogger("lofi")


class _Worker:
    """A running worker process."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it. Raises OSError where that fails."""
        self.wire, theirs = socket.socketpair()
        self.bay = bay.Bay()
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= dict.fromkeys(_ONE_THREAD, "1") | _KEPT_WARM | {"PYTHONPATH": str(_REPOSITORY)}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-B", "-s", *command, *map(str, (theirs.fileno(), self.bay.descriptor, os.getpid()))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self.bay.descriptor),
                env=environment,
                cwd="/",
                start_new_session=True,  # Ctrl+C in a terminal is for the server
            )
        except BaseException:
            self.wire.close()
            self.bay.close()
            raise
        finally:
            theirs.close()
        self.films = 0
        self.held: dict[str, str] = {}

    def wait(self) -> None:
        """Until it is ready. Raises OSError, TimeoutError among them, or Garbled where it does not get there."""
        held = wire.receive(self.wire, time.monotonic() + START_SECONDS).get("ready")
        if not isinstance(held, dict):
            raise wire.Garbled
        self.held = {str(name): str(state) for name, state in held.items()}

    def read(self, job: Job) -> Reading | None:
        """The film in the job's file; None where it has to wait its turn and will be asked again."""
        self.films += 1
        deadline = time.monotonic() + WALL_SECONDS
        if len(job.data) <= bay.IN_BYTES:
            self.bay.put(job.data)
            self._send({"length": len(job.data)}, deadline)
        else:
            self._send({}, deadline, bay.filled(job.data))
        sha256 = hashlib.sha256(job.data).hexdigest()  # while the worker reads the header
        message = wire.receive(self.wire, deadline)
        if "claim" not in message:
            raise wire.error_in(message)
        claim = message["claim"]
        if type(claim) is not int or not 0 <= claim < 2**40:
            raise wire.Garbled
        if not job.admit(claim):
            self._send({"go": False}, deadline)
            return None
        return self._decoded(claim, sha256, deadline)

    def _decoded(self, claim: int, sha256: str, deadline: float) -> Reading:
        """The film of the file whose header the worker has read."""
        room = bay.room_for(claim) if claim > bay.OUT_PIXELS else None
        try:
            self._send({"go": True}, deadline, None if room is None else os.dup(room))
            message = wire.receive(self.wire, deadline)
            film = message.get("film")
            if not isinstance(film, dict):
                raise wire.error_in(message)
            fields, shapes = wire.fields_of(film), wire.shapes_of(film, claim)
            pixels, *more = self.bay.take_film(shapes) if room is None else bay.take_film(room, shapes)
            fields["greys"] = wire.greys_in(film.get("greys"), more)
        finally:
            if room is not None:
                os.close(room)
        fields["tags"] = MappingProxyType(fields["tags"])
        origin = wire.origin_in(message.get("origin"), sha256)
        return Reading(Radiograph(pixels=pixels, sha256=sha256, **fields), origin)

    def _send(self, message: wire.Message, deadline: float, descriptor: int | None = None) -> None:
        """Say something, with an open file that is closed here afterwards."""
        self.wire.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            wire.send(self.wire, message, *(() if descriptor is None else (descriptor,)))
        finally:
            if descriptor is not None:
                os.close(descriptor)

    @property
    def worn(self) -> bool:
        """Whether it should be replaced, so that its memory is given back."""
        return self.films >= MOST_FILMS or _resident(self.process.pid) > MOST_BYTES

    def end(self, grace: float = 0.0) -> int:
        """End it, at once or after ``grace`` seconds; how it ended, as ``subprocess`` counts."""
        self.wire.close()
        self.bay.close()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(grace)
        self.process.kill()
        return self.process.wait()


def _resident(process: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text("utf-8").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


class Keeper(Thread):
    """Serves jobs until it is told to stop.

    The thread must outlive its worker: Linux tells a process of the death of the thread that started it.
    """

    def __init__(self, jobs: Jobs, command: Sequence[str] = WORKER) -> None:
        """``command`` are the arguments of Python that start a worker."""
        super().__init__(name="cage", daemon=True)
        self._jobs, self._command = jobs, command
        self._worker: _Worker | None = None
        self._stopping = False

    @property
    def process(self) -> int | None:
        """The number of the worker's process; None where there is none at the moment."""
        worker = self._worker
        return None if worker is None else worker.process.pid

    @property
    def held(self) -> dict[str, str]:
        """What the worker has given up (lofi.film.confine); empty until it is ready."""
        worker = self._worker
        return {} if worker is None else worker.held

    def stop(self) -> None:
        """End the worker and the thread, whatever they are doing."""
        self._stopping = True
        self._jobs.put(None)
        worker = self._worker
        if worker is not None:
            worker.process.kill()

    def run(self) -> None:
        """Serve."""
        self._ready()
        while (job := self._jobs.take()) is not None:
            self._serve(job)
            del job  # its bytes would be held until the next one comes
            self._ready()
        self._replace()

    def _serve(self, job: Job) -> None:
        self._ready()
        worker = self._worker
        if worker is None:
            job.fail(LofiError(NOT_STARTED))
        elif job.begun(worker.process):
            try:
                self._read(job, worker)
            except Exception as error:
                _log.error("unforeseen %s while a film was read", type(error).__name__)
                self._replace()
                job.fail(LofiError(NOT_STARTED))
            job.ended(worker.process)

    def _read(self, job: Job, worker: _Worker) -> None:
        try:
            reading = worker.read(job)
        except LofiError as error:
            job.fail(error)
        except TimeoutError:
            self._replace()
            job.fail(UnreadableFilm(TOO_SLOW))
        except (wire.Garbled, OSError):
            status = self._replace(grace=1.0)
            job.fail(UnreadableFilm(TOO_SLOW if status == -signal.SIGXCPU else DIED))
        else:
            if reading is not None:
                job.answer(reading)

    def _ready(self) -> None:
        """Have a worker that lives and is not worn."""
        if (worker := self._worker) is not None and worker.process.poll() is None and not worker.worn:
            return
        self._replace()
        if self._stopping:
            return
        try:
            self._worker = _Worker(self._command)
            self._worker.wait()
        except (OSError, wire.Garbled) as error:
            self._replace()
            if not self._stopping:
                _log.error("A process that decodes films could not be started (%s).", type(error).__name__)

    def _replace(self, grace: float = 0.0) -> int:
        """End the worker; how it ended."""
        worker, self._worker = self._worker, None
        return 0 if worker is None else worker.end(grace)
