"""What may be asked of the server: a list of routes, and everything that is not on it is not there.

Gradio brings some seventy routes, and more with each version. The page needs none of them, the API a dozen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

JSON, FILM, FORM, NOTHING = "application/json", "application/octet-stream", "multipart/form-data", ""
_PARTS = {"name": r"[A-Za-z0-9_.=-]{1,200}", "path": r"[A-Za-z0-9_-][A-Za-z0-9_.@/-]*"}


@dataclass(frozen=True)
class Rule:
    """One route: its method, its path with ``{name}`` (one part) or ``{path}`` (several), the type that it takes.

    ``api``: only where the API is on. ``public``: without a login. ``plain``: the question behind "?" is dropped.
    """

    method: str
    path: str
    takes: str = NOTHING
    api: bool = False
    public: bool = False
    plain: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{(\w+)\}", self.path)
        written = "".join(_PARTS[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))
        object.__setattr__(self, "pattern", re.compile(written, re.ASCII))

    def fits(self, method: str, path: str) -> bool:
        """Whether a request is for this route, written in no other way."""
        return method == self.method and self.pattern.fullmatch(path) is not None


def _each(method: str, *paths: str, api: bool = False, public: bool = False, plain: bool = False) -> tuple[Rule, ...]:
    return tuple(Rule(method, path, api=api, public=public, plain=plain) for path in paths)


_OURS = (
    *_each("GET", "/lofi/film", "/lofi/study", "/lofi/pixels", "/lofi/study_pixels", "/lofi/thumbnail", "/study"),
    *_each("GET", "/lofi/viewer/{name}/{name}"),
    Rule("POST", "/lofi/open", FILM),
    Rule("POST", "/lofi/ask/{name}", JSON),
    *_each("GET", "/healthz", "/metrics", "/login", "/login/begin", "/login/back", public=True),
    Rule("POST", "/login", JSON, public=True),
    Rule("POST", "/logout", JSON),
    *(Rule("POST", f"/study/{name}", JSON) for name in ("card", "begin", "sheet", "mark", "finish", "leave")),
)
_PAGE = (
    *_each("GET", "/", "/robots.txt", plain=True),
    *_each("HEAD", "/", plain=True),
)
_API = (
    Rule("GET", "/config", api=True, plain=True),
    *_each("GET", "/gradio_api/info", "/gradio_api/queue/data", "/gradio_api/heartbeat/{name}", api=True),
    *_each("GET", "/gradio_api/call/{name}/{name}", "/gradio_api/call/v2/{name}/{name}", api=True),
    Rule("POST", "/gradio_api/upload", FORM, api=True),
    Rule("POST", "/gradio_api/queue/join", JSON, api=True),
    Rule("POST", "/gradio_api/call/{name}", JSON, api=True),
    Rule("POST", "/gradio_api/call/v2/{name}", JSON, api=True),
    Rule("POST", "/gradio_api/cancel", JSON, api=True),
    Rule("POST", "/gradio_api/reset", JSON, api=True),
)
RULES: tuple[Rule, ...] = (*_OURS, *_PAGE, *_API)
_HARMLESS = re.compile(r"/[A-Za-z0-9/_.@=-]*", re.ASCII)


def rule_for(method: str, path: str, api: bool, rules: Iterable[Rule] = RULES) -> Rule | None:
    """The route that a request is for; None where there is none that may be asked."""
    if not _HARMLESS.fullmatch(path) or "//" in path or "/." in path:
        return None
    return next((rule for rule in rules if rule.fits(method, path) and (api or not rule.api)), None)


def without_prefix(path: str, prefix: str) -> str:
    """The path below the one under which a proxy serves the app, whether the proxy cut that off or not. Once only."""
    return path[len(prefix) :] or "/" if prefix and (path == prefix or path.startswith(f"{prefix}/")) else path
