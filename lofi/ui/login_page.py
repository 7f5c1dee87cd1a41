"""The login page and what it sends to: one small document with one script."""

import base64
import hashlib
import html
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from lofi.errors import BadQuery
from lofi.ui.audit import note
from lofi.ui.caller import caller
from lofi.ui.cookies import put_cookie
from lofi.ui.limits import TooMany
from lofi.ui.login import WRONG, ByFile, ByHeader, Login
from lofi.ui.modules import FOLDER
from lofi.ui.policy import framed_by
from lofi.ui.sessions import COOKIE, HOURS

_SCRIPT = (FOLDER / "login.js").read_text("utf-8")
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 100vh; margin: 0 }
form { display: grid; gap: .75rem; width: min(20rem, 90vw) }
label { display: grid; gap: .25rem }
input, button { font: inherit; padding: .5rem; min-height: 44px }
a { padding: .5rem 0 }
[role=alert] { min-height: 1.5em; margin: 0 }
"""
_FIELDS = """<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>LoFi: log in</title><link rel="icon" href="data:,">{head}<style>{style}</style>
</head>
<body><main><h1>LoFi</h1><form data-action="{action}">{fields}<p role="alert">{told}</p></form>
<p>Research use only. Not for diagnosis.</p></main>
<script type="module">{script}</script></body>
</html>
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_hash(_SCRIPT)}'; style-src 'sha256-{_hash(_STYLE)}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors"
)


def document(fields: str, action: str = "", told: str = "", head: str = "", status: int = 200) -> HTMLResponse:
    """The page around what is filled in or shown; its parts are HTML, and whoever gives them has escaped them."""
    text = _PAGE.format(style=_STYLE, script=_SCRIPT, fields=fields, action=action, told=told, head=head)
    headers = {"Content-Security-Policy": f"{_POLICY} {framed_by()}", "Cache-Control": "no-store"}
    return HTMLResponse(text, status, headers)


def account_fields(path: str, study: bool) -> str:
    """What the login page shows instead of name and password.

    A provider's pages are shown in no frame, so in the frame of a Space the way goes through a window of its own.
    """
    elsewhere = " target='_blank' rel='noopener'" if framed_by() != "'none'" else ""
    place = f"{html.escape(path)}/login/begin{'?to=study' if study else ''}"
    return f"<a href='{place}'{elsewhere}>Log in with your account</a>"


def login_routes(login: Login | None, path: str) -> APIRouter:
    """``GET /login``, ``POST /login`` and ``POST /logout``; not there where nobody logs in here."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def page(request: Request) -> Any:
        if login is None or isinstance(login, ByHeader):
            return missing()
        user = caller().user
        if user:
            fields = f"<p>Logged in as {html.escape(user)}.</p><button>Log out</button><a href='./'>Open LoFi</a>"
        elif isinstance(login, ByFile):
            fields = _FIELDS
        else:
            fields = account_fields(path, request.query_params.get("to") == "study")
        return document(fields, action="logout" if user else "login")

    @router.post("/login")
    async def log_in(request: Request) -> JSONResponse:
        if not isinstance(login, ByFile):
            return missing()
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
        put_session(answer, request, token, path)
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> JSONResponse:
        if login is None or isinstance(login, ByHeader):
            return missing()
        login.end(request.cookies.get(COOKIE, ""))
        note("log out")
        answer = JSONResponse({})
        put_session(answer, request, "", path)
        return answer

    return router


def too_many(error: TooMany) -> JSONResponse:
    """The answer to somebody who tries many passwords."""
    told = "Too many tries: wait a little before the next."
    return JSONResponse({"error": told}, 429, {"Retry-After": str(error.seconds)})


def put_session(answer: Response, request: Request, token: str, path: str) -> None:
    """The session's cookie; "" takes it away."""
    put_cookie(answer, request, COOKIE, token, seconds=HOURS * 3600 if token else 0, path=path or "/")


def missing() -> JSONResponse:
    """The answer where there is no such login."""
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
