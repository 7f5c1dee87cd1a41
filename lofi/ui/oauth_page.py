"""The way to an OpenID provider and back: two addresses that a browser is led through, and the sentence if it fails."""

import html
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from lofi.ui.audit import note
from lofi.ui.caller import answering_to, caller
from lofi.ui.cookies import put_cookie
from lofi.ui.limits import TooMany
from lofi.ui.login import Login
from lofi.ui.login_page import account_fields, document, missing, put_session
from lofi.ui.oauth import BEGUN, MINUTES, ByProvider
from lofi.ui.provider import LoginFailed

TOO_MANY = "Too many tries: wait a little before the next."


def oauth_routes(login: Login | None, path: str) -> APIRouter:
    """``GET /login/begin`` and ``GET /login/back``; not there where nobody logs in with an account."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login/begin")
    async def begin(request: Request) -> Any:
        if not isinstance(login, ByProvider):
            return missing()
        study = request.query_params.get("to") == "study"
        try:
            address, secret = await login.begin(study, caller().address)
        except (LoginFailed, TooMany) as error:
            return _failed(error, path)
        answer = RedirectResponse(address, 303, {"Cache-Control": "no-store"})
        # Not strict: the provider's page leads back here, and the cookie has to come along.
        put_cookie(answer, request, BEGUN, secret, seconds=MINUTES * 60, path=f"{path}/login/back", strict=False)
        return answer

    @router.get("/login/back")
    async def back(request: Request) -> Any:
        if not isinstance(login, ByProvider):
            return missing()
        try:
            secret = request.cookies.get(BEGUN, "")
            user, token, study = await login.finish(secret, request.query_params, caller().address)
        except (LoginFailed, TooMany) as error:
            note("log in", outcome="refused")
            return _failed(error, path)
        with answering_to(replace(caller(), user=user)):
            note("log in")
        # A browser that is redirected here by another site sends no strict cookie with the next redirect either: our
        # own page has to lead on.
        place = f"{path}/study" if study else f"{path}/"
        head = f'<meta http-equiv="refresh" content="0;url={html.escape(place)}">'
        fields = f"<p>Logged in as {html.escape(user)}.</p><a href='{html.escape(place)}'>Open LoFi</a>"
        answer = document(fields, head=head)
        put_session(answer, request, token, path)
        put_cookie(answer, request, BEGUN, "", seconds=0, path=f"{path}/login/back", strict=False)
        return answer

    return router


def _failed(error: LoginFailed | TooMany, path: str) -> Response:
    """The login page with one sentence; nothing of what the provider or the browser said."""
    fields = account_fields(path, study=False)
    if isinstance(error, LoginFailed):
        return document(fields, told=html.escape(str(error)), status=error.status)
    answer: HTMLResponse = document(fields, told=TOO_MANY, status=429)
    answer.headers["Retry-After"] = str(error.seconds)
    return answer
