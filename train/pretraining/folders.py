"""Folders of a run: which is whose, and checkpoints that are written whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

OWN = ("state.safetensors", "metrics.csv", "checkpoint")
"""What only a run leaves in its folder."""


def check_free(out: Path) -> None:
    """Raises ValueError where another run lies in ``out``."""
    if any((out / name).exists() for name in OWN):
        raise ValueError("--out holds another run: go on with it by --resume, or give another folder")


def replace_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder that then takes the place of ``target``; a kill leaves the old one or the new one.

    Between two renames neither has the name: ``recover`` gives it back.
    """
    part, old = _beside(target)
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)
    write(part)
    for file in part.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> None:
    """After a kill: the old folder under its name where the new one did not get it, and no half of one."""
    part, old = _beside(target)
    if old.exists() and not target.exists():
        old.rename(target)
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)


def _beside(target: Path) -> tuple[Path, Path]:
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.old")


def replace_file(target: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    part = target.with_name(f"{target.name}.part")
    part.write_text(text, "utf-8")
    part.replace(target)


def put_aside(folder: Path, films: str) -> None:
    """Rename the best checkpoint where its score is of other validation films than ``films``, with which none of these
    can be compared: it stays, as ``best-1``, ``best-2`` and so on.
    """
    try:
        before = json.loads((folder / "manifest.json").read_text("utf-8"))["metrics"].get("validation_films", films)
    except (OSError, ValueError, KeyError):
        return
    if before != films:
        free = (folder.with_name(f"{folder.name}-{number}") for number in range(1, 10_000))
        folder.rename(next(place for place in free if not place.exists()))


def best_score(folder: Path) -> float | None:
    """The score of the checkpoint kept there; None where there is none."""
    try:
        found = json.loads((folder / "manifest.json").read_text("utf-8"))["metrics"].get("score")
    except (OSError, ValueError, KeyError):
        return None
    return None if found is None else float(found)
