"""The door of the application: who may ask what, from where, and what a browser is told about the answer.

Plain ASGI and outermost: nothing of Gradio's sees a request before it was let in, and no failure leaves with a trace.
"""

import re
import secrets
from dataclasses import dataclass, replace
from time import monotonic

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lofi.settings import Settings
from lofi.ui.allowed import JSON, Rule, rule_for, without_prefix
from lofi.ui.audit import note
from lofi.ui.boundary import UNFORESEEN, sentence
from lofi.ui.caller import Caller, answering_to
from lofi.ui.health import Metrics
from lofi.ui.limits import Limits, TooMany
from lofi.ui.login import Login, login_of
from lofi.ui.login_page import too_many
from lofi.ui.policy import ALWAYS, DOCUMENT, NOTHING
from lofi.ui.proxies import Hosts, Proxies, Seen, host_name

_DOCUMENTS = ("/", "/study", "/login", "/login/back")
_NOT_HERE = "There is nothing under this address."
_OTHER_NAME = "The server is not known under this name: its operator can add it to LOFI_HOSTS."
_FOREIGN = "This request came from another site's page."
_LOG_IN = "Log in first."
_IN_A_BROWSER = "Log in first, in a browser: programs have no login on this server."
_TOO_LONG = "The request is too long."
_TOO_OFTEN = "You ask more than this server answers: wait a little and try again."
MOST_JSON = 2**21
_PROGRAMS = "Programs are not served here: its operator can set LOFI_API to on."


class Refusal(Exception):
    """A request that is not let in: the status and the sentence that answer it."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


@dataclass(frozen=True)
class Door:
    """What the guard goes by, made once from the settings."""

    proxies: Proxies
    hosts: Hosts
    limits: Limits
    login: Login | None
    metrics: Metrics

    @classmethod
    def of(cls, settings: Settings) -> "Door":
        """Raises LofiError where a setting cannot be used."""
        proxies, limits = Proxies.of(settings.proxies), Limits(settings.rate, settings.quota)
        login = login_of(settings, proxies, limits)
        return cls(proxies, Hosts(settings.hosts, settings.host), limits, login, Metrics())


class Guard:
    """Lets requests in that are on the list, and answers the others with one sentence."""

    def __init__(self, app: ASGIApp, settings: Settings, door: Door) -> None:
        self.app = app
        self.settings = settings
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, began = Answer(send, secrets.token_hex(8)), monotonic()
        seen = self.door.proxies.seen(scope)
        who, rule = Caller(address=seen.address, request=answer.request), None
        with answering_to(who):
            try:
                rule = self.let_in(scope, seen)
                user = await self._user(scope, seen, rule)
                who = replace(who, user=user)
                measured = self._within_limits(scope, receive, rule, who)
                scope["lofi.caller"] = who
                with answering_to(who):
                    await self.app(scope, measured, answer.send)
                    await answer.end(scope, receive)
            except Refusal as refusal:
                if who.user:  # strangers could fill the log until what matters is gone from it
                    note("ask", outcome=f"refused ({refusal.status})")
                told = JSONResponse({"error": refusal.sentence}, refusal.status, refusal.headers)
                await told(scope, receive, answer.send)
            except TooMany as error:
                await too_many(error)(scope, receive, answer.send)
            except ClientDisconnect:
                pass  # nobody is there to be told
            except Exception as error:
                await answer.fail(scope, receive, error)
            finally:
                self.door.metrics.count(scope["method"], rule.path if rule else "", answer.status, monotonic() - began)

    def let_in(self, scope: Scope, seen: Seen) -> Rule:
        """The route that a request is for. Raises Refusal."""
        path = without_prefix(scope["path"], self.settings.root_path)
        rule = rule_for(scope["method"], path, self.settings.api_is_on)
        # Whoever watches over the app asks by its bare address, and learns nothing but "ready".
        if seen.host not in self.door.hosts and not (rule is not None and rule.path == "/healthz"):
            raise Refusal(421, _OTHER_NAME)
        if rule is None or (rule.path == "/metrics" and not self._may_measure(seen)):
            raise Refusal(404, _NOT_HERE)
        scope["path"], scope["raw_path"] = path, path.encode("ascii")
        if rule.plain:
            scope["lofi.study"] = linked_study(scope["query_string"])
            scope["query_string"] = b""
        headers = Headers(scope=scope)
        if scope["method"] == "POST":
            self._check_sender(headers, seen)
            if headers.get("content-type", "").partition(";")[0].strip().lower() != rule.takes:
                raise Refusal(415, f"{'JSON' if rule.takes == JSON else rule.takes} is expected here.")
        elif headers.get("sec-fetch-site") in ("cross-site", "same-site") and rule.path not in _DOCUMENTS:
            raise Refusal(403, _FOREIGN)  # a link may lead here from anywhere, but no page may make us work
        return rule

    def _may_measure(self, seen: Seen) -> bool:
        """Figures are for this machine and for the listed proxies, asking themselves and not for somebody."""
        near = seen.address in self.door.proxies or seen.address in ("127.0.0.1", "::1")
        return near and seen.address == seen.peer and not seen.relayed

    async def _user(self, scope: Scope, seen: Seen, rule: Rule) -> str:
        """Who is logged in, "" where nobody has to be. Raises Refusal, and TooMany where passwords are guessed."""
        if self.door.login is None:
            return ""
        headers = Headers(scope=scope)
        user = await self.door.login.user(headers, seen)
        if user or rule.public:
            return user or ""
        if self.door.login.has_page and rule.method == "GET" and rule.path in _DOCUMENTS:
            study = scope.get("lofi.study", "")
            way = "?to=study" if rule.path == "/study" else f"?StudyInstanceUID={study}" if study else ""
            place = f"{self.settings.root_path}/login{way}"
            raise Refusal(303, _LOG_IN, Location=place)
        # Asked so, a browser would open a window of its own over our page: programs only.
        program = self.door.login.has_page and "sec-fetch-site" not in headers
        if program and not self.door.login.takes_basic:
            raise Refusal(401, _IN_A_BROWSER)
        raise Refusal(401, _LOG_IN, **({"WWW-Authenticate": 'Basic realm="LoFi"'} if program else {}))

    def _within_limits(self, scope: Scope, receive: Receive, rule: Rule, who: Caller) -> Receive:
        """The body, counted as it comes. Raises Refusal where too much is asked or sent."""
        if rule.method != "POST":
            return receive
        announced = Headers(scope=scope).get("content-length", "")
        length = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 16 else 0
        small, sent = rule.takes == JSON, self.door.limits.bytes
        if small and length > MOST_JSON:
            raise Refusal(413, _TOO_LONG)
        wait = max(self.door.limits.questions.take(who.name), 0 if small else sent.take(who.name, length))
        if wait:
            raise Refusal(429, _TOO_OFTEN, **{"Retry-After": str(wait)})
        came = 0

        async def measured() -> Message:
            nonlocal came
            message = await receive()
            before, came = came, came + len(message.get("body", b""))
            if small and came > MOST_JSON:
                raise Refusal(413, _TOO_LONG)
            if not small and came > length:
                sent.charge(who.name, came - max(before, length))
            return message

        return measured

    def _check_sender(self, headers: Headers, seen: Seen) -> None:
        """A browser says where its page is from; a program says nothing, and is served where the API is on."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            if not self.settings.api_is_on:
                raise Refusal(403, _PROGRAMS)
        elif (site is not None and site != "same-origin") or (origin is not None and not is_own(origin, seen)):
            raise Refusal(403, _FOREIGN)


def linked_study(query: bytes) -> str:
    """The study that a link to the page names, "" where it names none: it is kept over a login."""
    named = re.search(rb"(?:^|&)StudyInstanceUID=([0-9.]{1,64})(?:&|$)", query)
    return named[1].decode("ascii") if named else ""


def is_own(origin: str, seen: Seen) -> bool:
    """Whether an Origin is that of the address under which this very request came."""
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or (seen.scheme and scheme != seen.scheme) or not host_name(host):
        return False
    usual = ":443" if scheme == "https" else ":80"
    return host.lower().removesuffix(usual) == seen.host.lower().removesuffix(usual)


class Answer:
    """One answer on its way out: headers are added, a failure becomes a sentence."""

    def __init__(self, send: Send, request: str) -> None:
        self.request = request
        self.status = 0
        self._failed = False
        self._ended = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            # What starlette says of an error that nobody met is replaced by our sentence.
            self._failed = message["status"] == 500 and _type(message).startswith("text/plain")
            if self._failed:
                return
            self.status = message["status"]
            self._head(message)
        elif self._failed:
            return
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


def _type(message: Message) -> str:
    return Headers(raw=message.get("headers", [])).get("content-type", "")
