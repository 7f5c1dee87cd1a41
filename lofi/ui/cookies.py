"""The one place where a cookie is set: out of every script's reach, and fit for the frame of a Space."""

import os
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from lofi.space import in_space


def put_cookie(
    answer: Response,
    request: Request,
    name: str,
    value: str,
    *,
    seconds: int,
    path: str,
    strict: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Set a cookie; ``seconds`` 0 removes it. ``strict`` False: it also comes along a link from another site.

    In a Space the page is shown in a frame of another site, where a browser keeps only cookies that say
    SameSite=None; Secure; Partitioned. Foreign pages are then kept out by the guard alone, which asks for our own
    origin with every POST and lets no other page read.
    """
    framed = in_space(environ)
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=framed or request.url.scheme == "https",
        httponly=True,
        samesite="none" if framed else "strict" if strict else "lax",
    )
    if framed:  # Python's own cookies know the word from 3.14 on
        header, written = answer.raw_headers[-1]
        answer.raw_headers[-1] = (header, written + b"; Partitioned")
