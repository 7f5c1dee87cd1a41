"""What the README and the pages of docs/ say can be done is done here, as written."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from lofi.cli import parser
from lofi.settings import Settings
from tests.launched import ended

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text("utf-8")
PAGES = {path: path.read_text("utf-8") for path in [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]}
EVERYTHING = "\n".join(PAGES.values())


def blocks(kind: str, text: str = EVERYTHING) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


COMMANDS = list(dict.fromkeys(line for block in blocks("sh command") for line in block.splitlines()))
"""Run as they stand."""
CONSOLE = [
    line.partition(" #")[0].strip() for block in blocks("console") for line in block.replace("\\\n", " ").splitlines()
]
"""Long, or for another machine: they are read."""


@pytest.fixture
def place(tmp_path: Path, film_file: Path, settings: Settings) -> Path:
    """A folder with the README's film.png and assets."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "lofi-mini").symlink_to(Path(settings.model).resolve())
    (tmp_path / "assets" / "gallery").symlink_to(settings.gallery.resolve())
    shutil.copy(film_file, tmp_path / "film.png")
    return tmp_path


def run(command: list[str], place: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LOFI_REVIEWS": str(place / "kept")}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", blocks("python", README), ids=["library"])
def test_python_example(code: str, place: Path) -> None:
    assert run([sys.executable, "-W", "error", "-c", code], place)


@pytest.mark.parametrize("code", list(dict.fromkeys(blocks("python client"))), ids=["client"])
def test_client_example(code: str, place: Path, app_url: str) -> None:
    assert "groundings" in code
    assert run([sys.executable, "-c", code.replace("http://127.0.0.1:7860", app_url)], place)


def by_the_shell(line: str, place: Path) -> str:
    return run(["bash", "-c", line.replace("lofi", f"{sys.executable} -m lofi", 1)], place)


def forked(line: str, place: Path) -> str:
    """As by the shell, of which it needs nothing, but not from nothing: tests of the package start so."""
    words = shlex.split(line, comments=True)[1:]
    told = ended("lofi.cli", words, place / "said", PWD=str(place), LOFI_REVIEWS=str(place / "kept"))
    assert told.statuses == [0], told.err
    return told.out


@pytest.mark.parametrize("line", COMMANDS)
def test_command_line_example(line: str, place: Path) -> None:
    assert line.startswith("lofi ")
    told = by_the_shell(line, place) if re.search(r"[<>|$]", line) else forked(line, place)
    assert told
    if " study new " in line:  # readers who follow it have boxes to judge, of each finding that it names
        each = re.findall(r"(\d+) of (\d+)[,)]", told)
        assert len(each) == line.count("--phrase")
        assert all(0 < int(boxed) < int(asked) for boxed, asked in each), told


def test_every_command_is_shown() -> None:
    usage = next(action for action in parser()._actions if action.choices)
    assert usage.choices is not None
    shown = {line.split()[1] for line in [*COMMANDS, *re.findall("`(lofi app)`", README)]}
    assert shown == set(usage.choices)


@pytest.mark.parametrize("line", [line for line in CONSOLE if re.match(r"(\w+=\S+ +)*lofi ", line)])
def test_a_command_that_is_not_run_is_one(line: str) -> None:
    words = shlex.split(line)
    parser().parse_args(words[words.index("lofi") + 1 :])  # ends the process where it is none


@pytest.mark.parametrize("line", [line for line in CONSOLE if " -m train" in line])
def test_a_training_command_has_the_options_that_are_shown(line: str) -> None:
    module = re.search(r"-m (train[\w.]*)", line)
    assert module is not None
    place = REPOSITORY / module[1].replace(".", "/")
    sources = [place.with_suffix(".py")] if place.with_suffix(".py").is_file() else sorted(place.glob("*.py"))
    written = "".join(source.read_text("utf-8") for source in sources)
    # Options that several commands share stand in a file of their own.
    for shared in re.findall(r"^from (train\.\w+\.arguments) import", written, re.M):
        written += (REPOSITORY / shared.replace(".", "/")).with_suffix(".py").read_text("utf-8")
    for option in re.findall(r" (--[a-z-]+)", line[module.end() :]):
        assert f'"{option}"' in written, f"{module[1]} has no {option}"


def test_files_and_make_targets_that_commands_name_are_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [*CONSOLE, *"\n".join(blocks("sh")).splitlines()]
    named = {found[1] for line in lines if (found := re.match(r"make ([\w-]+)", line))}
    assert {"demo", "test", "docs"} <= named <= targets
    for name in re.findall(r"docs/deployment/[\w.]+\w", EVERYTHING):
        assert (REPOSITORY / name).is_file(), name


def test_every_setting_is_described_and_exists() -> None:
    table = set(re.findall(r"^\| `(LOFI_\w+)`", EVERYTHING, re.MULTILINE))
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
    for name in re.findall(r"`((?:assets|train|lofi|docs|tests)/[\w./-]+)`", EVERYTHING):
        assert (REPOSITORY / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[page]):
        assert (page.parent / target).exists(), target


def test_the_readme_can_be_read_at_once() -> None:
    assert len(README.splitlines()) <= 150


def test_the_pages_build_strictly(tmp_path: Path) -> None:
    """A page that is missing, or a link that leads nowhere, ends the build."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not here: make test brings it")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", ".ci/mkdocs.yml"]
    subprocess.run([*command, "-d", str(tmp_path)], cwd=REPOSITORY, check=True)
    assert (tmp_path / "deployment" / "index.html").is_file()
