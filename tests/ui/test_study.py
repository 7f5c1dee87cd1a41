"""The reader study's routes: what they take, and what a wrong or hostile request is told. No model: a stand-in."""

import json
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lofi.gallery import Gallery
from lofi.results import Grounding, Hit
from lofi.settings import BUNDLED_GALLERY, Settings
from lofi.ui.holdings import Holdings
from lofi.ui.study import MAX_BODY, study_routes
from tests.study.verdicts import MODEL

GALLERY = Gallery.open(BUNDLED_GALLERY)
BOX = (0.1, 0.1, 0.4, 0.4)


class StandIn:
    """An engine that finds a mass everywhere, with a confidence that must not leak."""

    gallery = GALLERY
    model = SimpleNamespace(fingerprint=MODEL)

    def ground(self, film: object, phrases: tuple[str, ...], anyway: bool = False) -> list[Grounding]:
        return [Grounding(phrase, True, 0.4321, (BOX,), (0.8765,)) for phrase in phrases]

    def search(self, film: object, k: int, leave_out: object = None) -> tuple[Hit, ...]:
        return (Hit(GALLERY.studies[0], 0.9753, 1),)

    def study(self, study_id: str) -> object:
        return next(study for study in GALLERY.studies if study.study_id == study_id)


def client_of(tmp_path: Path, file: Path | None, reviews: str = "") -> TestClient:
    holdings = Holdings(Settings(study=file, reviews=reviews or str(tmp_path / "kept")))
    engine: Future[Any] = Future()
    engine.set_result(StandIn())
    holdings._engine = engine
    app = FastAPI()
    app.include_router(study_routes(holdings))
    return TestClient(app)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.json"
    cases = [{"study": study.study_id} for study in GALLERY.studies[1:4]]
    path.write_text(json.dumps({"name": "s", "phrases": ["mass"], "cases": cases, "hits": 1}))
    return path


@pytest.fixture
def client(tmp_path: Path, file: Path) -> TestClient:
    return client_of(tmp_path, file)


def begun(client: TestClient) -> tuple[str, dict[str, Any]]:
    token = client.post("/study/begin", json={"initials": "ab"}).json()["token"]
    return token, client.post("/study/sheet", json={"token": token}).json()


def test_the_page_runs_no_script_but_its_own(client: TestClient) -> None:
    page = client.get("/study")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert 'src="lofi/viewer/' in page.text


def test_a_blind_sheet_tells_no_confidence(client: TestClient, file: Path, tmp_path: Path) -> None:
    _, sheet = begun(client)
    told = json.dumps(sheet)
    assert not any(secret in told for secret in ("4321", "8765", "9753"))
    assert (sheet["number"], sheet["total"], sheet["phrases"][0]["boxes"]) == (1, 3, [list(BOX)])
    file.write_text(json.dumps({**json.loads(file.read_text()), "name": "open", "blind": False}))
    _, open_sheet = begun(client_of(tmp_path, file))
    assert open_sheet["phrases"][0]["scores"] == [0.8765]
    assert open_sheet["hits"][0]["similarity"] == 0.9753


def test_a_mark_is_stored_and_a_whole_case_finished(client: TestClient) -> None:
    token, sheet = begun(client)
    film = {"token": token, "film": sheet["sha256"]}
    mark = {"kind": "box", "phrase": "mass", "number": 0, "decision": "accepted"}
    marks = client.post("/study/mark", json={**film, "mark": mark}).json()["marks"]
    assert [one["decision"] for one in marks if one["kind"] == "box"] == ["accepted"]
    assert "Still to judge: 1 similar study" in client.post("/study/finish", json=film).json()["error"]
    hit = {"kind": "hit", "hit": GALLERY.studies[0].study_id, "decision": "relevant"}
    client.post("/study/mark", json={**film, "mark": hit})
    assert client.post("/study/finish", json=film).json() == {}
    assert client.post("/study/sheet", json={"token": token}).json()["number"] == 2


def test_a_film_that_changed_on_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    path = tmp_path / "films" / "a.png"
    source = GALLERY.image_path(GALLERY.studies[0])
    other = GALLERY.image_path(GALLERY.studies[1])
    assert source is not None
    assert other is not None
    path.write_bytes(source.read_bytes())
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"name": "s", "phrases": ["mass"], "folder": "films", "hits": 0}))
    client = client_of(tmp_path, file)
    token = client.post("/study/begin", json={"initials": "ab"}).json()["token"]
    path.write_bytes(other.read_bytes())
    assert "was changed" in client.post("/study/sheet", json={"token": token}).json()["error"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "text/plain"),
        (b"{}", "application/x-www-form-urlencoded"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"[" * 50_000, "application/json"),
        (b'{"initials": ["AB"]}', "application/json"),
        (b'{"initials": "<b>"}', "application/json"),
        (b'{"initials": "' + b"x" * MAX_BODY + b'"}', "application/json"),
        (b"\xff\xfe", "application/json"),
    ],
    ids=["text", "form", "empty", "list", "nested", "no text", "no initials", "long", "no UTF-8"],
)
def test_a_wrong_request_is_told(client: TestClient, body: bytes, kind: str) -> None:
    answer = client.post("/study/begin", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("number", ["1", 1.5, True, 0, 99, -1], ids=str)
def test_a_wrong_case_number_is_told(client: TestClient, number: object) -> None:
    token, _ = begun(client)
    assert client.post("/study/sheet", json={"token": token, "number": number}).status_code == 400


@pytest.mark.parametrize("route", ["sheet", "mark", "finish"])
def test_a_forged_token_opens_nothing(client: TestClient, route: str) -> None:
    _, sheet = begun(client)
    answer = client.post(f"/study/{route}", json={"token": "x", "film": sheet["sha256"], "mark": {}})
    assert (answer.status_code, answer.json()["code"]) == (400, "superseded")


def test_where_no_study_is_served_it_says_how(tmp_path: Path) -> None:
    answer = client_of(tmp_path, None).post("/study/card", json={})
    assert "python -m lofi study serve FILE" in answer.json()["error"]


def test_a_wrong_file_is_told_and_read_again_once_mended(tmp_path: Path, file: Path) -> None:
    good = file.read_text()
    file.write_text("{")
    client = client_of(tmp_path, file)
    assert "neither JSON" in client.post("/study/card", json={}).json()["error"]
    file.write_text(good)
    assert client.post("/study/card", json={}).json()["name"] == "s"


@pytest.mark.parametrize(("reviews", "told"), [("off", "LOFI_REVIEWS is off"), ("FILE", "cannot be written")])
def test_where_reviews_cannot_be_kept_it_is_said(tmp_path: Path, file: Path, reviews: str, told: str) -> None:
    client = client_of(tmp_path, file, str(file) if reviews == "FILE" else reviews)
    assert told in client.post("/study/begin", json={"initials": "AB"}).json()["error"]
