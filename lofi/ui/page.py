"""The page: one small document that the script of assets/viewer draws into, and the questions that it may ask."""

import functools
import html

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from lofi.answers import Answer
from lofi.settings import Settings
from lofi.space import in_space
from lofi.ui.archive import ArchiveRoom
from lofi.ui.asked import Asked
from lofi.ui.audit import noted
from lofi.ui.exports import Exports
from lofi.ui.holdings import Holdings
from lofi.ui.modules import version
from lofi.ui.page_answers import PageAnswers, Question
from lofi.ui.policy import framed_by
from lofi.ui.reviews import Reviews

_PAGE = """<!doctype html>
<html lang="en" data-root="{root}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>LoFi</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}lofi/viewer/{version}/room.css">
<script defer src="{root}lofi/viewer/{version}/room.bundle.js"></script>
</head>
<body><div id="viewer"><div id="room"{facts}><p>If this stays, a part of the page did not arrive: reload the page.</p>
<noscript>The page needs JavaScript.</noscript></div></div></body>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; "
    "base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors"
)


def document(settings: Settings) -> str:
    """The page. Its addresses begin with the path under which a proxy serves the app, else they lie beside it."""
    root = html.escape(f"{settings.root_path}/" if settings.root_path else "")
    facts = {"login": settings.auth.startswith(("file:", "oauth")), "elsewhere": in_space()}
    told = "".join(f" data-{name}" for name, so in facts.items() if so)
    return _PAGE.format(root=root, version=version(), facts=told)


def page_route(settings: Settings) -> APIRouter:
    """``GET`` and ``HEAD`` of ``/``."""
    router, written = APIRouter(include_in_schema=False), document(settings)
    headers = {"Content-Security-Policy": f"{_POLICY} {framed_by()}", "Cache-Control": "no-store"}

    @router.api_route("/", methods=["GET", "HEAD"])
    def page() -> HTMLResponse:
        return HTMLResponse(written, headers=headers)

    return router


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
    archive = ArchiveRoom(holdings, exports)
    every = (*films.all(), reviews.keep_verdict, reviews.kept_verdicts, exports.export_case, *archive.all())
    return tuple(audited(question) for question in every)
