"""Where every error of a request becomes one sentence for a person, and nothing else reaches a log."""

import html
import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.exceptions import ComponentProcessingError, InvalidPathError

from lofi.errors import BadQuery, LofiError, UnreadableFilm
from lofi.ui.caller import Caller, answering_to
from lofi.ui.uploads import GONE, Uploads

_log = logging.getLogger("lofi")
UNFORESEEN = "Something went wrong inside; the film was not kept. Try again or report it."


class Boundary(gr.Blocks):  # type: ignore[misc]
    """``gr.Blocks`` that lets no traceback out, and no path in that is not an upload's.

    Gradio prints a trace of any other error, and the trace of a refused upload holds its path with the file's name.
    """

    def __init__(self, uploads: Uploads, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.uploads = uploads
        # Gradio checks the paths that a caller names only where this is set, and mounting a Blocks never sets it.
        self.has_launched = True

    async def process_api(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Answer one call; every failure is a quiet ``gr.Error``."""
        # The queue answers in a task of its own, which knows of the request only what is handed on with it.
        scope = getattr(getattr(named.get("request"), "request", None), "scope", {})
        try:
            with answering_to(scope.get("lofi.caller", Caller())):
                answer: dict[str, Any] = await super().process_api(*arguments, **named)
        except Exception as error:
            raise shown(error) from None
        return answer

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *more: Any, **named: Any) -> list[Any]:
        """Before Gradio looks at any value: a file is an upload of this run, everything else is plain."""
        blocks = block_fn.inputs
        admitted = [self._admitted(block, value) for block, value in zip(blocks, inputs, strict=False)]
        try:
            prepared: list[Any] = await super().preprocess_data(block_fn, admitted, *more, **named)
        except InvalidPathError:  # Gradio's own check, which looks behind a link
            raise UnreadableFilm(GONE) from None
        return prepared

    def _admitted(self, block: Any, value: Any) -> Any:
        if value is None or not isinstance(block, gr.File):
            if value is not None and not isinstance(value, str | int | float):
                raise BadQuery("A value in this request has the wrong type.")
            return value
        path = value.get("path") if isinstance(value, dict) else None
        if not self.uploads.knows(path):
            raise UnreadableFilm(GONE)
        # Nothing else of the caller's is kept. As a "stream" Gradio neither reads nor copies the file.
        return {"path": path, "is_stream": True, "meta": {"_type": "gradio.FileData"}}


def shown(error: Exception) -> gr.Error:
    """The error as the page shows it and as the API answers it. Gradio renders the text as HTML, so it is escaped."""
    return gr.Error(html.escape(sentence(error), quote=False), print_exception=False)


def sentence(error: Exception) -> str:
    """What a person is told; anything unforeseen is logged by type and place only."""
    while error.__cause__ is not None and not isinstance(error, LofiError | gr.Error):
        if not isinstance(error.__cause__, Exception):
            break
        error = error.__cause__
    if isinstance(error, LofiError):
        return str(error)
    if isinstance(error, gr.Error):
        return str(error.message)
    if isinstance(error, ComponentProcessingError):
        return "A value in this request has the wrong type."
    _log.error("unforeseen %s at %s", type(error).__name__, _place(error))
    if isinstance(error, MemoryError):
        return "There is not enough memory for this film."
    return UNFORESEEN


def _place(error: Exception) -> str:
    """file:line of the innermost frame, without any value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
