"""A small OpenID provider on a port of this machine, strict where LoFi must be right, and spoilt on demand."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "lofi at the hospital", "s3cret:with/signs+"


class OpenId:
    """``person`` is who sits before the browser; ``spoilt`` names a path and what is answered there instead.

    ``claims`` and ``about`` are laid over the ID token's and the person's claims. ``asked`` lists what came.
    """

    def __init__(self) -> None:
        self.fresh()
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def fresh(self) -> None:
        """As in the beginning, for another test."""
        self.person: dict[str, Any] = {"sub": "248289", "preferred_username": "anna"}
        self.document: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.given: dict[str, Any] = {}
        self.spoilt: dict[str, tuple[int, bytes]] = {}
        self.slow = 0.0
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.back = ""

    def serve(self) -> None:
        """Until ``stop``."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """From now on nobody listens."""
        self._server.shutdown()
        self._server.server_close()

    def environment(self, **more: str) -> dict[str, str]:
        """What an app needs to be its client."""
        known = {"OAUTH_CLIENT_ID": CLIENT, "OAUTH_CLIENT_SECRET": SECRET, "OPENID_PROVIDER_URL": self.url}
        return {**known, "no_proxy": "127.0.0.1", **more}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser of a person who agrees is sent."""
        expected = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        wrong = [name for name, value in expected.items() if query.get(name) != value]
        wrong += [name for name in ("state", "nonce", "code_challenge") if len(query.get(name, "")) < 43]
        wrong += ["scope"] if "openid" not in query.get("scope", "").split() else []
        wrong += ["redirect_uri"] if self.back and query.get("redirect_uri") != self.back else []
        assert not wrong, wrong
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer to whoever brings a code."""
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if [parse_qs(f"x={part}")["x"][0] for part in (name, secret)] != [CLIENT, SECRET]:
            return self._no("secret", 401)
        query = self._codes.pop(form.get("code", ""), None)
        if query is None:
            return self._no("code")
        if form.get("grant_type") != "authorization_code" or form.get("redirect_uri") != query["redirect_uri"]:
            return self._no("redirect address")
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(challenge).decode().rstrip("=") != query["code_challenge"]:
            return self._no("verifier")
        access = secrets.token_urlsafe(16)
        self._tokens.add(access)
        claims = {"iss": self.url, "aud": CLIENT, "exp": time.time() + 300, "nonce": query["nonce"]}
        token = _signed({**claims, "sub": self.person["sub"], **self.claims})
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": token, **self.given}

    def userinfo(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """Who the person is, told to the bearer of a token."""
        if authorization.removeprefix("Bearer ") not in self._tokens:
            return self._no("token", 401)
        return 200, {**self.person, **self.about}

    def discovery(self) -> dict[str, Any]:
        """Where everything is."""
        doors = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("token", "userinfo")}
        return {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize?x=y", **doors, **self.document}

    def _no(self, why: str, status: int = 400) -> tuple[int, dict[str, Any]]:
        self.refused.append(why)
        return status, {"error": "invalid_grant", "error_description": "SECRETS OF THE PROVIDER"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                at = urlsplit(self.path)
                if self._spoilt(at.path):
                    return
                if at.path == "/authorize":
                    query = {name: values[0] for name, values in parse_qs(at.query).items()}
                    # Two steps, as where somebody presses a button: the way back begins on the provider's page.
                    place = provider.authorize(query).replace("&", "&amp;")
                    self._send(200, f"<title>Hub</title><a href='{place}'>Let LoFi know me</a>".encode(), "text/html")
                elif at.path in ("/userinfo", "/person"):
                    self._told(*provider.userinfo(self.headers.get("Authorization", "")))
                elif at.path == "/.well-known/openid-configuration":
                    self._told(200, provider.discovery())
                else:
                    self._told(404, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                if not self._spoilt(self.path):
                    form = {name: values[0] for name, values in parse_qs(body).items()}
                    self._told(*provider.token(self.headers.get("Authorization", ""), form))

            def _spoilt(self, path: str) -> bool:
                provider.asked.append(path)
                if path not in provider.spoilt:
                    return False
                status, body = provider.spoilt[path]
                self._send(status, body, "application/json")
                return True

            def _told(self, status: int, values: dict[str, Any]) -> None:
                self._send(status, json.dumps(values).encode(), "application/json")

            def _send(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status in (302, 303):
                    self.send_header("Location", body.decode())
                self.end_headers()
                try:
                    for at in range(0, len(body), 1000 if provider.slow else len(body)):
                        self.wfile.write(body[at : at + (1000 if provider.slow else len(body))])
                        time.sleep(provider.slow)
                except OSError:
                    pass  # whoever asked had enough

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


def _signed(claims: dict[str, Any]) -> str:
    """An ID token; its signature is none, since nobody here looks at it."""
    head, middle = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims))
    return f"{head.decode().rstrip('=')}.{middle.decode().rstrip('=')}.c2lnbmF0dXJl"


@contextmanager
def openid() -> Iterator[OpenId]:
    """A provider that is up."""
    provider = OpenId()
    provider.serve()
    try:
        yield provider
    finally:
        provider.stop()
