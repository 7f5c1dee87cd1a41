"""One file after the other, as a worker reads it: its claim out, then its film or one sentence."""

import os
import socket
from collections.abc import Callable
from typing import Any

from lofi.errors import LofiError, UnreadableFilm
from lofi.film import allocator, confine
from lofi.film.bay import Bay, content, put_film
from lofi.film.elements import inflating_once
from lofi.film.origin import read_origin
from lofi.film.radiograph import claimed_pixels, exposed
from lofi.film.wire import arrays_out, error_out, exposure_out, origin_out, receive_with_files, send

SECONDS = 10
"""Processor time for one film; the largest that are allowed take four."""
LARGE = 8_000_000
"""Pixels from which on the allocator gives its memory back after a film."""
NO_MEMORY = "This film needs more memory to be decoded than is allowed: scale it down, or export it uncompressed."
UNFORESEEN = "The film could not be decoded, for a reason that was not foreseen: export it again in another format."

Look = Callable[[bytes], None]


def serve_one(wire: socket.socket, bay: Bay, before: Look) -> None:
    """One file: its claim out, and where the server agrees its film."""
    asked, files = receive_with_files(wire)
    confine.allow_seconds(SECONDS)
    rooms: list[int] = []
    claim = 0
    try:
        data = content(files[0]) if files else bay.take(asked["length"])
        before(data)
        with inflating_once():
            claim = claimed_pixels(data)
            send(wire, {"claim": claim})
            told, rooms = receive_with_files(wire)
            if not told["go"]:
                return  # not now: the server sends the file again when it is this film's turn
            answer = _film(data, claim, bay, rooms)
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
        allocator.trim()


def _film(data: bytes, claim: int, bay: Bay, rooms: list[int]) -> dict[str, Any]:
    """The film's arrays in the room that came for it, else in the bay; what else is known of it as an answer."""
    exposure = exposed(data)
    if exposure.pixels.size > claim:
        raise UnreadableFilm("The image is larger than its header says: export it again.")
    arrays = arrays_out(exposure)
    if rooms:
        put_film(rooms[0], arrays)
    else:
        bay.put_film(arrays)
    return {"film": exposure_out(exposure), "origin": origin_out(read_origin(data))}
