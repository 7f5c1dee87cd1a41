"""One file after the other, as a worker reads it: its claim out, then its film or one sentence."""

import os
import socket
from collections.abc import Callable
from typing import Any

from lofi.errors import LofiError, UnreadableFilm
from lofi.film import confine
from lofi.film.origin import read_origin
from lofi.film.radiograph import claimed_pixels, exposed, flags_of
from lofi.film.wire import content, error_out, exposure_out, origin_out, put_pixels, receive_with_files, send

SECONDS = 10
"""Processor time for one film; the largest that are allowed take four."""
LARGE = 4_000_000
"""Pixels from which on the allocator gives its memory back after a film."""
NO_MEMORY = "This film needs more memory to be decoded than is allowed: scale it down, or export it uncompressed."
UNFORESEEN = "The film could not be decoded, for a reason that was not foreseen: export it again in another format."

Look = Callable[[bytes], None]


def serve_one(wire: socket.socket, before: Look) -> None:
    """One file: its claim out, and where the server agrees its film."""
    _, (file,) = receive_with_files(wire)
    confine.allow_seconds(SECONDS)
    rooms: list[int] = []
    claim = 0
    try:
        data = content(file)
        before(data)
        claim = claimed_pixels(data)
        send(wire, {"claim": claim})
        _, rooms = receive_with_files(wire)
        if not rooms:
            return  # not now: the server sends the file again when it is this film's turn
        answer = _film(data, claim, rooms[0])
    except LofiError as error:
        answer = error_out(error)
    except MemoryError:
        answer = error_out(UnreadableFilm(NO_MEMORY))
    except Exception:
        answer = error_out(UnreadableFilm(UNFORESEEN))
    for room in rooms:
        os.close(room)
    send(wire, answer)
    if claim > LARGE:
        data = b""
        confine.trim()


def _film(data: bytes, claim: int, room: int) -> dict[str, Any]:
    """The film's pixels in ``room``, what else is known of it as an answer."""
    exposure = exposed(data)
    if exposure.pixels.size > claim:
        raise UnreadableFilm("The image is larger than its header says: export it again.")
    put_pixels(room, exposure.pixels)
    return {"film": exposure_out(exposure, flags_of(exposure)), "origin": origin_out(read_origin(data))}
