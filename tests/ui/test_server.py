"""What the running app serves besides the page, and what it does not."""

import gzip
import urllib.parse
import urllib.request

import pytest

from lofi.gallery import Gallery
from lofi.settings import Settings
from lofi.ui.modules import PAGES, modules, served, version
from tests.asking import status


@pytest.mark.parametrize(
    "path", ["monitoring", "monitoring/x", "gradio_api/deep_link?session_hash=x", "gradio_api/runs"]
)
def test_routes_that_keep_or_show_sessions_are_closed(app_url: str, path: str) -> None:
    assert status(f"{app_url}/{path}") in {403, 404}


def test_pictures_of_a_study(app_url: str, settings: Settings) -> None:
    study = urllib.parse.quote(Gallery.open(settings.gallery).studies[0].study_id)
    for route in ("study", "thumbnail"):
        with urllib.request.urlopen(f"{app_url}/lofi/{route}?study_id={study}", timeout=60) as answer:
            assert answer.headers["Content-Type"] in {"image/jpeg", "image/webp"}
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert 500 < len(answer.read()) <= 200_000


@pytest.mark.parametrize("query", ["study?study_id=../../etc/passwd", "thumbnail?study_id=%00", "film?sha256=0"])
def test_a_picture_that_is_not_there(app_url: str, query: str) -> None:
    assert status(f"{app_url}/lofi/{query}") == 404


def test_what_the_pages_are_made_of_is_kept_for_ever_under_its_hash(app_url: str) -> None:
    assert set(served()) == {*modules(), *PAGES, "room.css"}
    for name, content in served().items():
        for coding in ("identity", "gzip"):
            asked = urllib.request.Request(f"{app_url}/lofi/viewer/{version()}/{name}")
            asked.add_header("Accept-Encoding", coding)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                assert answer.headers["Content-Type"].startswith(
                    "text/css" if name == "room.css" else "text/javascript"
                )
                assert "immutable" in answer.headers["Cache-Control"]
                body = answer.read()
                assert (gzip.decompress(body) if coding == "gzip" else body) == content


@pytest.mark.parametrize("path", ["{v}/study.css", "{v}/..%2Froom.js", "{v}/%2e%2e/page.py", "0/room.js", "room.js"])
def test_nothing_but_the_present_modules_is_served(app_url: str, path: str) -> None:
    assert status(f"{app_url}/lofi/viewer/{path.format(v=version())}") in {404, 405}
