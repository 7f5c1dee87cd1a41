"""The web application: page and API at the root, pictures below ``lofi/``, nothing else left open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from gradio.utils import get_upload_folder

from lofi.film.allocator import trim
from lofi.film.exposure import MAX_BYTES
from lofi.settings import Settings
from lofi.ui.api import blocks_of
from lofi.ui.archive import archive_of
from lofi.ui.asking import asking_route
from lofi.ui.audit import audit_to
from lofi.ui.guard import Door, Guard
from lofi.ui.health import health_routes
from lofi.ui.holdings import Holdings
from lofi.ui.login_page import login_routes
from lofi.ui.modules import module_routes
from lofi.ui.oauth_page import oauth_routes
from lofi.ui.page import page_route, questions
from lofi.ui.pictures import routes
from lofi.ui.sending import sending_route
from lofi.ui.study import study_routes
from lofi.ui.upload import sweep, upload_route
from lofi.ui.uploads import Uploads

GIVE_BACK_EVERY = 30.0
"""Seconds. Films and activations of several megabytes leave holes in the allocator's heap: with 25 films a minute a
server had kept 2.6 GB after forty minutes of which it used 1.8."""


async def give_memory_back() -> None:
    """Hand what the allocator keeps for later back to the system, again and again."""
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY)
        await run_in_threadpool(trim)


def application(settings: Settings) -> FastAPI:
    """The app, ready for an ASGI server; its engine goes on loading in the background.

    Raises LofiError where a setting cannot be used.
    """
    door = Door.of(settings)
    audit_to(settings.audit)
    holdings, uploads = Holdings(settings, archive_of(settings)), Uploads(Path(get_upload_folder()))
    blocks = blocks_of(holdings, uploads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        holdings.start()  # only now: importing torch beside gradio would delay the first byte of the page
        tidying = (asyncio.create_task(sweep(uploads, blocks)), asyncio.create_task(give_memory_back()))
        yield
        for task in tidying:
            task.cancel()
        holdings.close()

    app = FastAPI(
        title="LoFi", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan
    )
    app.include_router(page_route(settings))
    app.include_router(routes(holdings))
    app.include_router(sending_route(holdings))
    app.include_router(asking_route(holdings, questions(holdings)))
    if settings.api_is_on:
        app.include_router(upload_route(uploads))
    app.include_router(module_routes())
    app.include_router(study_routes(holdings))
    app.include_router(health_routes(lambda: holdings.ready, door.metrics))
    app.include_router(login_routes(door.login, settings.root_path))
    app.include_router(oauth_routes(door.login, settings.root_path))
    app.add_middleware(Guard, settings=settings, door=door)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        max_file_size=MAX_BYTES,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        footer_links=[],
    )
    return app
