"""Sessions: the token in a browser's cookie and whom it stands for. In memory: a restart logs everybody out."""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

COOKIE = "lofi_session"
HOURS = 12
MOST_SESSIONS = 10_000
USER = re.compile(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?")
"""A user's name as others give it."""


@dataclass(frozen=True)
class Session:
    """``record`` is what the user was logged in by; where that is no longer so, the session has ended."""

    user: str
    record: str
    ends: float


class Sessions:
    """Who is logged in, by a hash of the token alone."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._lock = Lock()

    def session(self, token: str) -> str | None:
        """The user of a session that has not ended."""
        key = self._hidden(token)
        with self._lock:
            kept = self._sessions.get(key)
        if kept is None:
            return None
        if kept.ends < self._clock() or not self._still(kept):
            self._forget(key)
            return None
        return kept.user

    def end(self, token: str) -> None:
        """Log out."""
        self._forget(self._hidden(token))

    def _by_cookie(self, headers: Headers) -> str | None:
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return self.session(token) if token else None

    def _still(self, kept: Session) -> bool:
        """Whether what the user was logged in by still holds."""
        return True

    def _new(self, user: str, record: str) -> str:
        """The token of a new session."""
        token = secrets.token_urlsafe(32)
        self._keep(self._hidden(token), user, record)
        return token

    def _keep(self, key: str, user: str, record: str) -> None:
        with self._lock:
            self._sessions[key] = Session(user, record, self._clock() + HOURS * 3600)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._sessions.pop(key, None)

    def _hidden(self, secret: str) -> str:
        """What is kept instead of a token or password: it opens nothing, and finding it tells no time."""
        return hmac.new(self._key, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
