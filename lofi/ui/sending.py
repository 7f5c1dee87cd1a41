"""Films sent by the page: raw bytes in a request's body, kept in memory only, read and forgotten."""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from lofi.answers import Answer
from lofi.errors import LofiError, UnreadableFilm
from lofi.film.cage import Ticket
from lofi.film.exposure import MAX_BYTES
from lofi.film.jobs import Reading
from lofi.ui.asking import desk_of
from lofi.ui.audit import noted
from lofi.ui.boundary import sentence
from lofi.ui.caller import caller
from lofi.ui.coming import Coming
from lofi.ui.holdings import Holdings
from lofi.ui.page_answers import opened

BYTES = "application/octet-stream"
SILENCE, WHOLE = 30.0, 900.0
"""Seconds without a byte, and for a whole film."""


def sending_route(holdings: Holdings) -> APIRouter:
    """``POST lofi/open``: a film's bytes in, its card out."""
    router, coming = APIRouter(prefix="/lofi", include_in_schema=False), Coming()

    @router.post("/open")
    async def take(request: Request) -> JSONResponse:
        # A foreign page cannot send this type without asking first, and is refused then.
        if request.headers.get("content-type") != BYTES:
            return JSONResponse({"error": f"A film is sent as {BYTES}."}, 415)
        try:
            with coming.body(caller().name) as counted:
                data = await _body(request, counted)
            with noted("open") as film, holdings.cage.send(data) as ticket:
                reading = await _unless_gone(request, ticket)
                film(reading.film.sha256)
                return JSONResponse(await run_in_threadpool(take_in, holdings, reading, data, desk_of(request)))
        except ClientDisconnect:
            return JSONResponse({"error": "The film did not arrive whole: send it again."}, 400)
        except Exception as error:
            return JSONResponse({"error": sentence(error)}, 400 if isinstance(error, LofiError) else 500)

    return router


def take_in(holdings: Holdings, reading: Reading, data: bytes, desk: str) -> Answer:
    """Hold a film that was read, for the desk that it is for; of a DICOM file, what ties exports and priors to it."""
    answer = opened(holdings, reading.film, desk, data)
    if reading.origin is None:
        return answer
    return {**answer, "pass": holdings.keep_origin(reading.origin), "same": holdings.sameness.of(reading.origin)}


async def _unless_gone(request: Request, ticket: Ticket) -> Reading:
    """The film; nobody's turn is spent on one whose sender has left. Raises ClientDisconnect then."""
    film, gone = asyncio.ensure_future(ticket.reading()), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({film, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not film.done():
            raise ClientDisconnect
        return film.result()
    finally:
        film.cancel()
        gone.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request, counted: Callable[[int], None]) -> bytes:
    """The whole body. Raises UnreadableFilm as soon as it is longer than any film, Busy where too much is on its way.

    Each part has to come within ``SILENCE``, and the whole within ``WHOLE``: who stops sending holds no memory.
    """
    announced = request.headers.get("content-length", "")
    data, parts = bytearray(), request.stream()
    too_long = announced.isdigit() and int(announced) > MAX_BYTES
    try:
        async with asyncio.timeout(WHOLE):
            while not too_long:
                async with asyncio.timeout(SILENCE):
                    part = await anext(parts, None)
                if part is None:
                    return bytes(data)
                counted(len(part))
                data += part
                too_long = len(data) > MAX_BYTES
    except TimeoutError:
        raise UnreadableFilm("The film did not arrive in time: send it again.") from None
    raise UnreadableFilm(f"A film may have {MAX_BYTES // 2**20} MB at most.")
