"""A file input that hands over a film's bytes and leaves nothing on disk."""

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr

from lofi.errors import UnreadableFilm
from lofi.shelf import Shelf

KEPT_BYTES = 2**25
"""Larger uploads are not kept for a second reader."""


class FilmUpload(gr.File):  # type: ignore[misc]
    """A ``gr.File`` whose functions receive bytes; the upload is deleted as soon as it has been read.

    Gradio stores an upload under the hash of its content, so two people who send the same film share one file, and
    the first read would take it from the second. The last few uploads therefore stay in memory for a moment.
    """

    is_template = True

    def __init__(self, **arguments: Any) -> None:
        super().__init__(type="filepath", file_count="single", **arguments)
        self._recent: Shelf[bytes] = Shelf(4)

    def preprocess(self, payload: Any) -> bytes | None:
        """The bytes of the uploaded file, None when there is none."""
        if payload is None:
            return None
        path = Path(payload.path)
        data = self._recent.get(str(path))
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            path.unlink()
            path.parent.rmdir()
        if data is None:
            raise UnreadableFilm("The upload is no longer here: send the film again.")
        if len(data) <= KEPT_BYTES:
            self._recent.put(str(path), data)
        return data
