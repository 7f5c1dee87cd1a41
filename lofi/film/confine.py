"""What a worker gives up before it sees a stranger's bytes. Linux has all of it; elsewhere the limits alone are kept.

In this order, each step only where the kernel lets one, none of them fatal: a network and a mount table of its own
(``detach``, while the process still has one thread), then after everything is imported (``lock_down``) read-only
mounts, Landlock (no writing anywhere, no reading but of Python itself, no TCP), the user nobody where it was root, no
capabilities, no new ones, limits, death with its parent, and the system calls of lofi.film.calls.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lofi.film import calls

MEMORY = 3 * 2**29
"""Bytes of address space (1.5 GB) beyond the 0.4 GB that an idle worker has mapped, most of it libraries. The largest
grey films allowed, 89 megapixels of 16 bits, take 1.1 GB as PNG, DICOM, JPEG-LS or RLE; colour images beyond about 80
megapixels need more and are refused in words."""
OPEN_FILES = 16
NOBODY = 65_534

_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x20000, 0x0800_0000, 0x1000_0000, 0x4000_0000
_RECURSIVE_PRIVATE, _READ_ONLY, _AT_RECURSIVE, _HERE = 1 << 14 | 1 << 18, 1, 0x8000, -100
_MOUNT_SETATTR, _CREATE_RULES, _ADD_RULE, _RESTRICT = 442, 444, 445, 446
_DEATH_SIGNAL, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_TCP, _SCOPES = 0b11, 0b11


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


class _Rules(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scopes")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


class _CapabilityHead(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("process", ctypes.c_int)]


def detach() -> bool:
    """Leave the network and share no mounts; whether it could. Call it before any thread is started."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError):  # where memory runs out, a worker goes before the server
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")
    own = _NEW_NETWORK | _NEW_MOUNTS | _NEW_IPC
    return _done("unshare", own if os.geteuid() == 0 else own | _NEW_USER)


def lock_down(parent: int, detached: bool, readable: Sequence[Path]) -> dict[str, str]:
    """Give up all that decoding does not need; what holds now, by name. ``readable`` are folders of code."""
    mapped = _mapped()  # later /proc is closed
    held = {"network": "own" if detached else "shared", "files": "shared", "user": "same"}
    if sys.platform == "linux":
        if detached and _read_only():
            held["files"] = "read-only"
        _done("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if rules := _landlock(readable):
            held["files"] = "closed"
            if not detached and rules >= 4:
                held["network"] = "no TCP"
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        held["user"] = "nobody"
    _limits(mapped)
    if sys.platform == "linux":
        _done("capset", ctypes.byref(_CapabilityHead(0x2008_0522, 0)), ctypes.byref((ctypes.c_uint32 * 6)()))
        _done("prctl", _DUMPABLE, 0, 0, 0, 0)
        # Last, because a change of user takes it back; a parent that died before is noticed by its number.
        _done("prctl", _DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    held["calls"] = "filtered" if calls.refuse() else "all"
    if os.getppid() != parent:
        os._exit(1)
    return held


def allow_seconds(seconds: int) -> None:
    """End this process (SIGXCPU) once it has used this much more processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, most))


def _limits(mapped: int | None) -> None:
    nothing = ["RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"]
    limits = dict.fromkeys(nothing, 0) | {"RLIMIT_NOFILE": OPEN_FILES}
    if mapped is not None:
        limits["RLIMIT_AS"] = mapped + MEMORY
    for name, most in limits.items():
        if hasattr(resource, name):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (most, most))


def _mapped() -> int | None:
    """Bytes of address space in use; None where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return None


def _read_only() -> bool:
    change = _MountAttributes(_READ_ONLY, 0, 0, 0)
    return _done("mount", b"none", b"/", None, ctypes.c_ulong(_RECURSIVE_PRIVATE), None) and _done(
        "syscall", _MOUNT_SETATTR, _HERE, b"/", _AT_RECURSIVE, ctypes.byref(change), ctypes.sizeof(change)
    )


def _landlock(readable: Sequence[Path]) -> int:
    """Allow reading below some folders and nothing else of the file system; the kernel's version of it, 0 for none."""
    version = _value("syscall", _CREATE_RULES, None, 0, 1)
    if version < 1:
        return 0
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    wanted = _Rules(files, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _value("syscall", _CREATE_RULES, ctypes.byref(wanted), size, 0)
    if rules < 0:
        return 0
    for folder in readable:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            beneath = _Beneath(_READ_FILE | _READ_FOLDER, descriptor)
            _done("syscall", _ADD_RULE, rules, 1, ctypes.byref(beneath), 0)
            os.close(descriptor)
    held = _done("syscall", _RESTRICT, rules, 0)
    os.close(rules)
    return version if held else 0


def _value(name: str, *arguments: Any) -> int:
    """What a function of the C library returns, −1 where there is no such function."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError):
        return -1
    return int(function(*arguments))


def _done(name: str, *arguments: Any) -> bool:
    return _value(name, *arguments) == 0
