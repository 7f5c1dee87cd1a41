"""Embed films part by part; each is kept until all are done: a run that ends early, in any way, goes on later."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from lofi.errors import GalleryMismatch, LofiError, UnreadableFilm
from lofi.film.radiograph import Radiograph
from lofi.gallery import FilmRecord, Gallery, RegionIndex, joined
from lofi.gallery.pictures import FILMS, inside, write_copy
from lofi.gallery.storage import is_half
from lofi.gallery.table import listed
from lofi.gallery.vector_index import Vectors
from lofi.report.terms import report_terms
from lofi.results import PooledRegions, Study
from train.indexing.known import Known
from train.indexing.model import Model
from train.indexing.pieces import Piece, with_earlier

SHARD = 256
PARTIAL = ".partial"


@dataclass(frozen=True)
class Options:
    """How a gallery is built: with ``thumbs`` and a copy of its films inside, in 16 bits, with its boxes pooled."""

    thumbs: bool = False
    copy_images: bool = False
    half: bool = False
    regions: bool = True
    shard: int = SHARD
    quiet: bool = False
    force: bool = False


def pieces(studies: Sequence[Study], root: Path, fingerprint: str, out: Path, options: Options) -> list[Piece]:
    """The studies (``image`` relative to ``root``), ``options.shard`` a piece, each under a name that changes with
    everything it depends on.
    """
    studies = [replace(study, terms="|".join(report_terms(study.report, study.labels))) for study in studies]
    parts = [tuple(studies[start : start + options.shard]) for start in range(0, len(studies), options.shard)]
    return [Piece(part, out / PARTIAL / _key(part, root, fingerprint, options)) for part in parts]


class Embedded(NamedTuple):
    """A gallery in memory, its ``boxes`` pooled, by row, and the vectors of their phrases."""

    gallery: Gallery
    boxes: dict[int, PooledRegions]
    phrases: dict[str, Vectors]


def embedded(studies: Sequence[Study], root: Path, model: Model, out: Path, options: Options) -> Embedded:
    """The films of ``studies`` (``image`` relative to ``root``) embedded, and their boxes pooled.

    Every ``shard`` films are kept in ``out/.partial`` as a small gallery; a later run takes from there what the same
    model made of the same records and files, and of films of the same content whatever is said of them.
    """
    parts = pieces(studies, root, model.fingerprint, out, options)
    known: Known | None = None
    with tqdm(total=len(studies), unit=" films", disable=options.quiet, smoothing=0.05) as bar:
        for piece, earlier in with_earlier(parts, root):
            if kept(piece, model.fingerprint, out, options) is not None:
                bar.update(len(piece.studies))
                continue
            if known is None:
                known = Known(model)
                known.learn(made_before(out, model.fingerprint))
            before = (Gallery.open(other.place, model.fingerprint) for other in earlier)
            make(piece, root, known.beside(before), out, options, bar.update)
    gallery = joined(Gallery.open(piece.place, model.fingerprint) for piece in parts)
    gallery = replace(gallery, folder=out, image_root=root)
    boxes, phrases = _boxes(parts, gallery) if options.regions else ({}, {})
    if options.copy_images:
        gallery = _with_copies(gallery, out, options.quiet)
    return Embedded(gallery, boxes, phrases)


def make(
    piece: Piece, root: Path, known: Known, out: Path, options: Options, tick: Callable[[], object] = int
) -> Gallery:
    """Embed a piece and keep it."""
    thumbs_in = out if options.thumbs else None
    made = Gallery.build(_film_records(piece.studies, root, tick), known, thumbs_in=thumbs_in, image_root=root)
    regions = RegionIndex.build(made, known).to_bytes() if options.regions else b""
    return made.save(piece.place, regions=regions)


def kept(piece: Piece, fingerprint: str, out: Path, options: Options) -> Gallery | None:
    """The piece as an earlier run made it; None where there is none, it is damaged or its thumbnails are gone."""
    try:
        part = Gallery.open(piece.place, fingerprint)
        RegionIndex.open(part)
    except GalleryMismatch:
        return None
    if options.thumbs and not all(inside(out, study.thumbnail) for study in part.studies):
        return None
    return part


def made_before(out: Path, fingerprint: str) -> Iterator[Gallery]:
    """What lies in ``out`` of this model with vectors in 32 bits: pieces of other runs, and the gallery itself."""
    for place in [*sorted((out / PARTIAL).glob("*")), out]:
        try:
            found = Gallery.open(place, fingerprint)
        except GalleryMismatch:
            continue
        if found.manifest is not None and not is_half(place / found.manifest.vectors_file):
            yield found


def _boxes(parts: Sequence[Piece], gallery: Gallery) -> tuple[dict[int, PooledRegions], dict[str, Vectors]]:
    """The pooled boxes of the pieces by row of the gallery that was joined from them, and their phrases' vectors."""
    rows = {name: row for row, name in enumerate(listed(gallery.records.table["study_id"]))}
    found: dict[int, PooledRegions] = {}
    phrases: dict[str, Vectors] = {}
    for piece in parts:
        part = Gallery.open(piece.place, gallery.fingerprint)
        index = RegionIndex.open(part)
        if index is None:
            continue
        phrases |= zip(index.phrases, index.phrase_vectors, strict=True)
        for row, pooled in index.pooled().items():
            # A copy: of thousands of pieces no file is held open.
            found.setdefault(rows[part.studies[row].study_id], PooledRegions(*map(np.array, pooled)))
    return dict(sorted(found.items())), phrases


def _film_records(studies: Sequence[Study], root: Path, tick: Callable[[], object]) -> Iterator[FilmRecord]:
    for study in studies:
        yield study, _reader(root, study.image)
        tick()


def _reader(root: Path, image: str) -> Callable[[], Radiograph]:
    """How to read one film: its path comes from a record and must not lead out of ``root``."""

    def read() -> Radiograph:
        path = inside(root, image)
        if path is None:
            raise UnreadableFilm("The record's film is not in the folder of films.")
        return Radiograph.read(path)

    return read


def _key(studies: Sequence[Study], root: Path, fingerprint: str, options: Options) -> str:
    """A name that changes when the model, a record, the size or time of a film's file, or an option does."""
    digest = hashlib.sha256(f"2 {fingerprint} {options.thumbs} {options.regions}".encode())
    for study in studies:
        path = inside(root, study.image)
        stamp = (path.stat().st_size, path.stat().st_mtime_ns) if path else None
        digest.update(json.dumps([asdict(study), stamp]).encode())
    return digest.hexdigest()[:32]


def _with_copies(gallery: Gallery, out: Path, quiet: bool) -> Gallery:
    """The gallery with its films inside ``out``, under names that tell nothing."""
    (out / FILMS).mkdir(parents=True, exist_ok=True)
    studies = []
    for study in tqdm(gallery.studies, unit=" copies", disable=quiet):
        path = inside(gallery.image_root, study.image)
        try:
            image = write_copy(path, out, study.study_id) if path else ""
        except LofiError:  # it could be read a moment ago
            image = ""
        studies.append(replace(study, image=image))
    return replace(gallery, studies=tuple(studies), image_root=None)
