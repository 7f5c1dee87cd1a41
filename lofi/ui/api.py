"""What programs call: named endpoints for gradio_client; their answers are those of lofi.answers."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from lofi import answers
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.ui.audit import noted
from lofi.ui.boundary import Boundary
from lofi.ui.holdings import Holdings
from lofi.ui.upload import film_upload
from lofi.ui.uploads import Uploads


def blocks_of(holdings: Holdings, uploads: Uploads) -> Boundary:
    """The API as Blocks, with its queue. Gradio's own page is not served: it takes some ninety requests to draw."""
    blocks = Boundary(uploads, title="LoFi", analytics_enabled=False)
    with blocks:
        endpoints(holdings, uploads)
    blocks.queue(max_size=64, default_concurrency_limit=2)
    return blocks


def endpoints(holdings: Holdings, uploads: Uploads) -> None:
    """Add the endpoints to the Blocks being built: hidden components give them their types and defaults."""

    def opened(asked: str, film: bytes | None, answer: Callable[[Radiograph], answers.Answer]) -> answers.Answer:
        with noted(f"api {asked}") as known:
            if film is None:
                raise BadQuery("Send a film: a PNG, JPEG or DICOM file.")
            with holdings.cage.open(film) as reading:
                known(reading.film.sha256)
                return answer(reading.film)

    def search(film: bytes | None, k: float | None, where: str) -> answers.Answer:
        """Similar studies of the gallery, the most similar first."""
        return opened("search", film, lambda found: answers.search(holdings.engine, found, k, where))

    def search_text(text: str, k: float | None, where: str) -> answers.Answer:
        """Studies of the gallery that fit a text."""
        with noted("api search_text"):
            return answers.search_text(holdings.engine, text, k, where)

    def ground(film: bytes | None, phrases: str, anyway: bool) -> answers.Answer:
        """Boxes (xyxy, 0–1 of the film) for phrases, one a line or between commas; of no frontal chest film anyway."""
        return opened("ground", film, lambda found: answers.ground(holdings.engine, found, phrases, anyway))

    def describe(film: bytes | None, boxes: str, anyway: bool) -> answers.Answer:
        """A phrase for each box of a JSON list [[x0, y0, x1, y1], …]."""
        return opened("describe", film, lambda found: answers.describe(holdings.engine, found, boxes, anyway))

    def report(film: bytes | None) -> answers.Answer:
        """A drafted report, sentence by sentence with boxes."""
        return opened("report", film, lambda found: answers.report(holdings.engine, found))

    with gr.Row(visible=False):
        film = film_upload(uploads, label="film")
        k = gr.Number(8, label="k", precision=None)
        where = gr.Textbox("", label="where")
        text, phrases, boxes = (gr.Textbox("", label=name) for name in ("text", "phrases", "boxes"))
        anyway = gr.Checkbox(False, label="anyway")
        answer, start = gr.JSON(label="answer"), gr.Button()

    def expose(function: Callable[..., answers.Answer], inputs: list[Any]) -> None:
        start.click(function, inputs, answer, api_name=function.__name__, concurrency_limit=2, concurrency_id="model")

    expose(search, [film, k, where])
    expose(search_text, [text, k, where])
    expose(ground, [film, phrases, anyway])
    expose(describe, [film, boxes, anyway])
    expose(report, [film])
