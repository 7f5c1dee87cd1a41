"""The running application, attacked over HTTP: a caller names files that it did not send.

After each attack the file is still there with its bytes, and the answer does not tell whether there was one.
"""

import json
import os
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import running_app

GONE = "The upload is no longer here: send the film again."
META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app of its own: what is attacked here may not disturb others."""
    folder = tmp_path_factory.mktemp("attacked")
    with running_app(folder, LOFI_HOST="0.0.0.0", LOFI_API="on") as url:
        yield url
    # One line, that it is open to everybody; and no trace of anything that was tried (running_app looks for those).
    warned = [line for line in (folder / "log").read_text().splitlines() if "set LOFI_AUTH" in line]
    assert warned == ["Anybody who reaches this address may use the app: set LOFI_AUTH, and LOFI_HOSTS."]


def posted(url: str, body: bytes, kind: str) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def upload(address: str, data: bytes, name: str = "secret-patient.png") -> str:
    """Send a file as gradio_client does; returns the path under which the server knows it."""
    lines = [
        b"--frame",
        b'Content-Disposition: form-data; name="files"; filename="' + name.encode() + b'"',
        b"Content-Type: application/octet-stream\r\n",
        data,
        b"--frame--\r\n",
    ]
    (path,) = posted(f"{address}/gradio_api/upload", b"\r\n".join(lines), "multipart/form-data; boundary=frame")
    return str(path)


def asked(address: str, *values: Any, call: str = "ground") -> str:
    """The whole answer of a call, as it is sent; ground's last value asks about any film."""
    body = json.dumps({"data": [*values, *([True] if call == "ground" else [])]}).encode()
    started = posted(f"{address}/gradio_api/call/{call}", body, "application/json")["event_id"]
    with urllib.request.urlopen(f"{address}/gradio_api/call/{call}/{started}", timeout=120) as answer:
        return str(answer.read().decode()).replace("event: heartbeat\ndata: null\n\n", "")


def refused(answer: str) -> bool:
    return answer.startswith("event: error") and GONE in answer and "patient" not in answer and "/" not in answer


@pytest.fixture
def victim(tmp_path: Path, film_file: Path) -> Path:
    """A film in a folder of its own, elsewhere on the disk."""
    path = tmp_path / "archive" / "secret-patient.png"
    path.parent.mkdir()
    path.write_bytes(film_file.read_bytes())
    return path


FORMS: dict[str, dict[str, Any]] = {
    "plain": {"meta": META},
    "stream": {"meta": META, "is_stream": True},
    "address": {"meta": META, "url": "file:///etc/passwd"},
    "data": {"meta": META, "url": "data:text/plain;base64,QUJD"},
    "name": {"meta": META, "orig_name": "../../../etc/passwd", "is_stream": True},
    "no meta": {"is_stream": True},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_file_elsewhere_is_neither_read_nor_removed_nor_told_of(
    address: str, victim: Path, form: dict[str, Any]
) -> None:
    before = victim.read_bytes()
    missing = str(victim.with_name("missing.png"))
    answers = [
        asked(address, {"path": path, **form}, "cardiomegaly")
        for path in (str(victim), missing, "/etc/passwd", "/etc", str(victim.parent))
    ]
    assert all(refused(answer) for answer in answers), answers
    assert len(set(answers)) == 1, "the answer tells whether the file is there"
    assert victim.read_bytes() == before
    assert Path("/etc/passwd").is_file()


@pytest.mark.parametrize(
    "path",
    ["http://127.0.0.1:{port}/film.png", "file:///etc/passwd", "data:image/png;base64,iVBORw0KGgo=", "~/.profile"],
)
def test_no_address_is_fetched(address: str, path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(3)
        named = path.format(port=listener.getsockname()[1])
        assert refused(asked(address, {"path": named, "meta": META}, "cardiomegaly"))
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device"])
def test_what_lies_in_an_uploads_place_is_neither_read_nor_removed(
    address: str, victim: Path, film_file: Path, kind: str
) -> None:
    before = victim.read_bytes()
    path = Path(upload(address, film_file.read_bytes()))
    path.unlink()
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    answers: list[str] = []
    caller = threading.Thread(
        target=lambda: answers.append(asked(address, {"path": str(path), "meta": META, "is_stream": True}, "mass")),
        daemon=True,
    )
    caller.start()
    caller.join(60)
    assert answers, "the call hangs"
    assert refused(answers[0])
    assert victim.read_bytes() == before
    assert os.path.lexists(path)
    # The next one is served all the same: nothing is held.
    film = {"path": upload(address, film_file.read_bytes()), "meta": META}
    assert asked(address, film, "mass").startswith("event: complete")


def test_a_path_in_another_argument_is_refused(address: str, victim: Path, film_file: Path) -> None:
    film = {"path": upload(address, film_file.read_bytes()), "meta": META}
    hostile = {"path": str(victim), "meta": META, "is_stream": True}
    for answer in (
        asked(address, film, hostile),
        asked(address, film, [hostile]),
        asked(address, film, hostile, "", call="search"),
        asked(address, [hostile], "mass"),
    ):
        assert answer.startswith("event: error")
        assert "secret" not in answer
    assert victim.is_file()


def test_an_upload_has_no_name_of_its_own_on_disk_and_goes_when_read(address: str, film_file: Path) -> None:
    for name in ("secret-patient.png", "../../secret.png", "/etc/secret", "secret\\..\\x"):
        path = Path(upload(address, film_file.read_bytes(), name))
        assert "secret" not in str(path)
        assert len(path.name) == 32
        assert asked(address, {"path": str(path), "meta": META}, "mass").startswith("event: complete")
        assert not path.exists()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=frame"),
        (b"--frame\r\n", "multipart/form-data; boundary=frame"),
        (b"--frame\r\nContent-Disposition: form-data\r\n\r\nx\r\n--frame--\r\n", "multipart/form-data; boundary=frame"),
        (b"x", "multipart/form-data"),
        (b"x" * 3_000_000, "multipart/form-data; boundary=frame"),
    ],
    ids=["empty", "cut", "no name", "no boundary", "long"],
)
def test_a_broken_upload_is_told_in_a_sentence(address: str, body: bytes, kind: str) -> None:
    told: Any = None
    try:
        assert posted(f"{address}/gradio_api/upload", body, kind) == []
    except urllib.error.HTTPError as error:
        with error:
            told = (error.code, json.load(error)["error"][-1])
    assert told in (None, (400, "."))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("gradio_api/queue/data?session_hash=secret", None),
        ("gradio_api/queue/data", None),
        ("gradio_api/call/ground/secret", None),
        ("gradio_api/call/v2/secret", b"{}"),
        ("gradio_api/call/v2/ground", b'{"secret": 1}'),
        ("gradio_api/call/ground", b'{"data": "secret"}'),
        ("gradio_api/call/secret", b'{"data": []}'),
        ("gradio_api/queue/join", b'{"data": [], "fn_index": 99, "session_hash": "secret"}'),
        ("gradio_api/queue/join", b"secret"),
        ("gradio_api/cancel", b"{}"),
        ("lofi/ask/secret", b"{}"),
        ("lofi/ask/ground", b'{"film": "secret", "phrases": {"secret": 1}}'),
        ("lofi/ask/ground", b"["),
    ],
    ids=str,
)
def test_no_trace_and_no_value_leaves_a_route_that_fails(address: str, path: str, body: bytes | None) -> None:
    request = urllib.request.Request(f"{address}/{path}", body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            told, headers = answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            told, headers = error.read().decode(), error.headers
    assert "Traceback" not in told
    assert ".py" not in told
    assert len(headers["X-Request-ID"]) == 16
