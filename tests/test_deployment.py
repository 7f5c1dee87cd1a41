"""Container and service: what their files promise is in them, and the Dockerfile's steps run in an empty system."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
PLACE = REPOSITORY / "docs" / "deployment"
DOCKERFILE = (PLACE / "Dockerfile").read_text("utf-8")
UNIT = (PLACE / "lofi.service").read_text("utf-8")
STEPS = PLACE / "install.sh"


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PLACE / "compose.yaml").read_text("utf-8"))
    return loaded


def test_the_last_layer_holds_no_compiler_and_runs_as_nobody_in_particular() -> None:
    _, build, last = DOCKERFILE.split("\nFROM ")
    assert "install.sh tools" in build
    assert not [word for word in ("tools", "gcc", "COPY . ") if word in last]
    assert re.search(r"^USER lofi$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last


def test_every_step_is_the_scripts() -> None:
    steps = re.findall(r"^RUN (.+)$", DOCKERFILE, re.MULTILINE)
    assert [re.search(r"install\.sh (\w+)", step)[1] for step in steps] == ["tools", "build", "account"]  # type: ignore[index]


def test_what_is_copied_is_there_and_what_the_build_reads_is_not_left_out() -> None:
    ignored = set((REPOSITORY / ".dockerignore").read_text("utf-8").split())
    assert not ignored & {".ci", "lofi", "assets", "docs", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"}
    for name in re.findall(r"^COPY (docs/\S+)", DOCKERFILE, re.MULTILINE):
        assert (REPOSITORY / name).is_file()


def test_composed_nothing_can_be_written_but_the_reviews_and_only_the_proxy_is_reached() -> None:
    app, proxy = compose()["services"]["lofi"], compose()["services"]["proxy"]
    assert app["read_only"] is True
    assert app["cap_drop"] == ["ALL"]
    assert "ports" not in app
    assert app["volumes"] == ["data:/data"]
    assert app["environment"]["LOFI_PROXIES"] == proxy["networks"]["inside"]["ipv4_address"]
    assert app["environment"]["LOFI_HOSTS"] in (PLACE / "nginx.conf").read_text("utf-8")


def test_the_service_is_no_root_and_may_write_its_own_folder_only() -> None:
    for line in ("User=lofi", "ProtectSystem=strict", "NoNewPrivileges=yes", "ExecStart=/opt/lofi/bin/lofi app"):
        assert f"\n{line}\n" in UNIT
    program = shutil.which("systemd-analyze")
    if program:  # the program and the user are not here: nothing else may be said
        said = subprocess.run([program, "verify", PLACE / "lofi.service"], capture_output=True, text=True, check=False)
        told = [line for line in said.stderr.splitlines() if "lofi.service" in line]
        assert [line for line in told if "is not executable" not in line and "Unknown user" not in line] == []


def test_the_script_says_what_it_takes(tmp_path: Path) -> None:
    done = subprocess.run(["sh", STEPS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "build SOURCE PREFIX" in done.stderr


def test_a_build_of_torch_that_there_is_not_is_refused_before_anything_else_is_done(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", STEPS, "build", REPOSITORY, tmp_path / "there"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TORCH": "rocm"},
    )
    assert (done.returncode, done.stderr) == (2, "TORCH must be cpu or cuda.\n")
    assert not (tmp_path / "there").exists()


def test_the_steps_run_in_an_empty_system() -> None:
    """LOFI_ROOT names a root made by debootstrap: minutes and a gigabyte, so by hand and not with every run."""
    root = os.environ.get("LOFI_ROOT")
    if not root:
        pytest.skip("LOFI_ROOT names no root made by debootstrap: `debootstrap --variant=minbase bookworm ROOT` does")
    source = Path(root) / "source"
    ignored = shutil.ignore_patterns("__pycache__", ".git", ".venv", "tests", "train")
    shutil.copytree(REPOSITORY, source, ignore=ignored, dirs_exist_ok=True)
    script = ["sh", "/source/docs/deployment/install.sh"]
    for step in (["tools"], ["build", "/source", "/opt/lofi"], ["account", "/data"]):
        subprocess.run(["chroot", root, *script, *step], check=True)
    film = next((REPOSITORY / "assets" / "gallery" / "films").iterdir())
    shutil.copy(film, Path(root) / "film.webp")
    ask = ["chroot", "--userspec=lofi", root, "/opt/lofi/bin/lofi", "ground", "/film.webp", "cardiomegaly"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"cardiomegaly"' in done.stdout
