"""Words between the server and a worker: short JSON messages over a socket; bytes and pixels go by lofi.film.bay.

Nothing is unpickled, and the server believes nothing that a worker says before it is checked here: a stranger's file
may have taken the worker over.
"""

import json
import socket
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any, TypeGuard

from numpy.typing import NDArray

from lofi.errors import LofiError, NotAChestFilm, UnreadableFilm
from lofi.film.bay import Shape
from lofi.film.exposure import Exposure
from lofi.film.greys import MOST_CURVES, Greys, Look
from lofi.film.origin import Origin, Patient
from lofi.film.turn import Turn

MOST = 2**16
"""Longest message in bytes."""
ERRORS: Mapping[str, type[LofiError]] = {kind.__name__: kind for kind in (UnreadableFilm, NotAChestFilm, LofiError)}
_UNFIT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

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


def exposure_out(exposure: Exposure) -> Message:
    """What a Radiograph has of an exposure but its pixels."""
    names = ("bits", "kind", "view", "spacing_mm", "spacing_at", "ends", "flags", "oriented")
    told = {name: getattr(exposure, name) for name in names}
    told |= {"shape": exposure.pixels.shape, "tags": dict(exposure.tags), "turn": astuple(exposure.turn)}
    return {**told, "greys": _greys_out(exposure.greys)}


def arrays_out(exposure: Exposure) -> list[NDArray[Any]]:
    """What goes beside the message: pixels; then, where there are any, stored values and curves."""
    greys = exposure.greys
    more = [] if greys is None or greys.stored is None or greys.curves is None else [greys.stored, greys.curves]
    return [exposure.pixels, *more]


def shapes_of(message: Message, most: int) -> list[Shape]:
    """Of the arrays of a film of at most ``most`` pixels. Raises Garbled."""
    shape, greys = message.get("shape"), message.get("greys")
    if not _numbers(shape, int, 2) or min(shape) < 1 or shape[0] * shape[1] > most:
        raise Garbled
    curves = greys.get("curves") if isinstance(greys, dict) else None
    if curves is None:
        return [("f4", (shape[0], shape[1]))]
    if not _numbers(curves, int, 2) or not (0 < curves[0] <= MOST_CURVES and 0 < curves[1] <= 2**16):
        raise Garbled
    return [("f4", (shape[0], shape[1])), ("u2", (shape[0], shape[1])), ("u2", (curves[0], curves[1]))]


def _greys_out(greys: Greys | None) -> Message | None:
    if greys is None:
        return None
    curves = None if greys.curves is None else greys.curves.shape
    return {"unit": greys.unit, "line": greys.line, "looks": greys.looks, "curves": curves}


def greys_in(message: Any, arrays: Sequence[NDArray[Any]]) -> Greys | None:
    """Values and looks again, with the ``arrays`` that came beside them. Raises Garbled."""
    if message is None:
        return None
    if not isinstance(message, dict):
        raise Garbled
    line, looks, unit = message.get("line"), message.get("looks"), message.get("unit")
    straight = _numbers(line, float, 2)
    good = (
        (straight or (line is None and bool(arrays)))
        and _short(unit)
        and isinstance(looks, list)
        and all(isinstance(look, list) and len(look) == 2 and _short(look[0]) for look in looks)
        and all(look[1] is None or _numbers(look[1], float, 2) for look in looks)
        and len(looks) == (len(arrays[1]) - (not straight) if arrays else 0)
        and (not arrays or int(arrays[0].max()) < arrays[1].shape[1])
    )
    if not good or not isinstance(looks, list) or not isinstance(unit, str):
        raise Garbled
    named = tuple(Look(name, None if ends is None else (ends[0], ends[1])) for name, ends in looks)
    return Greys(unit, None if line is None else (line[0], line[1]), named, *arrays)


def fields_of(message: Message) -> dict[str, Any]:
    """The fields of a Radiograph but its pixels and its hash. Raises Garbled for anything of a wrong type."""
    bits, spacing, ends, tags = (message.get(name) for name in ("bits", "spacing_mm", "ends", "tags"))
    flags, turn = message.get("flags"), message.get("turn")
    texts = [message.get(name) for name in ("kind", "view", "spacing_at")]
    good = (
        _numbers([bits], int, 1)
        and (spacing is None or _numbers(spacing, float, 2))
        and (ends is None or _numbers(ends, int, 2))
        and isinstance(tags, dict)
        and isinstance(flags, list)
        and isinstance(turn, list)
        and [type(step) for step in (*turn, message.get("oriented"))] == [bool] * 4
        and all(map(_short, [*texts, *flags, *tags, *tags.values()]))
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
        "spacing_at": message["spacing_at"],
        "turn": Turn(*(turn or ())),
        "oriented": message["oriented"],
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
