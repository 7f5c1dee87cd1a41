"""The page's questions over HTTP: ``POST lofi/ask/<question>``, JSON in, lines of JSON out.

While a question waits for its turn, each line says so: ``{"waiting": 12, "seconds": 8.5}``. The last line is the
answer. Who closes the page cuts the connection, and a question that still waits leaves the queue with it.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from lofi.answers import Answer
from lofi.archive import AT_ONCE as ARCHIVE_AT_ONCE
from lofi.errors import LofiError
from lofi.ui.asked import Asked
from lofi.ui.body import json_object
from lofi.ui.boundary import sentence
from lofi.ui.caller import caller
from lofi.ui.holdings import Holdings
from lofi.ui.page_answers import Question, answered
from lofi.ui.turns import Turns

MAX_BODY = 2**18
"""Bytes of a question; a pasted report and a long list of studies are the longest."""
AT_ONCE = 2
"""Questions that run the model at the same time; more would only make each of them slower."""
PATIENCE, TOLD_EVERY = 0.4, 1.0
"""Seconds after which a waiting question tells its place first, and from then on."""
MODEL = frozenset({"similar", "ground", "heat_map", "describe", "draft", "suggest", "neighbour", "export_case"})
"""Questions that run the model, and so take turns."""
ARCHIVE = frozenset({"archive_search", "archive_study", "archive_film", "archive_send"})
"""Questions that wait for the picture archive, and take turns of their own: one that is slow holds up nobody else."""
LONG = frozenset({"draft", "suggest", "neighbour", "export_case"})
"""Those that run it several times over. So does any question about a film that is not encoded yet."""
DESK = "X-Lofi-Desk"
"""A word that each open page makes up: whose turn it is, and whose films are held. It proves nothing of anybody."""


def asking_route(holdings: Holdings, questions: tuple[Question, ...]) -> APIRouter:
    """The route for ``questions``, each known by the name of its function."""
    router = APIRouter(prefix="/lofi", include_in_schema=False)
    lanes = {**dict.fromkeys(MODEL, Turns(AT_ONCE)), **dict.fromkeys(ARCHIVE, Turns(ARCHIVE_AT_ONCE))}
    named = {question.__name__: question for question in questions}

    @router.post("/ask/{name}")
    async def ask(name: str, request: Request) -> Response:
        question = named.get(name)
        if question is None:
            return JSONResponse({"error": "The page asked in a way that is not known here: reload it."}, 404)
        try:
            asked = Asked(await json_object(request, MAX_BODY), desk_of(request))
        except ClientDisconnect:
            return Response(status_code=400)
        except LofiError as error:
            return JSONResponse({"error": sentence(error)}, 400)
        lines = _lines(holdings, lanes.get(name), question, asked)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})

    return router


def desk_of(request: Request) -> str:
    """Who asks: the user that is logged in, else the word of the page, else the address that it comes from."""
    word, who = request.headers.get(DESK, ""), caller()
    return who.user or (word if re.fullmatch(r"[\w-]{8,64}", word) else who.address)


def _takes_long(holdings: Holdings, name: str, asked: Asked) -> bool:
    film = asked.values.get("film")
    return name in LONG or (
        name in MODEL and isinstance(film, str) and holdings.ready and not holdings.engine.has_encoded(film)
    )


async def _lines(holdings: Holdings, turns: Turns | None, question: Question, asked: Asked) -> AsyncIterator[str]:
    await holdings.loaded()
    if turns is None:
        yield _line(await run_in_threadpool(answered, question, asked))
        return
    ticket, working = turns.ask(asked.desk, _takes_long(holdings, question.__name__, asked)), None
    try:
        wait = PATIENCE
        while not await ticket.within(wait):
            if place := turns.place(ticket):  # the turn may have come since
                yield _line({"waiting": place, "seconds": round(turns.seconds(ticket), 1)})
            wait = TOLD_EVERY
        # A thread cannot be stopped: the turn is kept until it ends, also when nobody waits for its answer.
        working = asyncio.ensure_future(run_in_threadpool(answered, question, asked))
        working.add_done_callback(lambda _: turns.give_back(ticket))
        answer = await asyncio.shield(working)
    finally:
        if working is None:
            turns.give_back(ticket)
    yield _line(answer)


def _line(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False) + "\n"
