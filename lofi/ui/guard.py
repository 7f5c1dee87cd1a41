"""The door of the application: who may ask what, from where, and what a browser is told about the answer.

Plain ASGI and outermost: nothing of Gradio's sees a request before it was let in, and no failure leaves with a trace.
"""

import secrets

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lofi.settings import Settings
from lofi.ui.allowed import JSON, Rule, rule_for, without_prefix
from lofi.ui.boundary import UNFORESEEN, sentence
from lofi.ui.caller import Caller, answering_to
from lofi.ui.policy import ALWAYS, DOCUMENT, NOTHING, marked, page_policy
from lofi.ui.proxies import Hosts, Proxies, Seen, host_name

_NOT_HERE = "There is nothing under this address."
_OTHER_NAME = "The server is not known under this name: its operator can add it to LOFI_HOSTS."
_FOREIGN = "This request came from another site's page."
_PROGRAMS = "Programs are not served here: its operator can set LOFI_API to on."


class Refusal(Exception):
    """A request that is not let in: the status and the sentence that answer it."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


class Guard:
    """Lets requests in that are on the list, and answers the others with one sentence."""

    def __init__(self, app: ASGIApp, settings: Settings, proxies: Proxies, hosts: Hosts) -> None:
        self.app = app
        self.settings = settings
        self.proxies = proxies
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, secrets.token_hex(8))
        try:
            seen = self.proxies.seen(scope)
            with answering_to(Caller(address=seen.address, request=answer.request)):
                rule = self.let_in(scope, seen)
                answer.document = rule.path == "/"
                await self.app(scope, receive, answer.send)
            await answer.end(scope, receive)
        except Refusal as refusal:
            await JSONResponse({"error": refusal.sentence}, refusal.status, refusal.headers)(
                scope, receive, answer.send
            )
        except Exception as error:
            await answer.fail(scope, receive, error)

    def let_in(self, scope: Scope, seen: Seen) -> Rule:
        """The route that a request is for. Raises Refusal."""
        if seen.host not in self.hosts:
            raise Refusal(421, _OTHER_NAME)
        path = without_prefix(scope["path"], self.settings.root_path)
        rule = rule_for(scope["method"], path, self.settings.api_is_on)
        if rule is None:
            raise Refusal(404, _NOT_HERE)
        scope["path"], scope["raw_path"] = path, path.encode("ascii")
        if rule.plain:
            scope["query_string"] = b""
        headers = Headers(scope=scope)
        if scope["method"] == "POST":
            self._check_sender(headers, seen)
            if headers.get("content-type", "").partition(";")[0].strip().lower() != rule.takes:
                raise Refusal(415, f"{'JSON' if rule.takes == JSON else rule.takes} is expected here.")
        if rule.path == "/":  # its scripts are marked, and what is packed cannot be
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        return rule

    def _check_sender(self, headers: Headers, seen: Seen) -> None:
        """A browser says where its page is from; a program says nothing, and is served where the API is on."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            if not self.settings.api_is_on:
                raise Refusal(403, _PROGRAMS)
        elif (site is not None and site != "same-origin") or (origin is not None and not is_own(origin, seen)):
            raise Refusal(403, _FOREIGN)


def is_own(origin: str, seen: Seen) -> bool:
    """Whether an Origin is that of the address under which this very request came."""
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or (seen.scheme and scheme != seen.scheme) or not host_name(host):
        return False
    usual = ":443" if scheme == "https" else ":80"
    return host.lower().removesuffix(usual) == seen.host.lower().removesuffix(usual)


class _Answer:
    """One answer on its way out: headers are added, Gradio's page is marked, a failure becomes a sentence."""

    def __init__(self, send: Send, request: str) -> None:
        self.request = request
        self.document = False
        self.status = 0
        self._failed = False
        self._ended = False
        self._send = send
        self._held: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Pass a message on; the parts of a document that is to be marked wait for its end."""
        if message["type"] == "http.response.start":
            # What starlette says of an error that nobody met is replaced by our sentence.
            self._failed = message["status"] == 500 and _type(message).startswith("text/plain")
            if self._failed:
                return
            self.status = message["status"]
            self._head(message)
            if self.document and _type(message).startswith("text/html"):
                self._held = message
                return
        elif self._failed:
            return
        elif self._held is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message = await self._mark()
        self._ended = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive, told: str = UNFORESEEN) -> None:
        """The end of an answer: where none had begun that can be sent, one sentence."""
        self._failed = False
        if self.status == 0:
            await JSONResponse({"error": told}, 500)(scope, receive, self.send)
        elif not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, scope: Scope, receive: Receive, error: Exception) -> None:
        """The end after an error that nobody met."""
        await self.end(scope, receive, sentence(error))

    def _head(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]  # Gradio lets every page of this machine read; none is let here
        for name, value in {**ALWAYS, "X-Request-ID": self.request}.items():
            headers[name] = value
        if headers.get("content-type", "").startswith("text/html"):
            for name, value in DOCUMENT.items():
                headers[name] = value
        headers.setdefault("Content-Security-Policy", NOTHING)

    async def _mark(self) -> Message:
        assert self._held is not None
        body, nonce = marked(bytes(self._body))
        headers = MutableHeaders(scope=self._held)
        headers["Content-Length"] = str(len(body))
        headers["Content-Security-Policy"] = page_policy(nonce)
        headers["Cache-Control"] = "no-store"
        await self._send(self._held)
        self._held = None
        return {"type": "http.response.body", "body": body}


def _type(message: Message) -> str:
    return Headers(raw=message.get("headers", [])).get("content-type", "")
