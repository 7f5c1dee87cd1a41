"""Embed films part by part; each is kept until all are done: a run that ends early, in any way, goes on later."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from lofi.errors import GalleryMismatch, LofiError, UnreadableFilm
from lofi.film.radiograph import Radiograph
from lofi.gallery import Embedder, FilmRecord, Gallery, RegionIndex
from lofi.gallery.pictures import FILMS, inside, write_copy
from lofi.gallery.regions import RegionEmbedder
from lofi.report.terms import report_terms
from lofi.results import PooledRegions, Study

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


class Model(Embedder, RegionEmbedder, Protocol):
    """What is needed of a model."""


def embedded(
    studies: Sequence[Study], root: Path, model: Model, out: Path, options: Options
) -> tuple[Gallery, dict[int, PooledRegions]]:
    """The films of ``studies`` (``image`` relative to ``root``) embedded, and their boxes pooled, by row.

    Every ``shard`` films are kept in ``out/.partial`` as a small gallery; a later run takes from there what the same
    model made of the same records and files.
    """
    studies = [replace(study, terms="|".join(report_terms(study.report, study.labels))) for study in studies]
    parts: list[Gallery] = []
    boxes: dict[int, PooledRegions] = {}
    thumbs_in = out if options.thumbs else None
    with tqdm(total=len(studies), unit=" films", disable=options.quiet, smoothing=0.05) as bar:
        for start in range(0, len(studies), options.shard):
            chunk = studies[start : start + options.shard]
            place = out / PARTIAL / _key(chunk, root, model, options)
            part = _kept(place, model, thumbs_in)
            if part is not None:
                bar.update(len(chunk))
            else:
                records = _film_records(chunk, root, bar.update)
                made = Gallery.build(records, model, thumbs_in=thumbs_in, image_root=root)
                regions = RegionIndex.build(made, model).to_bytes() if options.regions else b""
                part = made.save(place, regions=regions)
            parts.append(part)
    gallery = replace(Gallery.join(parts), folder=out, image_root=root)
    if options.regions:
        boxes = _joined(parts, gallery)
    if options.copy_images:
        gallery = _with_copies(gallery, out, options.quiet)
    return gallery, boxes


def _joined(parts: Sequence[Gallery], gallery: Gallery) -> dict[int, PooledRegions]:
    """The pooled boxes of the parts by row of the gallery that was joined from them."""
    rows = {study.study_id: row for row, study in enumerate(gallery.studies)}
    found: dict[int, PooledRegions] = {}
    for part in parts:
        index = RegionIndex.open(part)
        for row, pooled in ({} if index is None else index.pooled()).items():
            found.setdefault(rows[part.studies[row].study_id], pooled)
    return dict(sorted(found.items()))


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


def _key(studies: Sequence[Study], root: Path, model: Model, options: Options) -> str:
    """A name that changes when the model, a record, the size or time of a film's file, or an option does."""
    digest = hashlib.sha256(f"2 {model.fingerprint} {options.thumbs} {options.regions}".encode())
    for study in studies:
        path = inside(root, study.image)
        stamp = (path.stat().st_size, path.stat().st_mtime_ns) if path else None
        digest.update(json.dumps([asdict(study), stamp]).encode())
    return digest.hexdigest()[:32]


def _kept(place: Path, model: Model, thumbs_in: Path | None) -> Gallery | None:
    """The part of an earlier run; None where there is none, it is damaged or its thumbnails are gone."""
    try:
        part = Gallery.open(place, model.fingerprint)
        RegionIndex.open(part)
    except GalleryMismatch:
        return None
    if thumbs_in is not None and not all(inside(thumbs_in, study.thumbnail) for study in part.studies):
        return None
    return part


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
