"""What is different in a Hugging Face Space, told by the variables that every Space sets. Nothing is imported for it.

A Space is a container behind its host's proxy, shown inside a frame, used by strangers; its disk is wiped at each
restart unless storage is attached. On ZeroGPU a graphics card is lent to single calls only (``with_lent_gpu``).
"""

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar

STORAGE = Path("/data")
"""Where a Space's own storage is attached, if it has any."""
HOST, PORT = "0.0.0.0", 7860
"""Where a Space's proxy looks for the app."""
RATE, QUOTA = 240, 500
"""Questions a minute and megabytes an hour for each visitor: a film is one question, each phrase another."""
NEAR = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 ::1/128 fc00::/7"
"""Networks from which a Space's proxy speaks. Not all addresses: a visitor would then be whoever it says it is in its
own X-Forwarded-For, and no limit would hold."""
LENT_SECONDS = 60
"""For how long a call asks to be lent a card; ZeroGPU counts what was really used."""

_In = ParamSpec("_In")
_Out = TypeVar("_Out")


def in_space(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space."""
    return bool(environ.get("SPACE_ID"))


def storage(environ: Mapping[str, str] = os.environ, place: Path = STORAGE) -> Path | None:
    """The storage attached to this Space; None where there is none, or no Space."""
    attached = in_space(environ) and place.is_dir() and os.access(place, os.W_OK)
    return place if attached else None


def lends_gpu(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space on ZeroGPU: torch seems to see a card there, which only works inside a lent call."""
    return in_space(environ) and environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def begin_lending(environ: Mapping[str, str] = os.environ) -> None:
    """Load the package that lends a card, before anybody imports torch, as it asks for. Does nothing elsewhere."""
    if lends_gpu(environ):
        importlib.import_module("spaces")


def with_lent_gpu(work: Callable[_In, _Out], environ: Mapping[str, str] = os.environ) -> Callable[_In, _Out]:
    """``work``, which is lent a card for each call on ZeroGPU; ``work`` itself everywhere else.

    The call runs in a process forked from this one: what goes in and comes out is pickled, so neither may hold a
    model or lie on a card.
    """
    if not lends_gpu(environ):
        return work
    lent: Callable[_In, _Out] = importlib.import_module("spaces").GPU(duration=LENT_SECONDS)(work)
    return lent


def weights_are_ready(environ: Mapping[str, str] = os.environ) -> None:
    """Tell ZeroGPU that the models are loaded. It waits for Gradio's ``launch``, which an app that is mounted never
    calls. Does nothing elsewhere.
    """
    if lends_gpu(environ):
        importlib.import_module("spaces.zero").startup()
