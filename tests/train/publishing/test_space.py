"""The folder of a Space: what is in it, and that it runs by itself where a Space's variables are set."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.spaces import ASKING, BEHIND, Running, running_space
from train.publish import main
from train.publishing.folders import SPACE, SPACE_FOLDERS

pytestmark = pytest.mark.minutes

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "space"
    assert main(["space", "owner/lofi", "--dry-run", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def names(folder: Path) -> set[str]:
    """The folder's files before anything ran in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def space(folder: Path, names: set[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_space(folder, tmp_path_factory.mktemp("home")) as running:
        yield running


def asked(space: Running, path: str, body: bytes | None = None, kind: str = "", **headers: str) -> Any:
    """The status and the text of an answer."""
    headers = {**ASKING, **({"Content-Type": kind} if kind else {}), **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(space.url + path, body, headers), timeout=300) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_a_film_and_a_phrase_are_answered_within_the_memory_of_a_free_space(space: Running, film_file: Path) -> None:
    status, text, _ = asked(space, "/lofi/open", film_file.read_bytes(), "application/octet-stream")
    assert status == 200, text
    film = json.loads(text)["film"]["sha256"]
    question = json.dumps({"film": film, "phrases": ["cardiomegaly"]}).encode()
    status, text, _ = asked(space, "/lofi/ask/ground", question, "application/json")
    assert status == 200, text
    answer = json.loads(text.splitlines()[-1])
    assert [finding["phrase"] for finding in answer["findings"]] == ["cardiomegaly"], text
    seconds = time.monotonic() - space.began
    print(f"start to first answer {seconds:.1f} s, memory {space.memory() / 2**30:.2f} GiB")
    assert space.memory() < 3 * 2**30


def test_the_folder_holds_the_app_and_neither_tests_nor_training(names: set[str]) -> None:
    assert {"README.md", "app.py", "requirements.txt", "LICENSE", "assets/lofi-mini/model.safetensors"} <= names
    tops = {name.split("/")[0] for name in names}
    assert tops <= {*SPACE, *SPACE_FOLDERS}
    assert not tops & {"tests", "train", "shared", ".ci", "Makefile"}
    assert not [name for name in names if "__pycache__" in name or "/." in f"/{name}"]


def test_the_header_names_what_is_installed(folder: Path) -> None:
    header = (folder / "README.md").read_text("utf-8").split("---\n")[1]
    said = dict(re.findall(r"^(\w+): (.+)$", header, re.MULTILINE))
    assert said["sdk"] == "gradio"
    assert said["sdk_version"] == metadata.version("gradio")
    assert (folder / said["app_file"]).is_file()
    assert said["license_link"] == "LICENSE", "the hub takes this name, LICENSE.md or an address"
    assert said["python_version"].strip('"') == "3.11"
    assert len(said["short_description"]) <= 60
    wanted = (folder / "requirements.txt").read_text("utf-8")
    assert f"gradio=={said['sdk_version']}" in wanted


def test_the_page_may_stand_in_the_frame_of_a_space_and_in_no_other(space: Running) -> None:
    status, text, headers = asked(space, "/")
    assert status == 200
    assert "frame-ancestors https://huggingface.co https://*.hf.space" in headers["Content-Security-Policy"]
    assert set(re.findall(r'(?:src|href)="(\w+)', text)) == {"data", "lofi"}, (
        "its addresses lie beside it, whatever its name"
    )


def test_another_name_a_foreign_page_and_a_program_are_turned_away(space: Running) -> None:
    assert asked(space, "/", Host="elsewhere.example")[0] == 421
    body = b"{}"
    assert asked(space, "/lofi/ask/start", body, "application/json", Origin="https://elsewhere.example")[0] == 403
    request = urllib.request.Request(
        f"{space.url}/lofi/ask/start", body, {**BEHIND, "Content-Type": "application/json", "X-Lofi-Desk": "x"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(request, timeout=60)
    caught.value.close()


def test_no_reviews_are_kept_and_the_log_is_quiet(space: Running) -> None:
    question = json.dumps({"film": "0" * 64, "reader": "AB"}).encode()
    _, text, _ = asked(space, "/lofi/ask/kept_verdicts", question, "application/json")
    assert "attach storage" in text
    written = space.log.read_text()
    assert "Traceback" not in written
    assert "Anybody who reaches this address" not in written


def test_the_page_on_scale_tells_todays_bytes(folder: Path) -> None:
    page = (REPOSITORY / "docs" / "scale.md").read_text("utf-8")

    def megabytes(place: Path) -> float:
        return sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / 1e6

    model, gallery = re.findall(r"^\| the bundled model and gallery \| (\S+) MB and (\S+) MB", page, re.MULTILINE)[0]
    assert float(model) == pytest.approx(megabytes(folder / "assets" / "lofi-mini"), rel=0.03)
    assert float(gallery) == pytest.approx(megabytes(folder / "assets" / "gallery"), rel=0.1)
    whole = re.findall(r"^\| the folder of a Space \| (\S+) MB", page, re.MULTILINE)[0]
    assert float(whole) == pytest.approx(megabytes(folder), rel=0.03)
    packages = re.findall(r"(\d+) packages on Python 3.11", page)[0]
    lock = (REPOSITORY / ".ci" / "requirements.lock").read_text("utf-8")
    assert int(packages) == len(re.findall(r"^[a-z0-9.-]+==\S+ \\$", lock, re.MULTILINE))
