"""Questions and films sent to a running app as its page sends them."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DESK = {"Content-Type": "application/json", "X-Lofi-Desk": "a-desk-of-tests"}


def status(url: str) -> int:
    """The status of an answer, which is closed whatever it is: one left open warns, later, in somebody else's test.

    Raises OSError where nobody listens.
    """
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def post(url: str, values: object, headers: dict[str, str] = DESK) -> tuple[int, list[Any]]:
    """The status, and each line of the answer."""
    request = urllib.request.Request(url, json.dumps(values).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, [json.loads(line) for line in answer.read().splitlines()]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, [json.loads(error.read() or b"{}")]


def sent(url: str, film: Path, desk: str = "a-desk-of-tests") -> str:
    """The hash of a film that was sent."""
    headers = {"Content-Type": "application/octet-stream", "X-Lofi-Desk": desk}
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/lofi/open", film.read_bytes(), headers), timeout=300
    ) as answer:
        return str(json.load(answer)["film"]["sha256"])
