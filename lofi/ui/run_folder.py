"""The folder of one run's uploads: private, removed at the end, and those of runs that died at the next start."""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, MARKER = "lofi-", "run.json"


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder of this run, below which ``uploads`` is empty. Its marker is locked as long as the run lives."""
    remove_dead(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    marker = os.open(folder / MARKER, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(marker, fcntl.LOCK_EX)
        os.write(marker, json.dumps(_this_run()).encode())
        (folder / "uploads").mkdir(mode=0o700)
        yield folder / "uploads"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(marker)


def remove_dead(place: Path) -> int:
    """Remove folders of runs that ended without doing so; returns how many. Only ours, and only where we wrote them.

    Ours: a folder, no link, of this user, that only it can open, with a marker of this user that nobody holds locked.
    The lock is what tells that a run is alive: a process id may be another process's by now, or another container's.
    """
    removed = 0
    for folder in sorted(place.glob(f"{PREFIX}*")):
        with suppress(OSError, ValueError):
            about = folder.lstat()
            if (
                stat.S_ISDIR(about.st_mode)
                and about.st_uid == os.geteuid()
                and not about.st_mode & 0o077
                and _is_dead(folder)
            ):
                shutil.rmtree(folder)
                removed += 1
    return removed


def _is_dead(folder: Path) -> bool:
    marker = os.open(folder / MARKER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(marker)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            return False
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where the run is alive
        written = json.loads(os.read(marker, 4096))
        return isinstance(written, dict) and set(written) == set(_this_run())
    finally:
        os.close(marker)


def _this_run() -> dict[str, object]:
    """Process, boot and when the process began: for a person who looks."""
    boot, start = "", 0
    with suppress(OSError, ValueError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        start = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    return {"pid": os.getpid(), "boot": boot, "start": start}
