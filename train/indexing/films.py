"""Where the films of records lie: found in the ways that paths are written, counted before anything is done."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lofi.errors import BadQuery
from lofi.gallery.pictures import inside
from lofi.results import Study


def located(studies: Sequence[Study], root: Path) -> tuple[list[Study], int]:
    """The studies, ``image`` as the path relative to ``root`` under which the film is found, and how many were found.

    Paths may be written with backslashes, absolute, or with accents composed in another way (NFC, NFD: macOS) than in
    the folder. A film that is not found, or lies outside of ``root``, keeps its path.
    """
    base = root.resolve()
    places = [_place(base, study.image) for study in studies]
    found = [
        study if place is None else replace(study, image=place) for study, place in zip(studies, places, strict=True)
    ]
    return found, sum(place is not None for place in places)


def _place(base: Path, image: str) -> str | None:
    for written in dict.fromkeys(_spellings(image)):
        path = inside(base, written)
        if path is not None:
            return path.relative_to(base).as_posix()
    return None


def _spellings(image: str) -> Iterator[str]:
    for written in (image, image.replace("\\", "/")):
        yield written
        yield unicodedata.normalize("NFC", written)
        yield unicodedata.normalize("NFD", written)


def check_found(found: int, wanted: int, force: bool) -> None:
    """Raises BadQuery where no film, or fewer than half of them, are there: most likely a folder's name is wrong."""
    if wanted and not force and found < wanted / 2:
        raise BadQuery(_refusal(f"Only {found:,}" if found else "None", wanted, "found in the folder of films"))


def check_readable(readable: int, wanted: int, force: bool) -> None:
    """Raises BadQuery where no film, or fewer than half of them, could be read: the gallery in place is worth more."""
    if wanted and not force and readable < wanted / 2:
        raise BadQuery(_refusal(f"Only {readable:,}" if readable else "None", wanted, "films that can be read"))


def _refusal(few: str, wanted: int, what: str) -> str:
    verb = "is" if few == "None" else "are"
    return (
        f"{few} of the {wanted:,} films that the records name {verb} {what}, so nothing was changed: look at the "
        "folder's name (--films, --images-root), or insist with --force."
    )
