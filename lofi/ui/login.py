"""Who is logged in: by a password of the user file, kept as a cookie or sent with each call, or as another says."""

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.accounts import Accounts, read_users
from lofi.ui.limits import Limits, TooMany
from lofi.ui.oauth import ByProvider, back_address
from lofi.ui.provider import Provider
from lofi.ui.proxies import Proxies, Seen
from lofi.ui.sessions import USER, Session, Sessions

WRONG = "The name or the password is wrong."
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class ByFile(Sessions):
    """Users of a file. A user who is removed, or has a new password, is logged out at once."""

    has_page = True
    takes_basic = True

    def __init__(self, file: Path, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        read_users(file)  # a missing or broken file is told at the start
        super().__init__(clock)
        self.accounts = Accounts(file)
        self._limits = limits

    async def user(self, headers: Headers, seen: Seen) -> str | None:
        """Who sent this request; None where nobody is logged in. Raises TooMany."""
        found = self._by_cookie(headers)
        if found is None and headers.get("authorization", "")[:6].lower() == "basic ":
            found = await self._by_basic(headers["authorization"][6:], seen.address)
        return found

    async def begin(self, name: str, password: str, address: str) -> str | None:
        """A token for a new session, None where name or password is wrong. Raises TooMany."""
        record = await self._checked(name, password, address)
        return None if record is None else self._new(name, record)

    def _still(self, kept: Session) -> bool:
        return self.accounts.record(kept.user) == kept.record

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


class ByHeader:
    """Whoever a trusted proxy says it is; what others say is not heard."""

    has_page = False
    takes_basic = False

    def __init__(self, header: str, proxies: Proxies) -> None:
        if not _HEADER.fullmatch(header):
            raise LofiError("LOFI_AUTH=header:NAME takes the name of a header, such as X-Remote-User.")
        if not proxies:
            raise LofiError("LOFI_AUTH=header:… needs LOFI_PROXIES: anybody could send the header otherwise.")
        self.header = header

    async def user(self, headers: Headers, seen: Seen) -> str | None:
        """The user that the proxy names, once."""
        named = headers.getlist(self.header) if seen.proxied else []
        return named[0] if len(named) == 1 and USER.fullmatch(named[0]) else None


Login = ByFile | ByHeader | ByProvider


def login_of(settings: Settings, proxies: Proxies, limits: Limits) -> Login | None:
    """What LOFI_AUTH asks for; None where it asks for nothing. Raises LofiError."""
    kind, _, value = settings.auth.partition(":")
    if not settings.auth:
        return None
    if kind == "file" and value:
        return ByFile(Path(value).expanduser(), limits)
    if kind == "header" and value:
        return ByHeader(value, proxies)
    if settings.auth == "oauth":
        return ByProvider(Provider(), back_address(settings), limits)
    raise LofiError("LOFI_AUTH must be file:PATH, header:NAME or oauth.")
