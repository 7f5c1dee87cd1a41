"""The running app through gradio_client: the contract, and sentences instead of failures."""

import threading
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

HIT = {"study_id", "similarity", "report", "labels", "view", "source", "boxes"}
FILM = {"size", "view", "kind", "flags", "sha256", "spacing_at", "sides", "unfit"}


@pytest.fixture(scope="module")
def client(app_url: str) -> Client:
    return Client(app_url, verbose=False)


@pytest.fixture
def film(film_file: Path, tmp_path: Path) -> Any:
    """The film under a name that must never come back."""
    named = tmp_path / "secret-patient.png"
    named.write_bytes(film_file.read_bytes())
    return handle_file(named)


def test_search(client: Client, film: Any) -> None:
    answer = client.predict(film=film, k=3, where="", api_name="/search")
    assert set(answer["film"]) == FILM
    assert set(answer["film"]["size"]) == {"height", "width"}
    assert len(answer["hits"]) == 3
    assert set(answer["hits"][0]) >= HIT
    assert "secret" not in str(answer)


def test_defaults(client: Client, film: Any) -> None:
    assert len(client.predict(film, api_name="/search")["hits"]) == 8


def test_search_text(client: Client) -> None:
    answer = client.predict(text="left pleural effusion", k=2, where="", api_name="/search_text")
    assert set(answer) == {"hits", "notes"}
    assert len(answer["hits"]) == 2


def test_ground(client: Client, film: Any) -> None:
    answer = client.predict(film=film, phrases="cardiomegaly\nleft pleural effusion", api_name="/ground")
    assert [g["phrase"] for g in answer["groundings"]] == ["cardiomegaly", "left pleural effusion"]
    for grounding in answer["groundings"]:
        assert set(grounding) == {
            "phrase",
            "asked",
            "state",
            "note",
            "found",
            "confidence",
            "boxes",
            "scores",
            "evidence",
            "likely",
            "guess",
            "concepts",
            "warning",
        }
        assert len(grounding["boxes"]) == len(grounding["scores"])


def test_describe_and_report(client: Client, film: Any) -> None:
    assert len(client.predict(film=film, boxes="[[0.1,0.2,0.5,0.6]]", api_name="/describe")["phrases"]) == 1
    assert "sentences" in client.predict(film=film, api_name="/report")


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("/search", {"k": 0}),
        ("/search", {"k": "many"}),
        ("/search", {"where": "colour=blue"}),
        ("/ground", {"phrases": ""}),
        ("/describe", {"boxes": "no json"}),
        ("/describe", {"boxes": "[[2,2,3,3]]"}),
    ],
    ids=str,
)
def test_a_wrong_argument_is_told_in_a_sentence(
    client: Client, film: Any, endpoint: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(film=film, **arguments, api_name=endpoint)
    assert str(caught.value).rstrip("'\"").endswith(".")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"no film", b"\x89PNG\r\n\x1a\n" + b"\0" * 40], ids=["empty", "text", "broken"])
def test_a_file_that_is_no_film_is_refused(client: Client, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "secret-patient.dcm"
    file.write_bytes(data)
    with pytest.raises(AppError) as caught:
        client.predict(film=handle_file(file), api_name="/report")
    assert "secret" not in str(caught.value)


def test_a_file_of_the_server_cannot_be_asked_for(client: Client) -> None:
    with pytest.raises(AppError):
        client.predict(film={"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}, api_name="/search")


def test_two_people_may_send_the_same_film_at_once(app_url: str, film: Any) -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(Client(app_url, verbose=False).predict(film, api_name="/search"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)


def test_uploads_do_not_stay(client: Client, film: Any, app_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    client.predict(film=film, api_name="/search")
    left = [path for path in tmp_path_factory.getbasetemp().glob("app*/lofi-*/**/*") if "secret" in path.name]
    assert left == []
