"""What the app holds, while it is still being loaded."""

import asyncio
from pathlib import Path

import pytest

from lofi.settings import Settings
from lofi.ui.holdings import Holdings
from tests.ui.built import run


def test_a_page_that_is_closed_while_the_model_loads_spoils_it_for_nobody(tmp_path: Path) -> None:
    """Its question was cancelled, and with it the future that all others wait for: the app never became ready."""
    held = Holdings(Settings(reviews=str(tmp_path)))

    async def leave() -> None:
        waiting = asyncio.create_task(held.loaded())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(leave())
    assert not held._engine.cancelled()
    assert not held._examples.cancelled()
