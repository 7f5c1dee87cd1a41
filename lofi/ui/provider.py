"""An OpenID provider: where it says that its doors are, and who stands behind a code that it gave out.

Nothing is asked of anybody but the provider that the operator named and the addresses that its own discovery document
gives. What it answers is bounded in time and bytes, is never shown and never logged.
"""

import asyncio
import base64
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx

from lofi.errors import LofiError
from lofi.ui.proxies import LOCAL
from lofi.ui.sessions import USER

SECONDS = 10.0
MOST_BYTES = 2**16
REMEMBERED = 3600.0
"""Seconds for which a discovery document counts."""
SKEW = 60
"""Seconds by which the provider's clock may be behind ours."""
UNUSABLE = "The login service does not answer as it should: try again later, or tell whoever runs this server."
REFUSED = "The login service did not let you in: begin again."
STRANGE = "The name of this account cannot be used here: it is empty, too long or holds signs that cannot be printed."
_log = logging.getLogger("lofi")


class LoginFailed(LofiError):
    """A login that came to nothing; ``status`` is that of the page that says so."""

    def __init__(self, told: str, status: int) -> None:
        super().__init__(told)
        self.status = status


@dataclass(frozen=True)
class Doors:
    """What a discovery document says: the name by which the provider signs, and three addresses."""

    issuer: str
    authorize: str
    token: str
    userinfo: str


class Provider:
    """One client of one provider, as the environment of a Space names it. Raises LofiError where a part is missing."""

    def __init__(self, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = monotonic) -> None:
        parts = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OPENID_PROVIDER_URL")
        self.client, self._secret, url = (environ.get(part, "").strip() for part in parts)
        if not (self.client and self._secret and url):
            raise LofiError(
                f"LOFI_AUTH=oauth needs {', '.join(parts[:2])} and {parts[2]}: a Space has them with hf_oauth: true."
            )
        if not is_safe(url):
            raise LofiError("OPENID_PROVIDER_URL must be an address that begins with https://.")
        self.scopes = environ.get("OAUTH_SCOPES", "").strip() or "openid profile"
        if "openid" not in self.scopes.split():
            raise LofiError("OAUTH_SCOPES must hold openid, such as openid profile.")
        self.url = url.rstrip("/")
        self._clock = clock
        self._known: tuple[float, Doors] | None = None

    async def doors(self) -> Doors:
        """Of the discovery document, asked for once an hour. Raises LoginFailed."""
        if self._known is not None and self._clock() < self._known[0]:
            return self._known[1]
        said = await _asked("discovery", "GET", f"{self.url}/.well-known/openid-configuration")
        names = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        issuer, *addresses = (said.get(name) for name in names)
        # Another's name would let another's people in.
        if not isinstance(issuer, str) or issuer.rstrip("/") != self.url:
            raise _unusable("discovery (its issuer is not OPENID_PROVIDER_URL)")
        if not all(isinstance(address, str) and is_safe(address) for address in addresses):
            raise _unusable("discovery (an address without TLS)")
        found = Doors(issuer, *map(str, addresses))
        self._known = (self._clock() + REMEMBERED, found)
        return found

    async def person(self, code: str, verifier: str, nonce: str, back: str) -> str:
        """Who the code stands for: ``preferred_username``, else ``sub``. Raises LoginFailed.

        The ID token's signature is not looked at, so no library for it is needed: the token comes from the provider
        itself over TLS, which says who sent it (OpenID Connect Core 1.0, 3.1.3.7, point 6). Its claims are checked, and
        that it speaks of the person of the userinfo endpoint. The access token serves for that one question.
        """
        doors = await self.doors()
        basic = base64.b64encode(f"{quote_plus(self.client)}:{quote_plus(self._secret)}".encode()).decode()
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        given = await _asked("token", "POST", doors.token, f"Basic {basic}", sent)
        subject = self._subject(given.get("id_token"), doors, nonce)
        if str(given.get("token_type")).lower() != "bearer" or not isinstance(given.get("access_token"), str):
            raise _unusable("token")
        about = await _asked("userinfo", "GET", doors.userinfo, f"Bearer {given['access_token']}")
        if about.get("sub") != subject:
            raise _unusable("userinfo (it speaks of somebody else)")
        name = about.get("preferred_username") or subject
        if not isinstance(name, str) or not USER.fullmatch(name) or not name.isprintable():
            raise LoginFailed(STRANGE, 403)
        return name

    def _subject(self, token: object, doors: Doors, nonce: str) -> str:
        """Whom an ID token speaks of, once it is ours, of this login and of now. Raises LoginFailed."""
        claims = _claims(token)
        audience, ends, subject = claims.get("aud"), claims.get("exp"), claims.get("sub")
        ours = audience == self.client or (isinstance(audience, list) and self.client in audience)
        ours = ours and claims.get("azp", self.client) == self.client
        timely = isinstance(ends, int | float) and ends > time() - SKEW
        same = claims.get("iss") == doors.issuer and claims.get("nonce") == nonce
        if not (ours and timely and same and isinstance(subject, str) and subject):
            raise _unusable("token (its ID token is not of this login)")
        return subject


def is_safe(address: str) -> bool:
    """Whether an address is one of TLS, or of this machine, and holds neither a password nor a fragment."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    near = parts.scheme == "http" and (host in LOCAL or host == "::1")
    plain = address.isascii() and address.isprintable() and " " not in address
    return bool(plain and host and (parts.scheme == "https" or near) and "@" not in parts.netloc and "#" not in address)


async def _asked(
    step: str, method: str, url: str, authorization: str = "", form: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object of an answer. No redirect is followed, and nothing packed is unpacked. Raises LoginFailed."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    headers |= {"Authorization": authorization} if authorization else {}
    body = bytearray()
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client,
            client.stream(method, url, headers=headers, data=form) as answer,
        ):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > MOST_BYTES:
                    raise ValueError
        values = json.loads(bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
        raise _unusable(f"{step} ({type(error).__name__})") from None
    if step == "token" and answer.status_code == 400 and isinstance(values, dict):
        raise LoginFailed(REFUSED, 401)  # a code that was used before, is too old or not ours
    if answer.status_code != 200 or not isinstance(values, dict):
        raise _unusable(step)
    return values


def _claims(token: object) -> dict[str, Any]:
    """The middle part of an ID token; nothing where it is none."""
    try:
        part = str(token).split(".")[1]
        values = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _unusable(step: str) -> LoginFailed:
    _log.warning("A login failed: the OpenID provider's %s cannot be used.", step)
    return LoginFailed(UNUSABLE, 502)
