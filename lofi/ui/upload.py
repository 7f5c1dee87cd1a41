"""Films sent to the API: Gradio's route for uploads replaced by one of ours, and a file input that hands over bytes."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import gradio as gr
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from lofi.errors import LofiError, UnreadableFilm
from lofi.film.exposure import MAX_BYTES
from lofi.ui.boundary import sentence
from lofi.ui.uploads import Uploads

MOST_FILES = 8
_FRAME = 2**16
"""What a multipart body may have around its files."""


def film_upload(uploads: Uploads, **arguments: Any) -> gr.File:
    """A ``gr.File`` whose functions receive bytes; the upload is deleted as soon as it has been read.

    Only the one method is replaced: Gradio writes a stub file beside the module of every component subclass.
    """

    def take(payload: Any) -> bytes | None:
        return None if payload is None else uploads.take(payload.path)

    component = gr.File(**arguments)
    component.preprocess = take
    return component


def upload_route(uploads: Uploads) -> APIRouter:
    """``POST gradio_api/upload``, in Gradio's words: files in, their paths out.

    Gradio's own would write each under the name that its sender gave it, and that may be a patient's.
    """
    router = APIRouter(prefix="/gradio_api", include_in_schema=False)

    @router.post("/upload")
    async def upload(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await _received(request, uploads))
        except (MultiPartException, ClientDisconnect, KeyError, AssertionError, UnicodeError):
            return JSONResponse({"error": "The film did not arrive whole: send it again."}, 400)
        except Exception as error:
            return JSONResponse({"error": sentence(error)}, 413 if isinstance(error, LofiError) else 500)

    return router


async def sweep(uploads: Uploads, blocks: gr.Blocks, every: float = 5.0) -> None:
    """Remove, again and again, what no call names; a call that waits in the queue has named its film already."""
    while True:
        await asyncio.sleep(every)
        await run_in_threadpool(uploads.sweep, named(blocks))


def named(blocks: gr.Blocks) -> set[str]:
    """The paths in all calls that wait or run."""
    events = tuple(blocks._queue.event_ids_to_events.values())
    values = [value for event in events if event.data is not None for value in event.data.data]
    return {value["path"] for value in values if isinstance(value, dict) and isinstance(value.get("path"), str)}


async def _received(request: Request, uploads: Uploads) -> list[str]:
    parser = MultiPartParser(request.headers, _measured(request), max_files=MOST_FILES, max_fields=MOST_FILES)
    form = await parser.parse()  # parts beyond a megabyte lie in files without a name
    try:
        sent = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
        return [await run_in_threadpool(uploads.keep, part.file) for part in sent]
    finally:
        await form.close()


async def _measured(request: Request) -> AsyncGenerator[bytes, None]:
    """The body. Raises UnreadableFilm as soon as it is longer than any film."""
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_BYTES + _FRAME:
            raise UnreadableFilm(f"A film may have {MAX_BYTES // 2**20} MB at most.")
        yield part
