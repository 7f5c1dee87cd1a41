"""The application built inside a test's own process, and coroutines run whatever else runs there."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import FastAPI

from lofi.settings import Settings
from lofi.ui.server import application

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """A coroutine in a thread of its own: Playwright's loop runs in the main one once a browser was opened."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def built(settings: Settings) -> FastAPI:
    """Built inside a loop: outside one, Gradio makes a loop that nobody closes."""

    async def build() -> FastAPI:
        return application(settings)

    return run(build())
