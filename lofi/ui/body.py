"""What a request brings in its body: one JSON object of bounded size, or one sentence."""

import json
from typing import Any

from fastapi import Request

from lofi.errors import BadQuery


async def json_object(request: Request, most: int) -> dict[str, Any]:
    """The request's JSON object of at most ``most`` bytes. Raises BadQuery for anything else.

    Its type is asked for because a foreign page cannot send it unasked.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadQuery("JSON was expected.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise BadQuery("The request is too long.")
    try:
        values = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise BadQuery("JSON was expected.") from None
    if not isinstance(values, dict):
        raise BadQuery("A JSON object was expected.")
    return values
