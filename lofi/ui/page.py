"""The page: one component that the scripts of assets/viewer draw, and the API's endpoints behind it."""

import functools

import gradio as gr

from lofi.answers import Answer
from lofi.space import in_space
from lofi.ui.api import endpoints
from lofi.ui.asked import Asked
from lofi.ui.audit import noted
from lofi.ui.boundary import Boundary
from lofi.ui.exports import Exports
from lofi.ui.holdings import Holdings
from lofi.ui.modules import mount_script
from lofi.ui.page_answers import PageAnswers, Question
from lofi.ui.reviews import Reviews
from lofi.ui.uploads import Uploads


def page(holdings: Holdings, uploads: Uploads) -> gr.Blocks:
    """The whole app as Blocks, page and API."""
    with Boundary(uploads, title="LoFi", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(
            html_template="<div></div>",  # constant: a template would run what strangers wrote
            js_on_load=mount_script("room.js", "mountRoom"),
            apply_default_css=False,
            elem_id="viewer",
            elsewhere=in_space(),
            login=holdings.settings.auth.startswith(("file:", "oauth")),
        )
        endpoints(holdings, uploads)
    blocks.queue(max_size=64, default_concurrency_limit=2)
    return blocks


def audited(question: Question) -> Question:
    """The question, noted in the audit log with the film that it names."""

    @functools.wraps(question)
    def ask(asked: Asked) -> Answer:
        with noted(question.__name__, asked.values.get("film")):
            return question(asked)

    return ask


def questions(holdings: Holdings) -> tuple[Question, ...]:
    """All that the page may ask, each noted in the audit log."""
    films, reviews = PageAnswers(holdings), Reviews(holdings)
    exports = Exports(films, reviews)
    every = (*films.all(), reviews.keep_verdict, reviews.kept_verdicts, exports.export_case)
    return tuple(audited(question) for question in every)
