"""What may be asked is a list, and every route that the application has is either on it or known to be closed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from lofi.settings import Settings
from lofi.ui.allowed import RULES, rule_for, without_prefix
from tests.ui.built import built

CLOSED = {
    *(
        "GET /svelte/{path:path}",
        "GET /gradio_api/deep_link",
        "GET /config/",
        "POST /login/",
        "GET /logout",
    ),
    *("GET /pwa_icon", "GET /pwa_icon/{size}", "GET /monitoring", "GET /monitoring/summary", "GET /monitoring/{key}"),
    *("GET /assets/{path:path}", "GET /static/{path:path}", "GET /theme.css", "GET /manifest.json", "GET /favicon.ico"),
    *("GET /gradio_api/user", "GET /gradio_api/user/", "GET /gradio_api/login_check", "GET /gradio_api/login_check/"),
    *("GET /gradio_api/token", "GET /gradio_api/token/", "GET /gradio_api/app_id", "GET /gradio_api/app_id/"),
    *("GET /gradio_api/dev/reload", "GET /gradio_api/runs", "GET /gradio_api/runs/", "GET /gradio_api/openapi.json"),
    *("POST /gradio_api/run-history/connect", "GET /gradio_api/run-history/buckets"),
    "GET /gradio_api/run-history/records",
    "GET /gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}",
    "GET /gradio_api/info/",
    "GET /gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    *("GET /gradio_api/proxy={url_path:path}", "HEAD /gradio_api/proxy={url_path:path}"),
    *("GET /gradio_api/file={path_or_url:path}", "HEAD /gradio_api/file={path_or_url:path}"),
    *(
        "GET /gradio_api/file/{path:path}",
        "POST /gradio_api/stream/{event_id}",
        "POST /gradio_api/stream/{event_id}/close",
    ),
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    *("POST /gradio_api/reset/", "POST /gradio_api/run/{api_name}", "POST /gradio_api/run/{api_name}/"),
    *("POST /gradio_api/api/{api_name}", "POST /gradio_api/api/{api_name}/", "POST /gradio_api/call/{api_name}/"),
    *(
        "POST /gradio_api/call/v2/{api_name}/",
        "POST /gradio_api/component_server",
        "POST /gradio_api/component_server/",
        "GET /gradio_api/queue/status",
    ),
    *("GET /gradio_api/upload_progress", "GET /gradio_api/startup-events", "GET /gradio_api/theme.css"),
    *("POST /gradio_api/process_recording", "POST /gradio_api/vibe-edit", "POST /gradio_api/vibe-edit/"),
    *("POST /gradio_api/undo-vibe-edit", "POST /gradio_api/undo-vibe-edit/", "GET /gradio_api/vibe-code"),
    *("GET /gradio_api/vibe-code/", "POST /gradio_api/vibe-code", "POST /gradio_api/vibe-code/"),
    *("POST /gradio_api/vibe-starter-queries", "POST /gradio_api/vibe-starter-queries/", "GET /openapi.json"),
    *("HEAD /openapi.json", "GET /gradio_api/profiling/traces", "GET /gradio_api/profiling/summary"),
    "POST /gradio_api/profiling/clear",
}
"""Routes of Gradio that stay closed; those that write, run code, show files or tell who asked what among them."""


def routes_of(app: Any, prefix: str = "") -> Iterator[str]:
    """Every "METHOD /path" of an application, mounts and included routers too."""
    for route in app.routes:
        if hasattr(route, "effective_candidates"):
            yield from _included(route, prefix)
        elif hasattr(route, "app") and hasattr(route.app, "routes"):
            yield from routes_of(route.app, prefix + route.path.rstrip("/"))
        else:
            assert getattr(route, "methods", None), f"a route of a kind that is not known here: {route!r}"
            yield from (f"{method} {prefix}{route.path}" for method in route.methods)


def _included(router: Any, prefix: str) -> Iterator[str]:
    for one in router.effective_candidates():
        if hasattr(one, "effective_candidates"):
            yield from _included(one, prefix)
        else:
            assert one.methods, f"a route of a kind that is not known here: {one!r}"
            yield from (f"{method} {prefix}{one.path}" for method in one.methods)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return built(Settings(reviews=str(tmp_path_factory.mktemp("kept"))))


def same(template: str) -> str:
    """A path with its parts' names left out."""
    return re.sub(r"\{[^}]*\}", "{}", template)


def test_every_route_is_allowed_or_known_to_be_closed(app: FastAPI) -> None:
    found = {same(route) for route in routes_of(app)}
    allowed = {same(f"{rule.method} {rule.path}") for rule in RULES}
    closed = {same(route) for route in CLOSED}
    assert len(found) > 70, "the routes are not all seen"
    assert found - allowed - closed == set(), "new routes: allow them in lofi/ui/allowed.py, or add them to CLOSED"
    assert allowed - found == set(), "allowed, but not there"
    assert not allowed & closed


def test_a_new_route_is_seen(tmp_path: Path) -> None:
    app = built(Settings(reviews=str(tmp_path)))
    app.add_api_route("/new", lambda: None, methods=["POST"])
    assert "POST /new" in set(routes_of(app))


@pytest.mark.parametrize("route", sorted(CLOSED))
def test_what_is_closed_fits_no_rule(route: str) -> None:
    method, _, template = route.partition(" ")
    path = same(template).replace("{}", "x")
    if route != "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}":
        assert rule_for(method, path, api=True) is None


TRICKS = [
    *("//lofi/open", "/lofi//open", "/lofi/open/", "/lofi/open/.", "/x/../lofi/open", "/lofi/open\n", "/lofi/open;x"),
    *(
        "/LOFI/open",
        "/lofi/op%65n",
        "/lofi\\open",
        "/lofi/open\0",
        "/lofi/ope\u006e\u0301",
        "/lofi/open?",
        "lofi/open",
        "",
    ),
]


@pytest.mark.parametrize("path", TRICKS)
def test_a_route_is_written_in_one_way_only(path: str) -> None:
    assert rule_for("POST", "/lofi/open", api=False) is not None
    assert rule_for("POST", path, api=True) is None


def test_the_api_is_closed_where_it_is_off() -> None:
    programs = [rule for rule in RULES if rule.api]
    assert {rule.path for rule in programs} >= {"/config", "/gradio_api/upload", "/gradio_api/queue/join"}
    for rule in programs:
        path = same(rule.path).replace("{}", "x")
        assert rule_for(rule.method, path, api=True) == rule
        assert rule_for(rule.method, path, api=False) is None


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/x/study", "/study"),
        ("/study", "/study"),
        ("/x", "/"),
        ("/x/", "/"),
        ("/xy/study", "/xy/study"),
        ("/x/x/study", "/x/study"),
        ("/x//x/study", "//x/study"),
    ],
)
def test_the_proxys_path_is_cut_off_once(path: str, inside: str) -> None:
    assert without_prefix(path, "/x") == inside
    assert without_prefix(path, "") == path
