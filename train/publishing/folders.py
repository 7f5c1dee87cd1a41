"""The exact folders that are pushed: copies, so that what goes out can be looked at before."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from lofi.errors import LofiError
from lofi.gallery import Gallery
from lofi.network.checkpoint import DENSE_FILES, FILES, MANIFEST, read_manifest
from train.publishing.card import SPACE_HEADER

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SPACE = ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "SECURITY.md", "app.py", "requirements.txt")
SPACE_FOLDERS = ("lofi", "assets", "docs")
"""What the app needs, and what its README points at. No test, no training, nothing from outside the tree."""
_PASSED_OVER = {"__pycache__"}
CARD = "README.md"


class Unpublishable(LofiError):
    """What was named cannot be pushed; the text says why and what to do."""


def space_folder(out: Path, tree: Path = REPOSITORY, torch_index: str | None = None) -> Path:
    """Write the Space; ``torch_index`` is an index of packages that its builder asks beside the usual one.

    Raises Unpublishable where the README has no header that a Space could read.
    """
    if not (tree / CARD).read_text("utf-8").startswith(SPACE_HEADER):
        raise Unpublishable("README.md must begin with the header of a Space: --- and sdk, app_file and so on.")
    _fresh(out)
    for name in SPACE:
        if (tree / name).is_file():
            shutil.copyfile(tree / name, out / name)
    for folder in SPACE_FOLDERS:
        _copy(tree / folder, out / folder)
    if torch_index:
        wanted = out / "requirements.txt"
        wanted.write_text(f"--extra-index-url {torch_index}\n{wanted.read_text('utf-8')}", "utf-8")
    return out


def checkpoint_of(run: Path) -> Path:
    """The checkpoint in a run's folder, or the folder itself. Raises Unpublishable or CheckpointError."""
    places = [place for place in (run, run / "checkpoint") if (place / MANIFEST).is_file()]
    if not places:
        raise Unpublishable(f"No {MANIFEST} in {run.name} nor in its folder checkpoint: name a checkpoint's folder.")
    read_manifest(places[0])  # every hash is checked before anything is copied
    return places[0]


def model_folder(checkpoint: Path, out: Path, card: str) -> Path:
    """Write a checkpoint with its card: the files that its manifest vouches for, and no other."""
    vouched = read_manifest(checkpoint)["sha256"]
    _fresh(out)
    for name in (MANIFEST, *FILES, *(name for name in DENSE_FILES if name in vouched)):
        shutil.copyfile(checkpoint / name, out / name)
    (out / CARD).write_text(card, "utf-8")
    return out


def gallery_folder(gallery: Path, out: Path, card: str, real_films: bool = False) -> Path:
    """Write a gallery as a data set. Raises Unpublishable where it holds films of people and that was not said, or
    where its films lie elsewhere: the path to them is nobody's business, and of no use to others.
    """
    opened = Gallery.open(gallery)
    if opened.image_root is not None:
        raise Unpublishable("The gallery's films lie outside of it: build it again with --copy-images.")
    if not real_films and not all(study.simulated for study in opened.studies):
        raise Unpublishable("The gallery holds real films: --real-films says that they may be given to everybody.")
    _fresh(out)
    _copy(gallery, out)
    (out / CARD).write_text(card, "utf-8")
    return out


def told(folder: Path) -> str:
    """Number and size of a folder's files, and the largest of them, for whoever pushes it."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in _files(folder)}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    listed = ", ".join(f"{name} {sizes[name] / 1e6:.1f} MB" for name in largest)
    return f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB ({sum(sizes.values()):,} bytes); largest: {listed}"


def _fresh(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        raise Unpublishable(f"{out.name} is not empty: name a new folder, so that nothing old is pushed with the new.")
    out.mkdir(parents=True, exist_ok=True)


def _files(folder: Path) -> Iterable[Path]:
    """Files below a folder, without hidden ones and what Python leaves behind."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part in _PASSED_OVER for part in parts):
            yield path


def _copy(source: Path, target: Path) -> None:
    for path in _files(source):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
