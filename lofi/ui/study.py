"""The reader study's page at ``/study``: one document and a few JSON routes, beside the reading room's.

It is separate so that a reader sees nothing of the reading room, and loads only what a case needs.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse

from lofi.answers import Answer, film_card
from lofi.errors import BadQuery, LofiError
from lofi.film.view import COLOURS, DASHES
from lofi.study import ReviewStore, review_file
from lofi.study.asking import ask
from lofi.study.cases import StudyCase, find_cases
from lofi.study.definition import Definition
from lofi.study.reading import ReaderStudy, Sheet
from lofi.study.sitting import Superseded, Taken
from lofi.study.verdict import Subject, Verdict
from lofi.ui.audit import noted
from lofi.ui.body import json_object
from lofi.ui.boundary import sentence
from lofi.ui.caller import caller
from lofi.ui.holdings import Holdings
from lofi.ui.modules import FOLDER, version

NO_STUDY = "No reader study is served here. Start one with: python -m lofi study serve FILE"
MAX_BODY = 2**16
_CODES: dict[type[Exception], str] = {Taken: "taken", Superseded: "superseded"}
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>LoFi reader study</title><link rel="icon" href="data:,"><style>STYLE</style>
</head>
<body class="study"><main id="study"><noscript>The reader study needs JavaScript.</noscript></main>
<script defer src="lofi/viewer/VERSION/study.bundle.js"></script></body>
</html>
"""


class StudyRoom:
    """The study that the settings name, opened when it is first asked for; tried again after a failure."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self._opening = Lock()
        self._study: ReaderStudy | None = None
        self._ahead = Lock()

    @property
    def study(self) -> ReaderStudy:
        """The study. Raises LofiError where none is served, or where it cannot be read."""
        with self._opening:
            if self._study is None:
                self._study = self._open()
            return self._study

    def card(self, values: Answer) -> Answer:
        """What the first screen says of the study."""
        known = self._definition()  # not the cases and the model, which take longer: the screen is there first
        about = {"name": known.name, "title": known.shown, "blind": known.blind, "boxes_first": known.boxes_first}
        return {**about, "practice": known.training, "colours": COLOURS, "dashes": DASHES}

    def begin(self, values: Answer) -> Answer:
        """A reader sits down."""
        return {"token": self.study.begin(_text(values, "initials"), values.get("take_over") is True, caller().user)}

    def sheet(self, values: Answer) -> Answer:
        """A case: the one to read, or an earlier one by its number. The one after it is asked ahead."""
        token, number = _text(values, "token"), values.get("number")
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise BadQuery("A case's number must be a whole number.")
        sheet = self.study.sheet(token, number, caller().user)
        if sheet is None:
            return {"finished": True}
        # A daemon: a model at work must not hold up the end of the app.
        Thread(target=self._look_ahead, args=(token, caller().user), name="ahead", daemon=True).start()
        return self._shown(sheet)

    def mark(self, values: Answer) -> Answer:
        """A verdict is stored."""
        marks = self.study.mark(_text(values, "token"), _text(values, "film"), values.get("mark"), caller().user)
        return {"marks": _public(marks)}

    def finish(self, values: Answer) -> Answer:
        """A case is done."""
        self.study.finish(_text(values, "token"), _text(values, "film"), caller().user)
        return {}

    def leave(self, values: Answer) -> Answer:
        """A reader pauses."""
        self.study.leave(_text(values, "token"), caller().user)
        return {}

    def _look_ahead(self, token: str, user: str) -> None:
        """Ask the model about the next case while the reader looks at this one; one case at a time."""
        if self._ahead.acquire(blocking=False):
            try:
                # Whatever goes wrong will be told when the case is opened.
                with suppress(Exception):
                    following = self.study.following(token, user)
                    if following is not None:
                        self.study.answer(following)
            finally:
                self._ahead.release()

    def _definition(self) -> Definition:
        if self.holdings.settings.study is None:
            raise LofiError(NO_STUDY)
        return Definition.read(self.holdings.settings.study)

    def _open(self) -> ReaderStudy:
        definition, engine = self._definition(), self.holdings.engine
        cases = find_cases(definition, None if definition.folder is not None else engine.gallery)
        store = ReviewStore(review_file(self.holdings.settings.reviews))
        hits, read = definition.hits, self.holdings.cage.read
        return ReaderStudy(
            definition, cases, store, engine.model.fingerprint, lambda case: ask(engine, case, hits, read)
        )

    def _shown(self, sheet: Sheet) -> Answer:
        """A sheet for the browser: without the model's confidence and similarities where the study hides them."""
        blind = self.study.definition.blind
        phrases = [
            {
                "phrase": found.phrase,
                "boxes": [list(box) for box in found.boxes],
                "scores": None if blind else list(found.scores),
                "confidence": None if blind else found.confidence,
            }
            for found in sheet.answer.groundings
        ]
        return {
            "film": None if sheet.answer.failed else self._film(sheet.case),
            "sha256": sheet.case.film,
            "failed": sheet.answer.failed,
            "reader": sheet.reader,
            "number": sheet.number,
            "total": sheet.total,
            "done": sheet.done,
            "blind": blind,
            "boxes_first": self.study.definition.boxes_first,
            "steps": self.study.definition.certainty,
            "training": sheet.case.training,
            "phrases": phrases,
            "hits": [self._hit(name, None if blind else near) for name, near in sheet.answer.hits],
            "marks": _public(sheet.marks),
        }

    def _film(self, case: StudyCase) -> Answer:
        film = self.holdings.cage.read(case.path)
        if film.sha256 != case.film:
            raise BadQuery("The file of this case was changed since the study was opened: restore it.")
        self.holdings.show(film)
        return {**film_card(film), "spacing_mm": None if film.spacing_mm is None else list(film.spacing_mm)}

    def _hit(self, name: str, similarity: float | None) -> Answer:
        known: dict[str, Any] = {"study_id": name, "similarity": similarity}
        try:
            study = self.holdings.engine.study(name)
        except LofiError:
            return {**known, "report": "This study is no longer in the gallery.", "labels": [], "view": ""}
        return {**known, "report": study.report, "labels": list(study.labels), "view": study.view}


def study_routes(holdings: Holdings) -> APIRouter:
    """``GET /study``, and ``POST`` routes below it that take and give JSON; errors are ``{"error", "code"}``."""
    router, served = APIRouter(prefix="/study", include_in_schema=False), StudyRoom(holdings)
    styles = "\n".join((FOLDER / name).read_text("utf-8") for name in ("film.css", "study.css"))
    document = _PAGE.replace("VERSION", version()).replace("STYLE", styles)

    @router.get("")
    def page() -> Response:
        return HTMLResponse(document, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

    for name in ("card", "begin", "sheet", "mark", "finish", "leave"):
        router.add_api_route(f"/{name}", _answering(getattr(served, name)), methods=["POST"])
    return router


def _answering(answer: Callable[[Answer], Answer]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> JSONResponse:
        try:
            values = await json_object(request, MAX_BODY)
            with noted(f"study {answer.__name__}", values.get("film")):
                return JSONResponse(await run_in_threadpool(answer, values))
        except Exception as error:
            code = _CODES.get(type(error), "error")
            status = 400 if isinstance(error, LofiError) else 500
            return JSONResponse({"error": sentence(error), "code": code}, status)

    return respond


def _text(values: Answer, name: str) -> str:
    found = values.get(name, "")
    if not isinstance(found, str):
        raise BadQuery(f"The request's {name} must be text.")
    return found


def _public(marks: dict[Subject, Verdict]) -> list[Answer]:
    """What the page needs to draw the marks again; never the model's score."""
    names = ("kind", "phrase", "number", "hit", "decision", "box", "comment")
    return [{name: value for name, value in mark.to_json().items() if name in names} for mark in marks.values()]
