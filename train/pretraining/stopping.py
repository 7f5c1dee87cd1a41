"""Clear ends of a run: what cannot go on says why; who is asked to leave saves first."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch


class Stopped(Exception):
    """Training cannot go on; says why, and what is kept. ``status`` is the exit status."""

    def __init__(self, why: str, status: int = 1) -> None:
        super().__init__(why)
        self.status = status


SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""Slurm sends either before it takes a machine away (``--signal=USR1@120``), Kubernetes and torchrun the first."""
ECHO = 10.0
"""Seconds within which a signal again is the same wish: Slurm sends it to all processes, torchrun passes its own on."""


class Asked:
    """Which of SIGNALS has come; None so far. The same one again, later than ECHO, ends the process at once."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._came: dict[int, float] = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        if time.monotonic() - self._came.setdefault(number, time.monotonic()) > ECHO:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = signal.Signals(number)


@contextmanager
def listening() -> Iterator[Asked]:
    """Note SIGNALS instead of dying of them; only the main thread may, elsewhere none is noted."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked.note) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a GPU or, where torch has no error of its own, on the CPU."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error) or "not enough memory" in str(error)


def unanswered(error: BaseException) -> bool:
    """Whether another process did not answer, or is gone: gloo and NCCL say it in these words."""
    said = str(error).lower()
    words = ("timed out", "timeout", "connection closed by peer", "connection reset by peer", "broken pipe")
    return isinstance(error, RuntimeError) and any(word in said for word in words)


def worker_lost(error: BaseException) -> bool:
    """Whether a process that builds batches is gone: torch's loader says it in these words."""
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "DataLoader worker" in said and ("exited unexpectedly" in said or "killed by signal" in said)
    )
