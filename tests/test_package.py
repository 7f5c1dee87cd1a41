"""The wheel, in an environment that holds nothing but it and its dependencies: the README's three ways to use LoFi."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import lofi
from tests.asking import status

pytestmark = pytest.mark.minutes

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
BUILT_FROM = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "lofi", "assets")


def example(kind: str) -> str:
    """The README's first block of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without network, from a copy: a build leaves folders behind."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    command = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", *command, str(tree)], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment with the wheel, whose dependencies are those of this one."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    site = next((place / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    command = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *command], check=True)
    for path in sorted(site.rglob("*"), reverse=True):
        path.chmod(path.stat().st_mode & ~0o222)  # as of a system's own packages
    yield python.parent
    for path in site.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, film_file: Path) -> Path:
    """A folder of somebody's, with a film in it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(film_file, folder / "film.png")
    return folder


def variables(environment: Path) -> dict[str, str]:
    """Without a path to this tree."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "PATH": f"{environment}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}


def run(command: list[str], environment: Path, place: Path) -> str:
    done = subprocess.run(command, cwd=place, env=variables(environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_what_the_package_needs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assets = {f"lofi/{p.relative_to(REPOSITORY).as_posix()}" for p in (REPOSITORY / "assets").rglob("*") if p.is_file()}
    modules = {p.relative_to(REPOSITORY).as_posix() for p in (REPOSITORY / "lofi").rglob("*.py")}
    data = {"lofi/film/frontal.json", "lofi/export/case.schema.json"}
    assert {name for name in names if ".dist-info/" not in name} == assets | modules | data


def test_every_package_is_named() -> None:
    folders = {
        p.parent.relative_to(REPOSITORY).as_posix().replace("/", ".") for p in REPOSITORY.glob("lofi/**/__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders | {"lofi.assets"}


def test_one_version_everywhere(wheel: Path) -> None:
    assert lofi.__version__ == PROJECT["project"]["version"]
    assert f"-{lofi.__version__}-" in wheel.name
    assert f"\nversion: {lofi.__version__}\n" in (REPOSITORY / "CITATION.cff").read_text("utf-8")


def test_in_python(environment: Path, elsewhere: Path) -> None:
    assert run([str(environment / "python"), "-W", "error", "-c", example("python")], environment, elsewhere)


def test_on_the_command_line(environment: Path, elsewhere: Path) -> None:
    line = next(line for line in example("sh command").splitlines() if line.startswith("lofi ground"))
    assert "cardiomegaly" in run(["bash", "-c", line], environment, elsewhere)


def test_over_http(environment: Path, elsewhere: Path, tmp_path: Path) -> None:
    with served(environment, elsewhere, tmp_path) as url:
        code = example("python client").replace("http://127.0.0.1:7860", url)
        assert "cardiomegaly" in run([str(environment / "python"), "-c", code], environment, elsewhere)


@contextmanager
def served(environment: Path, elsewhere: Path, place: Path) -> Iterator[str]:
    """``lofi app``, as somebody starts it who installed the package."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {**variables(environment), "LOFI_REVIEWS": "off", "TMPDIR": str(place)}
    command = [str(environment / "lofi"), "app", "--port", str(port)]
    log = place / "log"
    with log.open("w") as sink:
        app = subprocess.Popen(command, cwd=elsewhere, env=own, stdout=sink, stderr=sink)
    try:
        for _ in range(600):
            assert app.poll() is None, log.read_text()
            with suppress(OSError):  # nobody listens yet
                if status(f"http://127.0.0.1:{port}/healthz") == 200:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(60)
    assert "Traceback" not in log.read_text()
