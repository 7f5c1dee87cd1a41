"""The application built inside a test's own process."""

import asyncio

from fastapi import FastAPI

from lofi.settings import Settings
from lofi.ui.server import application


def built(settings: Settings) -> FastAPI:
    """Built inside a loop: outside one, Gradio makes a loop that nobody closes."""

    async def build() -> FastAPI:
        return application(settings)

    return asyncio.run(build())
