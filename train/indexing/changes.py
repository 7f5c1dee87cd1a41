"""What becomes of a gallery: built anew, added to, updated, cut down. Each ends in one step, with gallery.json.

Whoever has the gallery open keeps the state that was opened, whole, until it is closed.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lofi.errors import BadQuery, GalleryMismatch
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.index_file import EXACT_BELOW
from lofi.gallery.pictures import inside
from lofi.gallery.storage import file_sha256, is_half
from lofi.gallery.table import Records, table_of
from lofi.gallery.turns import writing
from lofi.gallery.vector_index import Vectors
from lofi.results import PooledRegions, Study
from train.indexing.building import PARTIAL, Options, embedded
from train.indexing.films import check_found, check_readable, located
from train.indexing.model import Model

_MADE = {"thumbnail", "film_sha256", "film_print", "terms", "image", "view"}
"""Fields of a study that the index makes, or fills, itself."""
PROBES = 200
EmbedText = Callable[[Sequence[str]], Vectors]


class Change(NamedTuple):
    """The gallery as it is now, and how many studies are new to it, came anew, went, and stayed as they were."""

    gallery: Gallery
    added: int = 0
    updated: int = 0
    removed: int = 0
    kept: int = 0


def index(studies: Sequence[Study], root: Path, model: Model, out: Path, options: Options) -> Gallery:
    """Build a gallery of ``studies`` (``image`` relative to ``root``) in ``out``; at the end it replaces the old one.

    Raises BadQuery, with nothing changed, where few films are found or can be read.
    """
    studies, found = located(studies, root)
    check_found(found, len(studies), options.force)
    _make(out)
    with writing(out):
        gallery, boxes, phrases = embedded(studies, root, model, out, options)
        check_readable(len(gallery), len(studies), options.force)
        return _finished(gallery, boxes, _text(phrases, model), out, options.half, model)


def add(
    studies: Sequence[Study], root: Path, model: Model, out: Path, options: Options, update: bool = False
) -> Change:
    """Add those of ``studies`` that the gallery in ``out`` has not; with ``update``, those that changed come anew."""
    studies, _ = located(studies, root)
    _make(out)
    with writing(out):
        old = replace(Gallery.open(out, model.fingerprint), reading=None)  # no reader whom the new state waits for
        rows = {study.study_id: row for row, study in enumerate(old.studies)}
        new = [study for study in studies if study.study_id not in rows]
        there = [study for study in studies if study.study_id in rows]
        changed = [s for s in there if update and _differs(s, old.studies[rows[s.study_id]], root)]
        wanted = [*new, *changed]
        if not wanted:
            return Change(old, kept=len(old))
        check_found(sum(inside(root, study.image) is not None for study in wanted), len(wanted), options.force)
        options = _as_before(options, old)
        if not options.copy_images:
            old = _under(old, root)
        fresh, boxes, phrases = embedded(wanted, root, model, out, options)
        check_readable(len(fresh), len(wanted), options.force)
        # A changed study whose film can no longer be read stays as it was.
        gone = {rows[study.study_id] for study in fresh.studies if study.study_id in rows}
        kept = np.array([row for row in range(len(old)) if row not in gone], dtype=np.int64)
        begun = old if len(kept) == len(old) else None
        merged = _merged(old, kept, fresh, boxes)
        gallery = _finished(*merged, _text(_phrases(old) | phrases, model), out, options.half, model, begun)
        return Change(gallery, len(fresh) - len(gone), len(gone), 0, len(kept))


def remove(study_ids: Collection[str], out: Path) -> Change:
    """Take studies and their pictures out of the gallery in ``out``; ids that are not there are passed over."""
    with writing(out):
        old = replace(Gallery.open(out), reading=None)
        unwanted = set(study_ids)
        kept = np.array([row for row, s in enumerate(old.studies) if s.study_id not in unwanted], dtype=np.int64)
        if len(kept) == len(old):
            return Change(old, kept=len(old))
        half = old.manifest is not None and is_half(out / old.manifest.vectors_file)
        gallery = _finished(*_merged(old, kept, None, {}), _text(_phrases(old), None), out, half)
        return Change(gallery, removed=len(old) - len(kept), kept=len(kept))


def _make(out: Path) -> None:
    """The folder of the gallery. Raises BadQuery where it cannot be one."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadQuery("--out must name a folder, and a file lies there.") from None


def _as_before(options: Options, old: Gallery) -> Options:
    """The options, with what the gallery has already: thumbnails, copies of its films, 16 bits."""
    some = old.studies[:100]
    half = old.manifest is not None and old.folder is not None and is_half(old.folder / old.manifest.vectors_file)
    copies = old.image_root is None and any(study.image for study in some)
    return replace(
        options,
        thumbs=options.thumbs or any(study.thumbnail for study in some),
        copy_images=options.copy_images or copies,
        half=options.half or half,
    )


def _under(old: Gallery, root: Path) -> Gallery:
    """The old gallery with its films' paths relative to ``root``, which may be a folder above the one it had."""
    if old.image_root is None or old.image_root.resolve() == root.resolve():
        return old
    if not old.image_root.resolve().is_relative_to(root.resolve()):
        raise BadQuery(
            "These films lie in another folder than the gallery's: give the folder above both as --images-root, or "
            "take the films into the gallery with --copy-images."
        )
    way = old.image_root.resolve().relative_to(root.resolve())
    studies = [replace(study, image=(way / study.image).as_posix() if study.image else "") for study in old.studies]
    return replace(old, studies=studies, image_root=root)


def _differs(study: Study, old: Study, root: Path) -> bool:
    """Whether a record says something else than it did, or its film's file has other bytes."""
    if any(getattr(study, item.name) != getattr(old, item.name) for item in fields(Study) if item.name not in _MADE):
        return True
    path = inside(root, study.image)
    return path is not None and file_sha256(path) != old.film_sha256


def _merged(
    old: Gallery, kept: NDArray[np.int64], fresh: Gallery | None, boxes: Mapping[int, PooledRegions]
) -> tuple[Gallery, dict[int, PooledRegions]]:
    """The ``kept`` rows of a gallery and after them a fresh one, with the pooled boxes of both by row."""
    tables, vectors = [table_of(old.records).take(pa.array(kept))], [old.vectors[kept]]
    found = _kept_boxes(old, kept)
    dropped: dict[str, int] = {}
    if fresh is not None:
        tables.append(table_of(fresh.studies))
        vectors.append(fresh.vectors)
        found |= {len(kept) + row: pooled for row, pooled in boxes.items()}
        dropped = dict(fresh.dropped)
    joined = np.concatenate(vectors)
    joined.setflags(write=False)
    root = old.image_root if fresh is None else fresh.image_root or old.image_root
    gallery = Gallery(
        Records(pa.concat_tables(tables)), joined, old.fingerprint, old.model, dropped or old.dropped, old.folder, root
    )
    return gallery, found


def _kept_boxes(old: Gallery, kept: NDArray[np.int64]) -> dict[int, PooledRegions]:
    place = {row: number for number, row in enumerate(kept.tolist())}
    try:
        regions = RegionIndex.open(old)
    except GalleryMismatch:  # damaged: they cost the examples of the old studies, not the new studies
        regions = None
    pooled = {} if regions is None else regions.pooled()
    return {place[row]: boxes for row, boxes in pooled.items() if row in place}


def _phrases(old: Gallery) -> dict[str, Vectors]:
    """The vectors of the phrases of a gallery's boxes."""
    try:
        regions = RegionIndex.open(old)
    except GalleryMismatch:
        regions = None
    return {} if regions is None else dict(zip(regions.phrases, regions.phrase_vectors, strict=True))


def _text(known: dict[str, Vectors], model: Model | None) -> EmbedText:
    """Embeds phrases, those whose vectors are known without asking the model."""

    def embed_text(phrases: Sequence[str]) -> Vectors:
        new = [phrase for phrase in phrases if phrase not in known]
        if new and model is not None:
            known.update(zip(new, model.embed_text(new), strict=True))
        return np.stack([known[phrase] for phrase in phrases])

    return embed_text


def _finished(
    gallery: Gallery,
    boxes: Mapping[int, PooledRegions],
    embed_text: EmbedText,
    out: Path,
    half: bool,
    model: Model | None = None,
    begun: Gallery | None = None,
) -> Gallery:
    """The gallery, which begins with ``begun``, written to ``out`` in one step; what was kept for a later run goes."""
    regions = RegionIndex.of(gallery, boxes, embed_text) if boxes else None
    probes = None
    if regions is not None and model is not None and len(gallery) > EXACT_BELOW:  # else no graph is tuned
        probes = model.embed_query(regions.phrases[:PROBES])
    saved = gallery.save(out, half, b"" if regions is None else regions.to_bytes(), probes, begun)
    shutil.rmtree(out / PARTIAL, ignore_errors=True)
    return saved
