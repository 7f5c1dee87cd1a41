"""The login page and what it sends to: one small document with one script, no part of Gradio's page."""

import base64
import hashlib
import html
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from lofi.errors import BadQuery
from lofi.ui.audit import note
from lofi.ui.caller import caller
from lofi.ui.login import COOKIE, HOURS, WRONG, ByFile, TooMany
from lofi.ui.modules import FOLDER

_SCRIPT = (FOLDER / "login.js").read_text("utf-8")
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 100vh; margin: 0 }
form { display: grid; gap: .75rem; width: min(20rem, 90vw) }
label { display: grid; gap: .25rem }
input, button { font: inherit; padding: .5rem; min-height: 44px }
[role=alert] { min-height: 1.5em; margin: 0 }
"""
_FIELDS = """<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>LoFi: log in</title><link rel="icon" href="data:,"><style>{style}</style>
</head>
<body><main><h1>LoFi</h1><form data-action="{action}">{fields}<p role="alert"></p></form>
<p>Research use only. Not for diagnosis.</p></main>
<script type="module">{script}</script></body>
</html>
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_hash(_SCRIPT)}'; style-src 'sha256-{_hash(_STYLE)}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def login_routes(login: ByFile | None, path: str) -> APIRouter:
    """``GET /login``, ``POST /login`` and ``POST /logout``; not there where nobody logs in by a password."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def page() -> Any:
        if login is None:
            return _missing()
        user = caller().user
        fields = f"<p>Logged in as {html.escape(user)}.</p><button>Log out</button><a href='./'>Open LoFi</a>"
        action = "logout" if user else "login"
        document = _PAGE.format(style=_STYLE, script=_SCRIPT, fields=fields if user else _FIELDS, action=action)
        return HTMLResponse(document, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

    @router.post("/login")
    async def log_in(request: Request) -> JSONResponse:
        if login is None:
            return _missing()
        try:
            name, password = _given(await request.body())
            token = await login.begin(name, password, caller().address)
        except BadQuery as error:
            return JSONResponse({"error": str(error)}, 400)
        except TooMany as error:
            return too_many(error)
        note("log in", outcome="refused" if token is None else "done")
        if token is None:
            return JSONResponse({"error": WRONG}, 401)
        answer = JSONResponse({"user": name})
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, token, max_age=HOURS * 3600, path=path or "/", secure=secure, httponly=True, samesite="strict"
        )
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> JSONResponse:
        if login is None:
            return _missing()
        login.end(request.cookies.get(COOKIE, ""))
        note("log out")
        answer = JSONResponse({})
        answer.delete_cookie(COOKIE, path=path or "/")
        return answer

    return router


def too_many(error: TooMany) -> JSONResponse:
    """The answer to somebody who tries many passwords."""
    told = "Too many tries: wait a little before the next."
    return JSONResponse({"error": told}, 429, {"Retry-After": str(error.seconds)})


def _missing() -> JSONResponse:
    return JSONResponse({"error": "There is nothing under this address."}, 404)


def _given(body: bytes) -> tuple[str, str]:
    try:
        values = json.loads(body)
        name, password = values["name"], values["password"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadQuery("A name and a password are expected.") from None
    if not isinstance(name, str) or not isinstance(password, str):
        raise BadQuery("A name and a password are expected.")
    return name, password
