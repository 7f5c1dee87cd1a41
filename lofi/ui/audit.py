"""Who did what to which film, and when: one line of JSON each, in a file that grows to a limit and is then put aside.

A film is named by the sha256 of its bytes. No phrase, no report, no file name and nothing of a patient is written.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from lofi.errors import LofiError
from lofi.ui.caller import caller

MOST_BYTES = 10 * 2**20
KEPT = 10
"""Files that were put aside: ``audit.jsonl.1`` is the newest."""
_FILM = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger("lofi")


class Audit:
    """The file of LOFI_AUDIT. Raises LofiError at the start where it cannot be written; later that is logged."""

    def __init__(self, file: Path, most_bytes: int = MOST_BYTES) -> None:
        self.file = file
        self._most = most_bytes
        self._lock = Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with self._open():
                pass
        except OSError:
            raise LofiError("LOFI_AUDIT cannot be written: check that its folder exists and may be written.") from None

    def write(self, what: str, film: object = "", outcome: str = "done") -> None:
        """Add a line about the request at hand."""
        who = caller()
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": who.request,
            **({"user": who.user} if who.user else {}),
            "address": who.address,
            "what": what,
            **({"film": film} if isinstance(film, str) and _FILM.fullmatch(film) else {}),
            "outcome": outcome,
        }
        data = (json.dumps(line, ensure_ascii=True) + "\n").encode()
        with self._lock:
            try:
                with self._open() as sink:
                    if os.fstat(sink).st_size + len(data) > self._most:
                        self._put_aside()
                        with self._open() as fresh:
                            os.write(fresh, data)
                    else:
                        os.write(sink, data)
            except OSError as error:
                _log.error("The audit log cannot be written (%s).", type(error).__name__)

    @contextmanager
    def _open(self) -> Iterator[int]:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.file, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _put_aside(self) -> None:
        for number in range(KEPT - 1, 0, -1):
            older = self.file.with_name(f"{self.file.name}.{number}")
            if older.exists():
                older.replace(self.file.with_name(f"{self.file.name}.{number + 1}"))
        self.file.replace(self.file.with_name(f"{self.file.name}.1"))


_writing: list[Audit] = []
"""The one audit log of this process, where there is one."""


def audit_to(file: Path | None) -> None:
    """Begin, or with None end, to write an audit log. Raises LofiError."""
    _writing[:] = [] if file is None else [Audit(file)]


def note(what: str, film: object = "", outcome: str = "done") -> None:
    """A line in the audit log, where one is written."""
    for audit in _writing:
        audit.write(what, film, outcome)


@contextmanager
def noted(what: str, film: object = "") -> Iterator[Callable[[object], None]]:
    """Note what is done inside, as done or refused; the film can be told later."""
    known = [film]
    try:
        yield lambda found: known.append(found)
    except BaseException:
        note(what, known[-1], "refused")
        raise
    note(what, known[-1])
