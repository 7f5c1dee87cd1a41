"""Buckets that fill at a steady rate, and the door that goes by them."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lofi.settings import Settings
from lofi.ui.guard import MOST_JSON
from lofi.ui.limits import MOST_NAMES, Buckets
from tests.ui.built import built

OWN = {"Origin": "http://localhost"}


def test_a_bucket_is_emptied_and_fills() -> None:
    now = [0.0]
    bucket = Buckets(3, 0.5, lambda: now[0])
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, 2]
    assert bucket.take("b") == 0
    now[0] = 2.0
    assert [bucket.take("a"), bucket.take("a")] == [0, 2]
    now[0] = 1_000.0
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, 2]


def test_what_is_larger_than_a_bucket_is_given_from_a_full_one_and_leaves_a_debt() -> None:
    now = [0.0]
    bucket = Buckets(10, 1, lambda: now[0])
    assert bucket.take("a", 25) == 0
    assert bucket.take("a", 1) == 16
    now[0] = 16.0
    assert bucket.take("a", 1) == 0


def test_charges_and_what_is_given_back() -> None:
    bucket = Buckets(2, 1, lambda: 0.0)
    bucket.charge("a", 2)
    assert bucket.take("a") == 1
    bucket.charge("a", -1)
    assert bucket.take("a") == 0
    bucket.charge("a", -100)
    assert [bucket.take("a") for _ in range(3)] == [0, 0, 1]


def test_no_limit_and_a_bound_on_names() -> None:
    assert Buckets(0, 1).take("a", 10**12) == 0
    bucket = Buckets(1, 1)
    for number in range(MOST_NAMES + 5):
        bucket.take(str(number))
    assert len(bucket._left) == MOST_NAMES


def client_of(tmp_path: Path, peer: str = "198.51.100.7", **limits: int) -> TestClient:
    app = built(Settings(reviews=str(tmp_path), **limits))
    return TestClient(app, base_url="http://localhost", client=(peer, 5))


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    client = client_of(tmp_path, rate=6)
    told = [client.post("/study/card", json={}, headers=OWN) for _ in range(4)]
    assert [answer.status_code for answer in told] == [400, 400, 400, 429]
    assert told[3].json()["error"].endswith(".")
    assert 1 <= int(told[3].headers["retry-after"]) <= 10
    assert client.get("/robots.txt").status_code == 200


def test_who_sends_too_much_is_told(tmp_path: Path) -> None:
    client = client_of(tmp_path, quota=1)
    kind = {**OWN, "Content-Type": "application/octet-stream"}
    assert client.post("/lofi/open", content=b"x" * 2**20, headers=kind).status_code == 400  # no film, but counted
    assert client.post("/lofi/open", content=b"x" * 2**19, headers=kind).status_code == 429


def test_what_comes_without_its_length_is_counted_too(tmp_path: Path) -> None:
    client = client_of(tmp_path, quota=1)
    kind = {**OWN, "Content-Type": "application/octet-stream"}
    assert client.post("/lofi/open", content=iter([b"x" * 2**19] * 3), headers=kind).status_code == 400
    assert client.post("/lofi/open", content=iter([b"x"]), headers=kind).status_code in (400, 429)
    assert client.post("/lofi/open", content=b"x" * 2**19, headers=kind).status_code == 429


@pytest.mark.parametrize("told_before", [True, False], ids=["announced", "not announced"])
def test_a_long_question_is_not_taken_in(tmp_path: Path, told_before: bool) -> None:
    body = b'{"data": "' + b"x" * MOST_JSON + b'"}'
    kind = {**OWN, "Content-Type": "application/json"}
    content = body if told_before else iter([body[: 2**20], body[2**20 :]])
    answer = client_of(tmp_path).post("/lofi/ask/start", content=content, headers=kind)
    assert answer.status_code in ((413,) if told_before else (400, 413))
