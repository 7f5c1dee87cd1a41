"""Logging in with an account of an OpenID provider: the authorization-code flow with PKCE, as a Space offers it."""

import base64
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.limits import Limits, TooMany
from lofi.ui.provider import REFUSED, LoginFailed, Provider
from lofi.ui.proxies import LOCAL, Seen, host_name, words
from lofi.ui.sessions import Sessions

BEGUN = "lofi_login"
"""The cookie of a login that was begun: only the browser that began it may end it."""
MINUTES = 10
MOST_BEGUN = 10_000
LONGEST_CODE = 4096
ELSEWHERE = "This login was begun in another browser or too long ago: begin again."


@dataclass(frozen=True)
class _Begun:
    state: str
    nonce: str
    verifier: str
    study: bool
    ends: float


class ByProvider(Sessions):
    """Users of an OpenID provider: whomever it lets in is let in here, for ``HOURS``. Their name is the provider's
    ``preferred_username``: the provider must give each to one person only and for good.
    """

    has_page = True
    takes_basic = False

    def __init__(self, provider: Provider, back: str, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(clock)
        self.provider = provider
        self.back = back
        self._limits = limits
        self._begun: OrderedDict[str, _Begun] = OrderedDict()

    async def user(self, headers: Headers, seen: Seen) -> str | None:
        """Who sent this request; None where nobody is logged in. A program has no login here."""
        return self._by_cookie(headers)

    async def begin(self, study: bool, address: str) -> tuple[str, str]:
        """Where the browser goes, and a secret that it keeps meanwhile. Raises TooMany, LoginFailed."""
        self._take(address)
        doors = await self.provider.doors()
        secret, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        self._begun[self._hidden(secret)] = _Begun(state, nonce, verifier, study, self._clock() + MINUTES * 60)
        while len(self._begun) > MOST_BEGUN:
            self._begun.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self.provider.client,
            "redirect_uri": self.back,
            "scope": self.provider.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{doors.authorize}{'&' if '?' in doors.authorize else '?'}{urlencode(asked)}", secret

    async def finish(self, secret: str, query: QueryParams, address: str) -> tuple[str, str, bool]:
        """User, token of the session, and whether the study was asked for. Raises TooMany, LoginFailed."""
        self._take(address)
        key, state = self._hidden(secret), _one(query, "state")
        begun = self._begun.get(key)
        if begun is None or begun.ends < self._clock() or not hmac.compare_digest(begun.state.encode(), state.encode()):
            raise LoginFailed(ELSEWHERE, 400)
        self._begun.pop(key, None)  # once, whatever comes of it
        code = _one(query, "code")
        doors = await self.provider.doors()
        # RFC 9207: a provider that names itself names the one that was asked.
        if not code or len(code) > LONGEST_CODE or query.get("iss", doors.issuer) != doors.issuer:
            raise LoginFailed(REFUSED, 401)
        user = await self.provider.person(code, begun.verifier, begun.nonce, self.back)
        self._limits.passwords.charge(f"address {address}", -2)
        return user, self._new(user, ""), begun.study

    def _take(self, address: str) -> None:
        """Whoever tries often is slowed down, as with passwords."""
        wait = self._limits.passwords.take(f"address {address}")
        if wait:
            raise TooMany(wait)


def back_address(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """Where the provider sends a browser back to; the same has to be entered there. Raises LofiError."""
    name = next(iter(words(environ.get("SPACE_HOST", "") or settings.hosts)), "")
    if not name and settings.local:
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
    if not host_name(name):
        raise LofiError("LOFI_AUTH=oauth needs LOFI_HOSTS: the name to which the provider sends a browser back.")
    base = f"http://{name}:{settings.port}" if name.lower() in LOCAL else f"https://{name}"
    return f"{base}{settings.root_path}/login/back"


def _one(query: QueryParams, name: str) -> str:
    values = query.getlist(name)
    return values[0] if len(values) == 1 else ""
