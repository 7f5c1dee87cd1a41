"""Words between the server and a worker: short JSON messages over a socket, bytes and pixels in anonymous memory.

Nothing is unpickled, and the server believes nothing that a worker says before it is checked here: a stranger's file
may have taken the worker over.
"""

import contextlib
import fcntl
import json
import mmap
import os
import socket
import tempfile
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from lofi.errors import LofiError, NotAChestFilm, UnreadableFilm
from lofi.film.exposure import Exposure
from lofi.film.origin import Origin, Patient

MOST = 2**16
"""Longest message in bytes."""
ERRORS: Mapping[str, type[LofiError]] = {kind.__name__: kind for kind in (UnreadableFilm, NotAChestFilm, LofiError)}
_UNFIT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ADD_SEALS, _SEAL_SIZE, _SEAL_WRITE = 1033, 2 | 4, 8

Message = dict[str, Any]


class Garbled(Exception):
    """The other side is gone, or what it said is no message."""


def send(wire: socket.socket, message: Message, *descriptors: int) -> None:
    """One message, with open files."""
    body = json.dumps(message).encode("ascii")
    head = len(body).to_bytes(4)
    if descriptors:
        socket.send_fds(wire, [head], list(descriptors))
        wire.sendall(body)
    else:
        wire.sendall(head + body)


def receive(wire: socket.socket, deadline: float | None = None) -> Message:
    """One message. Raises Garbled where none comes, TimeoutError after the deadline (``time.monotonic``)."""
    return _parsed(wire, _exactly(wire, 4, deadline), deadline)


def receive_with_files(wire: socket.socket) -> tuple[Message, list[int]]:
    """One message and the open files that came with it; the worker's side, which trusts the server."""
    head, descriptors, _, _ = socket.recv_fds(wire, 4, 2)
    head += _exactly(wire, 4 - len(head), None) if head else b""
    return _parsed(wire, head, None), descriptors


def _parsed(wire: socket.socket, head: bytes, deadline: float | None) -> Message:
    length = int.from_bytes(head)
    if len(head) != 4 or length > MOST:
        raise Garbled
    try:
        message = json.loads(_exactly(wire, length, deadline))
    except (ValueError, RecursionError):
        raise Garbled from None
    if not isinstance(message, dict):
        raise Garbled
    return message


def _exactly(wire: socket.socket, count: int, deadline: float | None) -> bytes:
    got = b""
    while len(got) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            wire.settimeout(left)
        part = wire.recv(count - len(got))
        if not part:
            raise Garbled
        got += part
    return got


def anonymous(size: int) -> int:
    """An open file of this many bytes that has no name: memory on Linux, else a temporary file."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("film", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def room_for(pixels: int) -> int:
    """An anonymous file for float32 pixels, whose size nobody can change where the system lets one say so."""
    descriptor = anonymous(4 * pixels)
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_SIZE)
    return descriptor


def filled(data: bytes) -> int:
    """An anonymous file with this content, to be read from its start."""
    descriptor = anonymous(0)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def content(descriptor: int) -> bytes:
    """All bytes of an open file, which is closed."""
    with open(descriptor, "rb") as file:
        return file.read()


def put_pixels(descriptor: int, pixels: NDArray[np.float32]) -> None:
    """Write (H, W) pixels to the start of an open file, through a mapping: no size limit applies to it."""
    with mmap.mmap(descriptor, os.fstat(descriptor).st_size) as mapped:
        place: NDArray[np.float32] = np.frombuffer(mapped, dtype=np.float32, count=pixels.size)
        np.copyto(place.reshape(pixels.shape), pixels)
        del place  # a mapping cannot be closed while an array looks at it


def take_pixels(descriptor: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The (H, W) pixels in an open file, read-only; the memory is shared, not copied, once nobody can write to it.

    The file was made here and must be long enough. A worker that still holds a writable mapping would change the film
    under its reader: then the kernel refuses the seal, and a copy is made.
    """
    count = shape[0] * shape[1]
    try:
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_WRITE)
        sealed = True
    except OSError:
        sealed = False
    mapped = mmap.mmap(descriptor, 4 * count, prot=mmap.PROT_READ)
    pixels: NDArray[np.float32] = np.frombuffer(mapped, dtype=np.float32, count=count)
    if not sealed:
        pixels = pixels.copy()
        pixels.flags.writeable = False
    return pixels.reshape(shape)


def exposure_out(exposure: Exposure, flags: tuple[str, ...]) -> Message:
    """All of an exposure but its pixels."""
    names = ("bits", "kind", "view", "spacing_mm", "ends")
    told = {name: getattr(exposure, name) for name in names}
    return {**told, "shape": exposure.pixels.shape, "tags": dict(exposure.tags), "flags": flags}


def shape_of(message: Message, most: int) -> tuple[int, int]:
    """(H, W) of at most ``most`` pixels. Raises Garbled."""
    shape = message.get("shape")
    if not _numbers(shape, int, 2) or min(shape) < 1 or shape[0] * shape[1] > most:
        raise Garbled
    return shape[0], shape[1]


def fields_of(message: Message) -> dict[str, Any]:
    """The fields of a Radiograph but its pixels and its hash. Raises Garbled for anything of a wrong type."""
    bits, spacing, ends, tags = (message.get(name) for name in ("bits", "spacing_mm", "ends", "tags"))
    flags = message.get("flags")
    good = (
        _numbers([bits], int, 1)
        and (spacing is None or _numbers(spacing, float, 2))
        and (ends is None or _numbers(ends, int, 2))
        and isinstance(tags, dict)
        and isinstance(flags, list)
        and all(map(_short, [message.get("kind"), message.get("view"), *flags, *tags, *tags.values()]))
    )
    if not good:
        raise Garbled
    return {
        "bits": bits,
        "kind": message["kind"],
        "view": message["view"],
        "spacing_mm": None if spacing is None else tuple(map(float, spacing)),
        "ends": None if ends is None else tuple(ends),
        "tags": tags,
        "flags": tuple(flags or ()),
    }


def origin_out(origin: Origin | None) -> Message | None:
    """An origin as JSON; it travels between two processes of one machine and is kept nowhere on its way."""
    return None if origin is None else asdict(origin)


def origin_in(message: Any, sha256: str) -> Origin | None:
    """The origin again, of the film with this hash. Raises Garbled."""
    if message is None:
        return None
    if not isinstance(message, dict):
        raise Garbled
    patient, size_hw = message.pop("patient", None), message.pop("size_hw", None)
    message.pop("film", None)
    good = isinstance(patient, dict) and _numbers(size_hw, int, 2)
    if not good or not all(map(_short, [*message.values(), *patient.values()])):
        raise Garbled
    try:
        return Origin(film=sha256, size_hw=(size_hw[0], size_hw[1]), patient=Patient(**patient), **message)
    except TypeError:
        raise Garbled from None


def error_out(error: LofiError) -> Message:
    """A refusal by its nearest known class."""
    kind = next(kind for kind in type(error).__mro__ if kind.__name__ in ERRORS)
    return {"error": kind.__name__, "sentence": str(error)}


def error_in(message: Message) -> LofiError:
    """The refusal again. Raises Garbled where it is none."""
    kind, sentence = message.get("error"), message.get("sentence")
    if not isinstance(kind, str) or kind not in ERRORS or not _short(sentence) or not sentence:
        raise Garbled
    return ERRORS[kind](sentence)


def _short(text: Any) -> bool:
    """Whether this is a text without control characters and line ends, 500 characters at most."""
    return isinstance(text, str) and len(text) <= 500 and not _UNFIT & {*map(unicodedata.category, text)}


def _numbers(values: Any, kind: type, count: int) -> TypeGuard[list[Any]]:
    """Whether this is a list of ``count`` numbers of moderate size; whole numbers pass as float."""
    kinds = (int, float) if kind is float else (kind,)
    return (
        isinstance(values, list)
        and len(values) == count
        and all(type(value) in kinds and abs(value) < 2**40 for value in values)
    )
