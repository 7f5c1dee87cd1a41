"""Pieces of a gallery to be, and which of them hold the same films: no content is embedded twice."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lofi.gallery.pictures import inside
from lofi.gallery.storage import file_sha256
from lofi.results import Study


class Piece(NamedTuple):
    """Films that are embedded together, and the folder where what came of them is kept."""

    studies: tuple[Study, ...]
    place: Path


class Step(NamedTuple):
    """A piece and the ``earlier`` ones in which films of the same content as some of its come first."""

    piece: Piece
    earlier: tuple[Piece, ...]


def with_earlier(pieces: Sequence[Piece], root: Path) -> list[Step]:
    """The pieces in order. Files of different sizes differ, so that only those of a size that comes again are read."""
    owners = _owners(pieces, root)
    return [Step(piece, tuple(pieces[n] for n in sorted(owners[number]))) for number, piece in enumerate(pieces)]


def waves(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps in waves: those of one can be taken beside one another, once the waves before are done."""
    wave: dict[Path, int] = {}
    found: defaultdict[int, list[Step]] = defaultdict(list)
    for step in steps:
        number = 1 + max((wave.get(piece.place, -1) for piece in step.earlier), default=-1)
        wave[step.piece.place] = number
        found[number].append(step)
    return [found[number] for number in sorted(found)]


def _owners(pieces: Sequence[Piece], root: Path) -> defaultdict[int, set[int]]:
    """By number of a piece the earlier ones that first hold a content which it holds too."""
    sizes: defaultdict[int, list[tuple[int, Path]]] = defaultdict(list)
    for number, path in _files(pieces, root):
        sizes[path.stat().st_size].append((number, path))
    first: dict[str, int] = {}
    owners: defaultdict[int, set[int]] = defaultdict(set)
    for alike in sizes.values():
        if len({number for number, _ in alike}) > 1:
            for number, path in alike:
                owner = first.setdefault(file_sha256(path), number)
                if owner != number:
                    owners[number].add(owner)
    return owners


def _files(pieces: Sequence[Piece], root: Path) -> Iterator[tuple[int, Path]]:
    for number, piece in enumerate(pieces):
        for study in piece.studies:
            path = inside(root, study.image)
            if path is not None:
                yield number, path
