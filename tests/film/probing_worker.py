"""A worker that tries to break out, for tests only: the file's first line says how, what came of it is its sentence."""

import ctypes
import errno
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lofi.errors import UnreadableFilm
from lofi.film import calls, worker


def _network() -> object:
    for host, port in (("127.0.0.1", int(_words[1])), ("192.0.2.1", 80)):
        with socket.socket() as reached:
            reached.settimeout(2)
            reached.connect((host, port))
            return f"reached {host}"
    return None


def _write() -> object:
    Path(_words[1]).write_text("x")
    return "wrote"


def _delete() -> object:
    Path(_words[1]).unlink()
    return "deleted"


def _read() -> object:
    return Path(_words[1]).read_text()


def _start() -> object:
    return f"started {os.fork()}"


def _signal() -> object:
    os.kill(os.getppid(), 0)
    return "signalled"


def _root() -> object:
    os.setuid(0)
    return "root"


def _memory() -> object:
    return len(bytearray(4 * 2**30))


def _spin() -> object:
    while True:
        pass


def _sleep() -> object:
    time.sleep(600)
    return None


def _die() -> object:
    ctypes.string_at(0)
    return None


def _noise() -> object:
    os.write(1, b"secret on stdout\n")
    os.write(2, b"secret on stderr\n")
    print("secret", file=sys.stderr, flush=True)
    return "said"


def _limits() -> object:
    names = ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE")
    limits = [resource.getrlimit(getattr(resource, name))[0] for name in names]
    return f"{limits} {os.getuid()} {os.getgid()} {os.getgroups()}"


def _many_files() -> object:
    opened: list[int] = []
    try:
        while True:
            opened.append(os.dup(0))
    except OSError:
        return f"{len(opened) < 20}"
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _calls() -> object:
    """Which calls of the filter's table were not refused, called with nothing in hand."""
    ctypes.set_errno(0)
    library = ctypes.CDLL(None, use_errno=True)
    refused = calls.numbers(os.uname().machine)
    let = [name for name, number in refused.items() if library.syscall(number, 0, 0, 0, 0, 0, 0) != -1]
    told = [name for name, number in refused.items() if name not in let and _error(library, number) != errno.EPERM]
    return f"{len(refused)} {let} {told}"


def _error(library: ctypes.CDLL, number: int) -> int:
    library.syscall(number, 0, 0, 0, 0, 0, 0)
    return ctypes.get_errno()


def _garbage() -> object:
    with socket.socket(fileno=os.dup(int(sys.argv[1]))) as wire:
        wire.sendall(b"\xff\xff\xff\xff" + b"x" * 100)
    return None


def _lie() -> object:
    with socket.socket(fileno=os.dup(int(sys.argv[1]))) as wire:
        wire.sendall(len(_LIE).to_bytes(4) + _LIE)
    time.sleep(600)
    return None


_LIE = b'{"error": "SystemExit", "sentence": "a\\nb"}'
_words: list[str] = []
TRIALS: dict[str, Callable[[], object]] = {
    "network": _network, "write": _write, "delete": _delete, "read": _read, "start": _start, "signal": _signal,
    "root": _root, "memory": _memory, "spin": _spin, "sleep": _sleep, "die": _die, "noise": _noise,
    "limits": _limits, "many_files": _many_files, "garbage": _garbage, "lie": _lie, "calls": _calls,
}  # fmt: skip


def attempt(data: bytes) -> None:
    """Do what a file that begins with TRY asks; others are films."""
    if not data.startswith(b"TRY "):
        return
    _words[:] = data.decode().split()[1:]
    try:
        outcome = f"done: {TRIALS[_words[0]]()}"
    except MemoryError:
        raise
    except Exception as error:
        outcome = f"failed: {type(error).__name__}"
    raise UnreadableFilm(outcome)


if __name__ == "__main__":
    worker.main(attempt)
