"""Who is logged in: by a password of the user file, kept as a cookie or sent with each call, or as a proxy says."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from lofi.errors import LofiError
from lofi.ui.accounts import Accounts, read_users
from lofi.ui.limits import Limits
from lofi.ui.proxies import Proxies, Seen

COOKIE = "lofi_session"
HOURS = 12
MOST_SESSIONS = 10_000
WRONG = "The name or the password is wrong."
_USER = re.compile(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class TooMany(Exception):
    """Too many passwords were tried; the argument says for how many seconds none is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class _Session:
    user: str
    record: str
    ends: float


class ByFile:
    """Users of a file. A user who is removed, or has a new password, is logged out at once."""

    has_page = True

    def __init__(self, file: Path, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        read_users(file)  # a missing or broken file is told at the start
        self.accounts = Accounts(file)
        self._limits = limits
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._lock = Lock()

    async def user(self, headers: Headers, seen: Seen) -> str | None:
        """Who sent this request; None where nobody is logged in. Raises TooMany."""
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        found = self.session(token) if token else None
        if found is None and headers.get("authorization", "")[:6].lower() == "basic ":
            found = await self._by_basic(headers["authorization"][6:], seen.address)
        return found

    def session(self, token: str) -> str | None:
        """The user of a session that has not ended."""
        key = self._hidden(token)
        with self._lock:
            kept = self._sessions.get(key)
        if kept is None:
            return None
        if kept.ends < self._clock() or self.accounts.record(kept.user) != kept.record:
            self._forget(key)
            return None
        return kept.user

    async def begin(self, name: str, password: str, address: str) -> str | None:
        """A token for a new session, None where name or password is wrong. Raises TooMany."""
        record = await self._checked(name, password, address)
        if record is None:
            return None
        token = secrets.token_urlsafe(32)
        self._keep(self._hidden(token), name, record)
        return token

    def end(self, token: str) -> None:
        """Log out."""
        self._forget(self._hidden(token))

    async def _checked(self, name: str, password: str, address: str) -> str | None:
        """Whoever guesses is slowed down, by its address and for the name that it guesses at."""
        tried = (f"address {address}", f"name {name[:64]}")
        wait = max(self._limits.passwords.take(one) for one in tried)
        if wait:
            raise TooMany(wait)
        record = await run_in_threadpool(self.accounts.check, name, password)
        if record is not None:
            for one in tried:
                self._limits.passwords.charge(one, -1)
        return record

    async def _by_basic(self, encoded: str, address: str) -> str | None:
        """A program sends name and password with every call: they are checked once and then known for a while."""
        key = self._hidden(f"basic {encoded}")
        with self._lock:
            known = key in self._sessions
        if known and (user := self.session(f"basic {encoded}")) is not None:
            return user
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeError):
            return None
        record = await self._checked(name, password, address) if colon else None
        if record is None:
            return None
        self._keep(key, name, record)
        return name

    def _keep(self, key: str, user: str, record: str) -> None:
        with self._lock:
            self._sessions[key] = _Session(user, record, self._clock() + HOURS * 3600)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._sessions.pop(key, None)

    def _hidden(self, secret: str) -> str:
        """What is kept instead of a token or password: it opens nothing, and finding it tells no time."""
        return hmac.new(self._key, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class ByHeader:
    """Whoever a trusted proxy says it is; what others say is not heard."""

    has_page = False

    def __init__(self, header: str, proxies: Proxies) -> None:
        if not _HEADER.fullmatch(header):
            raise LofiError("LOFI_AUTH=header:NAME takes the name of a header, such as X-Remote-User.")
        if not proxies:
            raise LofiError("LOFI_AUTH=header:… needs LOFI_PROXIES: anybody could send the header otherwise.")
        self.header = header

    async def user(self, headers: Headers, seen: Seen) -> str | None:
        """The user that the proxy names, once."""
        named = headers.getlist(self.header) if seen.proxied else []
        return named[0] if len(named) == 1 and _USER.fullmatch(named[0]) else None


Login = ByFile | ByHeader


def login_of(setting: str, proxies: Proxies, limits: Limits) -> Login | None:
    """What LOFI_AUTH asks for; None where it asks for nothing. Raises LofiError."""
    kind, _, value = setting.partition(":")
    if not setting:
        return None
    if kind == "file" and value:
        return ByFile(Path(value).expanduser(), limits)
    if kind == "header" and value:
        return ByHeader(value, proxies)
    raise LofiError("LOFI_AUTH must be file:PATH or header:NAME.")
