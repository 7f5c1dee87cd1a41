"""The page's modules, read by the TypeScript compiler: every JSDoc type has to hold."""

import shutil
import subprocess
from pathlib import Path

import pytest

PINNED = "typescript@5.9.3"
PROJECT = Path(__file__).with_name("tsconfig.json")


def tsc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the pinned compiler; npx fetches it once and keeps it."""
    command = ["npx", "--yes", "--package", PINNED, "tsc", *arguments]
    return subprocess.run(command, cwd=PROJECT.parent, capture_output=True, text=True, timeout=600, check=False)


def test_the_modules_pass_the_type_checker() -> None:
    if shutil.which("npx") is None:
        pytest.skip("no Node.js here, which the TypeScript compiler needs")
    if tsc("--version").returncode != 0:
        pytest.skip("the TypeScript compiler cannot be fetched here")
    checked = tsc("--project", str(PROJECT))
    assert checked.returncode == 0, checked.stdout
