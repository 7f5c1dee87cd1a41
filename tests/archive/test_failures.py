"""An archive that is down, refuses, is slow, sends half, leads away or lies: one sentence each."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from lofi.archive import Archive, FilmLine, Place, Query, session
from lofi.archive.lines import DIGITAL, film_line, study_line
from lofi.errors import LofiError
from lofi.ui.archive import ArchiveRoom
from lofi.ui.asked import Asked

FILM = FilmLine("1.2", "1.2.3", "1.2.3.4")
WRAPPED = 'multipart/related; type="application/dicom"; boundary=b'

Answer = Callable[[BaseHTTPRequestHandler], object]


class Liar(ThreadingHTTPServer):
    """Answers every request in the way that the test says."""

    daemon_threads = True
    answer: Answer

    @property
    def archive(self) -> Archive:
        return Archive(Place.of(f"http://127.0.0.1:{self.server_address[1]}/dicom-web"))


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.answer(self)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[Liar]:
    with Liar(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def saying(body: bytes, kind: str = "application/dicom+json", status: int = 200, **headers: str) -> Answer:
    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(saying(b"", status=401), session.REFUSED, id="refused"),
        pytest.param(saying(b"", status=503), session.BUSY, id="busy"),
        pytest.param(saying(b"", status=500), "(status 500)", id="broken"),
        pytest.param(saying(b"<html>", "text/html"), session.STRANGE, id="a web page"),
        pytest.param(saying(b"", status=302, Location="http://127.0.0.1:1/"), session.LEADS_AWAY, id="leads away"),
        pytest.param(saying(b"[", **{"Content-Length": "100"}), session.HALF, id="half"),
    ],
)
def test_a_list_that_does_not_come(liar: Liar, answer: Answer, told: str) -> None:
    liar.answer = answer
    with pytest.raises(LofiError, match=re.escape(told)):
        liar.archive.studies(Query(accession="1"))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(saying(b"--b\r\n\r\nDICM", WRAPPED), session.HALF, id="no end"),
        pytest.param(saying(b"--b\r\n\r\nDI", WRAPPED, **{"Content-Length": "999"}), session.HALF, id="cut off"),
        pytest.param(saying(b"DICM", "text/plain"), session.STRANGE, id="not wrapped"),
        pytest.param(saying(b"DICM", "multipart/related"), session.STRANGE, id="no boundary"),
    ],
)
def test_a_film_that_comes_in_part(liar: Liar, answer: Answer, told: str) -> None:
    liar.answer = answer
    with pytest.raises(LofiError, match=told):
        liar.archive.fetch(FILM)


def test_a_film_alone_and_wrapped(liar: Liar) -> None:
    liar.answer = saying(b"DICM--b\r\n", "application/dicom")
    assert liar.archive.fetch(FILM) == b"DICM--b\r\n"
    liar.answer = saying(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\nD\r\nI--b\r\n\r\n--b--\r\n", WRAPPED)
    assert liar.archive.fetch(FILM) == b"D\r\nI--b\r\n"


def test_more_bytes_than_a_film_are_not_taken(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_BYTES", 1000)
    liar.answer = saying(b" " * 200_000)
    with pytest.raises(LofiError, match=session.TOO_MUCH):
        liar.archive.studies(Query(accession="1"))


def test_silence_is_not_waited_for(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE", 0.2)
    ended = threading.Event()
    liar.answer = lambda _: ended.wait(30)
    with pytest.raises(LofiError, match=session.SLOW):
        liar.archive.studies(Query(accession="1"))
    ended.set()


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LofiError, match=session.AWAY):
        Archive(Place.of(f"http://127.0.0.1:{port}/dicom-web")).studies(Query(accession="1"))


def test_no_other_address_is_reached(liar: Liar) -> None:
    """Not even where the archive's own answer, or a changed link, names one."""
    asked: list[str] = []
    liar.answer = lambda to: (asked.append(to.path), saying(b"[]")(to))
    place = liar.archive.place
    with session.in_words(), session.session_for(place) as there:
        there.get(f"{place.address}/studies").close()
    for other in (place.address.replace("/dicom-web", "/other"), "http://localhost:1/", f"{place.address}-2/studies"):
        with session.session_for(place) as there, pytest.raises(LofiError), session.in_words():
            there.get(other)
    assert asked == ["/dicom-web/studies"]


@pytest.mark.parametrize(
    "row", [None, [], {}, {"0020000D": None}, {"0020000D": {"Value": [{}]}}, {"0020000D": {"Value": ["../x"]}}]
)
def test_a_line_without_a_uid_is_none(row: object) -> None:
    assert study_line(row) is None
    assert film_line(row, "1.2") is None


def test_texts_of_a_line_are_cleaned() -> None:
    study, text, count = {"Value": ["1.2"]}, {"Value": [json.loads('"a\\u202eb\\u0000 c"')]}, {"Value": [True]}
    line = study_line({"0020000D": study, "00081030": text, "00201208": count})
    assert line is not None
    assert (line.description, line.images) == ("ab c", None)


def test_what_was_sent_from_here_is_no_film() -> None:
    named = {"0020000E": "1.3", "00080018": "1.4", "00080016": "1.2.840.10008.5.1.4.1.1.7"}
    row = {tag: {"Value": [value]} for tag, value in named.items()}
    assert film_line(row, "1.2") is not None
    assert film_line({**row, "0008103E": {"Value": ["LoFi picture. Research use only."]}}, "1.2") is None


def element(*values: object) -> dict[str, object]:
    return {"vr": "LO", "Value": list(values)}


def listing(many: int) -> Answer:
    """Seven studies of one patient with ``many`` images each, all that fit every search."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        studies = [f"1.2.{n}" for n in range(7)]
        one = next((study for study in studies if study in to.path), None)
        if "instances" in path:
            rows = [
                {"0020000E": element("1.2.9"), "00080018": element(f"{one}.{n}"), "00080016": element(DIGITAL)}
                for n in range(many)
            ]
        else:
            wanted = [one] if one else studies
            rows = [
                {"0020000D": element(study), "00100020": element("P"), "00080020": element("20200101")}
                for study in wanted
            ]
        saying(json.dumps(rows).encode())(to)

    return answer


@pytest.mark.parametrize(
    ("many", "films", "told"),
    [
        (9, 16, ["Of 9 images of the study of 2020-01-01 the first 8", "Of 40 films the first 16", "The newest 4 "]),
        (4, 16, ["Of 20 films the first 16", "The newest 4 "]),
        (3, 15, ["The newest 4 "]),
    ],
)
def test_films_that_are_left_out_are_told(liar: Liar, many: int, films: int, told: list[str]) -> None:
    liar.answer = listing(many)
    room = ArchiveRoom(SimpleNamespace(archive=liar.archive), None)  # type: ignore[arg-type]
    answer = room.archive_study(Asked({"study": "1.2.0"}))
    assert len(answer["films"]) == films
    assert answer["told"].count(" were opened") == len(told)
    for sentence in told:
        assert sentence in answer["told"]
