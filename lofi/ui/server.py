"""The web application: page and API at the root, pictures below ``lofi/``, nothing else left open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Response
from gradio.utils import get_upload_folder
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lofi.film.exposure import MAX_BYTES
from lofi.settings import Settings
from lofi.ui.holdings import Holdings
from lofi.ui.modules import STYLES, module_routes
from lofi.ui.page import page
from lofi.ui.pictures import routes
from lofi.ui.sending import sending_route
from lofi.ui.study import study_routes
from lofi.ui.theme import theme
from lofi.ui.upload import sweep, upload_route
from lofi.ui.uploads import Uploads

_CLOSED = ("/gradio_api/deep_link", "/gradio_api/runs", "/monitoring")
"""Gradio's routes that write a session to disk or show who asked what."""


def application(settings: Settings) -> FastAPI:
    """The app, ready for an ASGI server; its engine goes on loading in the background."""
    holdings, uploads = Holdings(settings), Uploads(Path(get_upload_folder()))
    blocks = page(holdings, uploads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        holdings.start()  # only now: importing torch beside gradio would delay the first byte of the page
        sweeping = asyncio.create_task(sweep(uploads, blocks))
        yield
        sweeping.cancel()

    app = FastAPI(title="LoFi", openapi_url=None, lifespan=lifespan)
    app.include_router(routes(holdings))
    app.include_router(sending_route(holdings))
    app.include_router(upload_route(uploads))
    app.include_router(module_routes())
    app.include_router(study_routes(holdings))
    app.add_middleware(_Guard)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        theme=theme(),
        css_paths=STYLES,
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


class _Guard:
    """Closes routes and adds headers. Plain ASGI: streamed answers pass through as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        if scope["type"] == "http" and scope["path"].rstrip("/").endswith(_CLOSED):
            await Response(status_code=404)(scope, receive, send)
        else:
            await self.app(scope, receive, send_with_headers)
