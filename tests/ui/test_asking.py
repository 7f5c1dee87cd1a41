"""The page's questions over HTTP: a line an answer, more while it waits; only JSON of our own page is taken."""

import asyncio
import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from lofi.archive import AT_ONCE
from lofi.ui.asked import Asked
from lofi.ui.asking import MODEL, asking_route
from lofi.ui.holdings import Holdings
from tests.asking import DESK, post, sent
from tests.ui.built import run


def test_a_question_is_answered_in_one_line(app_url: str, film_file: Path) -> None:
    film = sent(app_url, film_file)
    status, lines = post(f"{app_url}/lofi/ask/similar", {"film": film, "k": 2})
    assert (status, len(lines)) == (200, 1)
    assert len(lines[0]["hits"]) == 2


def test_a_film_that_is_not_held_says_so(app_url: str) -> None:
    for question in ("similar", "ground", "describe", "draft", "suggest"):
        _, lines = post(f"{app_url}/lofi/ask/{question}", {"film": "0" * 64, "phrases": ["mass"], "box": [0, 0, 1, 1]})
        assert lines[-1]["gone"] is True, question


@pytest.mark.parametrize(
    ("name", "values", "headers", "status"),
    [
        ("nothing", {}, DESK, 404),
        ("__init__", {}, DESK, 404),
        ("start", [], DESK, 400),
        ("start", {"a": "x" * 2**18}, DESK, 400),
        ("start", {}, {"Content-Type": "text/plain"}, 415),
    ],
    ids=["unknown", "no question", "no object", "too long", "as a foreign page may send it"],
)
def test_what_is_no_question(app_url: str, name: str, values: object, headers: dict[str, str], status: int) -> None:
    got, lines = post(f"{app_url}/lofi/ask/{name}", values, headers)
    assert got == status
    assert set(lines[-1]) == {"error"}


def test_a_full_house_tells_everybody_their_place_and_answers_all(app_url: str, film_file: Path) -> None:
    film = sent(app_url, film_file)
    answers: dict[int, list[Any]] = {}

    def ask(number: int) -> None:
        phrases = [f"nodule {number} {extra}" for extra in range(6)]
        headers = {**DESK, "X-Lofi-Desk": f"reader-number-{number}"}
        answers[number] = post(f"{app_url}/lofi/ask/ground", {"film": film, "phrases": phrases}, headers)[1]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert all(len(lines[-1]["findings"]) == 6 for lines in answers.values())
    told = [line for lines in answers.values() for line in lines[:-1]]
    assert told
    assert all(line["waiting"] >= 1 and line["seconds"] >= 0 for line in told)
    for lines in answers.values():  # one question a reader, all alike: nobody's place grows
        places = [line["waiting"] for line in lines[:-1]]
        assert places == sorted(places, reverse=True)


def test_a_page_that_is_closed_leaves_the_queue(app_url: str, film_file: Path) -> None:
    film = sent(app_url, film_file)
    closed = []
    for number in range(30):
        connection = http.client.HTTPConnection(app_url.removeprefix("http://"), timeout=60)
        body = json.dumps({"film": film, "phrases": [f"mass {number} {extra}" for extra in range(24)]})
        connection.request("POST", "/lofi/ask/ground", body, {**DESK, "X-Lofi-Desk": f"closed-page-{number}"})
        closed.append(connection)
    time.sleep(0.2)
    for connection in closed:
        connection.close()
    time.sleep(2)  # a waiting question learns of it when it next tells its place
    _, lines = post(f"{app_url}/lofi/ask/ground", {"film": film, "phrases": ["pleural effusion"]})
    assert lines[-1]["findings"]
    # Two of the thirty may have been at the model; the others would have stood before this one.
    assert max((line["waiting"] for line in lines[:-1]), default=0) <= 2


def test_a_server_says_that_it_knew_what_was_withdrawn(app_url: str, film_file: Path) -> None:
    said = {"film": sent(app_url, film_file), "reader": "KNW", "kind": "phrase", "phrase": "mass"}

    def kept() -> Any:
        return post(f"{app_url}/lofi/ask/kept_verdicts", said)[1][-1]

    assert kept() == {"verdicts": [], "known": False}
    for decision, count in (("absent", 1), ("withdrawn", 0)):
        post(f"{app_url}/lofi/ask/keep_verdict", {**said, "decision": decision})
        assert (len(kept()["verdicts"]), kept()["known"]) == (count, True)


@pytest.mark.parametrize(("reader", "word"), [("<b>", "initials"), ("A" * 9, "initials")])
def test_initials_in_an_export_are_initials(app_url: str, film_file: Path, reader: str, word: str) -> None:
    asked = {"film": sent(app_url, film_file), "kind": "json", "reader": reader, "phrases": []}
    assert word in post(f"{app_url}/lofi/ask/export_case", asked)[1][-1]["error"]


def test_questions_that_run_the_model_take_turns() -> None:
    assert {"export_case", "ground", "heat_map"} <= MODEL


class Loaded:
    """Holdings whose model is there, and is not asked."""

    ready = True

    async def loaded(self) -> None:
        return


def test_an_archive_that_does_not_answer_holds_up_nobody_else() -> None:
    """Fifty searches in a slow archive kept every picture waiting for half a minute: they held all the threads."""
    begun, answering = [], threading.Event()

    def archive_search(asked: Asked) -> dict[str, object]:
        begun.append(asked)
        answering.wait(60)
        return {"studies": []}

    def start(asked: Asked) -> dict[str, object]:
        return {"held up": len(begun)}

    async def ask() -> tuple[dict[str, object], list[int]]:
        app = FastAPI()
        app.include_router(asking_route(cast(Holdings, Loaded()), (archive_search, start)))
        async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost", timeout=60) as page:
            slow = [asyncio.create_task(page.post("/lofi/ask/archive_search", json={})) for _ in range(50)]
            while len(begun) < AT_ONCE:
                await asyncio.sleep(0.01)
            told = await page.post("/lofi/ask/start", json={})
            answering.set()
            return told.json(), [answer.status_code for answer in await asyncio.gather(*slow)]

    assert run(ask()) == ({"held up": AT_ONCE}, [200] * 50)
