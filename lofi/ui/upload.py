"""A file input that hands over a film's bytes and leaves nothing on disk."""

import contextlib
from pathlib import Path
from threading import Lock
from typing import Any

import gradio as gr

from lofi.errors import UnreadableFilm
from lofi.shelf import Shelf

KEPT_BYTES = 2**25
"""Larger uploads are not kept for a second reader."""


def film_upload(**arguments: Any) -> gr.File:
    """A ``gr.File`` whose functions receive bytes; the upload is deleted as soon as it has been read.

    Only the one method is replaced: Gradio writes a stub file beside the module of every component subclass.
    """
    component = gr.File(**arguments)
    component.preprocess = _take
    return component


_recent: Shelf[bytes] = Shelf(4)
"""Gradio stores an upload under the hash of its content, so two people who send the same film share one file, and
the first read would take it from the second. The last few uploads therefore stay in memory for a moment."""

_taking = Lock()
"""One at a time reads, keeps and deletes: between two of these steps the file is nowhere."""


def _take(payload: Any) -> bytes | None:
    """The bytes of the uploaded file, None when there is none."""
    if payload is None:
        return None
    path = Path(payload.path)
    with _taking:
        data = _recent.get(str(path))
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if len(data) <= KEPT_BYTES:
                _recent.put(str(path), data)
            path.unlink()
            path.parent.rmdir()
    if data is None:
        raise UnreadableFilm("The upload is no longer here: send the film again.")
    return data
