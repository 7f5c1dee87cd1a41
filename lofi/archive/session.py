"""Requests to the one address that was set, and to no other: bounded in bytes and time, every failure a sentence."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError

from lofi.archive.place import Place
from lofi.errors import LofiError
from lofi.film.exposure import MAX_BYTES

MOST_BYTES = MAX_BYTES + 2**20
"""Of one answer: a film and what is wrapped around it."""
CONNECT, SILENCE, WHOLE = 5.0, 20.0, 90.0
"""Seconds: to be let in, without a byte, and for an answer altogether."""
AWAY = "The archive cannot be reached: ask whoever runs it, and check LOFI_DICOMWEB."
SLOW = "The archive takes too long to answer: try again later."
HALF = "The archive's answer broke off in the middle: try again."
UNTRUSTED = "The archive's certificate is not trusted: name its authority's file in REQUESTS_CA_BUNDLE."
REFUSED = "The archive refuses LoFi: check the user or token that LOFI_DICOMWEB names."
GONE = "The archive does not have this: it was deleted there, or LOFI_DICOMWEB names a wrong path."
BUSY = "The archive is busy: try again in a minute."
TOO_MUCH = "The archive's answer is too large: ask for less."
LEADS_AWAY = "The archive's address leads on to another one: set LOFI_DICOMWEB to that."
STRANGE = "The archive answers in a way that is no DICOMweb: check the address in LOFI_DICOMWEB."
_SENTENCES = {401: REFUSED, 403: REFUSED, 404: GONE, 410: GONE, 413: TOO_MUCH, 429: BUSY, 503: BUSY, 504: SLOW}


class ArchiveFailed(LofiError):
    """The archive is down, refuses, is slow or answers in parts."""


class Bounded(HTTPAdapter):
    """Sends; the answer comes whole and within the limits, or not at all."""

    def send(self, *given: Any, **named: Any) -> requests.Response:
        """As HTTPAdapter. Raises ArchiveFailed."""
        request: requests.PreparedRequest = given[0]
        request.headers.pop("Host", None)  # the library's own lacks the port
        named |= {"stream": True, "timeout": (CONNECT, SILENCE)}
        ends = time.monotonic() + WHOLE
        answer = super().send(*given, **named)
        body = bytearray()
        for part in answer.raw.stream(2**16, decode_content=True):
            body += part
            if len(body) > MOST_BYTES:
                answer.close()
                raise ArchiveFailed(TOO_MUCH)
            if time.monotonic() > ends:
                answer.close()
                raise ArchiveFailed(SLOW)
        answer.raw.release_conn()
        answer.raw = io.BytesIO(bytes(body))
        return answer


class Bearer(AuthBase):
    """A token with each request."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def session_for(place: Place) -> requests.Session:
    """A session that reaches the archive alone: no proxy, no netrc, no redirect, no other address."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.verify = place.authorities or True
    session.adapters.clear()
    session.mount(f"{place.address}/", Bounded())
    if place.token:
        session.auth = Bearer(place.token)
    elif place.user:
        session.auth = HTTPBasicAuth(place.user.encode(), place.password.encode())
    return session


@contextmanager
def in_words() -> Iterator[None]:
    """What goes wrong inside, as a sentence without an address or a value. Raises ArchiveFailed."""
    try:
        yield
    except LofiError:
        raise
    except requests.exceptions.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        raise ArchiveFailed(_SENTENCES.get(status) or _other(status)) from None
    except requests.exceptions.SSLError:
        raise ArchiveFailed(UNTRUSTED) from None
    except (requests.exceptions.Timeout, ReadTimeoutError):
        raise ArchiveFailed(SLOW) from None
    except requests.exceptions.TooManyRedirects:
        raise ArchiveFailed(LEADS_AWAY) from None
    except (requests.exceptions.ChunkedEncodingError, ProtocolError):
        raise ArchiveFailed(HALF) from None
    except requests.exceptions.ConnectionError:
        raise ArchiveFailed(AWAY) from None
    except (requests.exceptions.RequestException, DecodeError, HTTPError):
        raise ArchiveFailed(STRANGE) from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise ArchiveFailed(STRANGE) from None


def _other(status: int) -> str:
    if 300 <= status < 400:
        return LEADS_AWAY
    return f"The archive could not do it (status {status}): try again, or ask whoever runs it."
