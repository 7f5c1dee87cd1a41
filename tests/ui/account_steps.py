"""What a browser does to log in with an account, and what it is told."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
from fastapi.testclient import TestClient

from lofi.ui.sessions import COOKIE
from tests.ui.openid import OpenId

OWN = {"Origin": "https://localhost"}
DISCOVERY = "/.well-known/openid-configuration"
FROM_PROVIDER = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
Open = Callable[..., TestClient]
Still = tuple[TestClient, OpenId]


def go(client: TestClient, to: str = "") -> str:
    """Begin a login; where the provider sends the browser back to, as a path of the app."""
    begun = client.get(f"/login/begin{to}", headers={"Sec-Fetch-Site": "same-origin"})
    assert begun.status_code == 303, begun.text
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(begun.headers["location"])
    place = urlsplit(re.findall("href='([^']*)'", page.text)[0].replace("&amp;", "&"))
    return f"{place.path}?{place.query}"


def come_back(client: TestClient, place: str) -> httpx.Response:
    return client.get(place, headers=FROM_PROVIDER)


def alert(answer: httpx.Response) -> str:
    (found,) = re.findall('<p role="alert">(.*?)</p>', answer.text)
    return str(found)


def fails(answer: httpx.Response, status: int, sentence: str) -> None:
    """One sentence on the login page, nobody logged in, nothing of the provider's."""
    assert (answer.status_code, alert(answer)) == (status, sentence)
    assert "Log in with your account" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert "SECRETS" not in answer.text
