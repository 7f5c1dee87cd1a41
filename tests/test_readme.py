"""What the README says can be done is done here, as written."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from lofi.cli import parser
from lofi.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m lofi ")]


@pytest.fixture
def place(tmp_path: Path, film_file: Path, settings: Settings) -> Path:
    """A folder with the README's film.png and assets."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "lofi-mini").symlink_to(Path(settings.model).resolve())
    (tmp_path / "assets" / "gallery").symlink_to(settings.gallery.resolve())
    shutil.copy(film_file, tmp_path / "film.png")
    return tmp_path


def run(command: list[str], place: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", blocks("python"), ids=["library"])
def test_python_example(code: str, place: Path) -> None:
    assert run([sys.executable, "-W", "error", "-c", code], place)


@pytest.mark.parametrize("code", blocks("python client"), ids=["client"])
def test_client_example(code: str, place: Path, app_url: str) -> None:
    assert "groundings" in code
    assert run([sys.executable, "-c", code.replace("http://127.0.0.1:7860", app_url)], place)


@pytest.mark.parametrize("line", COMMANDS)
def test_command_line_example(line: str, place: Path) -> None:
    assert run(["bash", "-c", line.replace("python", sys.executable, 1)], place)


def test_every_command_is_shown() -> None:
    usage = next(action for action in parser()._actions if action.choices)
    assert usage.choices is not None
    assert {line.split()[3] for line in COMMANDS} == set(usage.choices)


def test_every_setting_is_described_and_exists() -> None:
    table = set(re.findall(r"^\| `(LOFI_\w+)`", README, re.MULTILINE))
    assert table == {f"LOFI_{field.name.upper()}" for field in fields(Settings)}


def test_the_two_commands_are_on_the_first_screen() -> None:
    first = README.split("\n---\n", 1)[1].splitlines()[:20]  # below the header that a Space reads
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)


def test_what_is_named_is_there() -> None:
    tree = blocks("text")[0]
    folder = ""
    for line in tree.splitlines():
        name = line.split()[0]
        path = REPOSITORY / (folder + name if line.startswith("  ") else name)
        folder = folder if line.startswith("  ") else name
        assert path.exists(), name
    for name in re.findall(r"`((?:assets|train)/[\w./-]+)`", README) + re.findall(r"\]\((assets/[^)]+)\)", README):
        assert (REPOSITORY / name).exists(), name
