"""Build a gallery from a record file, or from a folder of films and a CSV of reports. Resumable.

python -m train.index --records records.jsonl --out DIR
python -m train.index --films FOLDER --csv reports.csv --out DIR
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

import lofi
from lofi.errors import BadQuery, GalleryMismatch, LofiError, UnreadableFilm
from lofi.film.radiograph import Radiograph
from lofi.gallery import Embedder, FilmRecord, Gallery, RegionIndex, read_jsonl, study_from_record
from lofi.gallery.pictures import FILMS, inside, write_copy
from lofi.gallery.records import opaque_key
from lofi.gallery.regions import RegionEmbedder, boxed_studies
from lofi.results import Study
from train.data.reports_csv import read_reports

SHARD = 256
PARTIAL = ".partial"


def studies_of_records(path: Path, split: str | None, limit: int | None) -> list[Study]:
    """The studies of a records.jsonl file, of one split if given, ``limit`` at most. Raises BadQuery."""
    studies: list[Study] = []
    splits: Counter[str] = Counter()
    for record in read_jsonl(path):
        splits[str(record.get("split", ""))[:20]] += 1
        if split is None or record.get("split") == split:
            studies.append(study_from_record(record))
        if len(studies) == limit:
            break
    if not studies:
        there = ", ".join(name for name, _ in splits.most_common(5) if name) or "none"
        raise BadQuery(f"No record is of the split that was asked for; splits in the file: {there}.")
    return studies


def index(
    studies: Sequence[Study],
    root: Path,
    model: Embedder,
    out: Path,
    *,
    thumbs: bool = False,
    copy_images: bool = False,
    half: bool = False,
    shard: int = SHARD,
    quiet: bool = False,
) -> Gallery:
    """Embed the films of ``studies`` (``image`` relative to ``root``) into a gallery in ``out``.

    Every ``shard`` films are kept in ``out/.partial`` as a small gallery until all are done; a later run takes
    from there what the same model made of the same records and files.
    """
    parts: list[Gallery] = []
    with tqdm(total=len(studies), unit="film", disable=quiet, smoothing=0.05) as bar:
        for start in range(0, len(studies), shard):
            chunk = studies[start : start + shard]
            place = out / PARTIAL / _shard_key(chunk, root, model, thumbs)
            part = _kept_shard(place, model, out if thumbs else None)
            if part is not None:
                bar.update(len(chunk))
            else:
                records = _film_records(chunk, root, bar.update)
                part = Gallery.build(records, model, thumbs_in=out if thumbs else None, image_root=root)
                part.save(place)
            parts.append(part)
    gallery = replace(Gallery.join(parts), folder=out, image_root=root)
    if copy_images:
        gallery = _with_copies(gallery, out)
    saved = gallery.save(out, half=half)
    shutil.rmtree(out / PARTIAL, ignore_errors=True)
    return saved


def index_regions(gallery: Gallery, model: RegionEmbedder, out: Path, quiet: bool = False) -> RegionIndex:
    """Pool the boxes of the studies of a gallery saved in ``out`` and put the index of them beside it."""
    regions = RegionIndex.build(gallery, model, tqdm(boxed_studies(gallery), unit="boxed film", disable=quiet))
    regions.save(out)
    return regions


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


def _shard_key(studies: Sequence[Study], root: Path, model: Embedder, thumbs: bool) -> str:
    """A name that changes when the model, a record, the size or time of a film's file, or an option does."""
    digest = hashlib.sha256(f"1 {model.fingerprint} {thumbs}".encode())
    for study in studies:
        path = inside(root, study.image)
        stamp = (path.stat().st_size, path.stat().st_mtime_ns) if path else None
        digest.update(json.dumps([asdict(study), stamp]).encode())
    return digest.hexdigest()[:32]


def _kept_shard(place: Path, model: Embedder, thumbs_in: Path | None) -> Gallery | None:
    """The shard of an earlier run; None where there is none, it is damaged or its thumbnails are gone."""
    try:
        part = Gallery.open(place, model.fingerprint)
    except GalleryMismatch:
        return None
    if thumbs_in is not None and not all(inside(thumbs_in, study.thumbnail) for study in part.studies):
        return None
    return part


def _with_copies(gallery: Gallery, out: Path) -> Gallery:
    """The gallery with its films inside ``out``, under names that tell nothing."""
    (out / FILMS).mkdir(parents=True, exist_ok=True)
    studies = []
    for study in tqdm(gallery.studies, unit="copy", disable=None):
        path = inside(gallery.image_root, study.image)
        image = write_copy(path, out, opaque_key(study.study_id)) if path else ""
        studies.append(replace(study, image=image))
    return replace(gallery, studies=tuple(studies), image_root=None)


def summary(gallery: Gallery, seconds: float) -> str:
    """What came of it: films, patients, boxes, and what was left out and why."""
    patients = {study.patient_key for study in gallery.studies if study.patient_key}
    reports = sum(bool(study.report) for study in gallery.studies)
    boxes = sum(len(study.boxes) for study in gallery.studies)
    dropped = Counter(gallery.dropped)
    lines = [
        f"Gallery of {len(gallery):,} films of {len(patients):,} known patients, {reports:,} with text, {boxes:,} "
        f"boxes; {gallery.model or 'model'} {gallery.fingerprint[:8]}; {seconds:,.0f} s.",
        f"Left out: {dropped.total():,} films.",
    ]
    lines += [f"  {count:>6,} × {reason}" for reason, count in dropped.most_common(10)]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m train.index", description=(__doc__ or "").split("\n")[0])
    origin = found.add_mutually_exclusive_group(required=True)
    origin.add_argument("--records", type=Path, help="records.jsonl; paths in it are relative to its folder")
    origin.add_argument("--films", type=Path, help="folder of films (with --csv)")
    found.add_argument("--csv", type=Path, help="CSV with the columns file and report (with --films)")
    found.add_argument("--out", type=Path, required=True, help="folder of the new gallery")
    found.add_argument("--model", default="assets/lofi-mini", help="checkpoint folder or hub id (%(default)s)")
    found.add_argument("--split", help="only the records of this split")
    found.add_argument("--limit", type=int, help="only the first N films")
    found.add_argument("--images-root", type=Path, help="folder of the films, where it is not that of the records")
    found.add_argument("--thumbs", action="store_true", help="write thumbnails into the gallery")
    found.add_argument("--copy-images", action="store_true", help="copy the films into the gallery, without headers")
    found.add_argument("--skip-regions", action="store_true", help="leave out the index of boxes (no shots from it)")
    found.add_argument("--half", action="store_true", help="store the vectors in 16 bits")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 with a sentence on stderr, or 130 after Ctrl-C (run the same command to go on)."""
    arguments = parser().parse_args(argv)
    started = time.perf_counter()
    try:
        if (arguments.films is None) != (arguments.csv is None):
            raise BadQuery("--films and --csv belong together.")
        if arguments.limit is not None and arguments.limit < 1:
            raise BadQuery("--limit must be at least 1.")
        if arguments.records is not None:
            root = arguments.images_root or arguments.records.parent
            studies = studies_of_records(arguments.records, arguments.split, arguments.limit)
        else:
            root = arguments.images_root or arguments.films
            studies = read_reports(arguments.csv)[: arguments.limit]
        options = {"thumbs": arguments.thumbs, "copy_images": arguments.copy_images, "half": arguments.half}
        model = lofi.load(arguments.model)
        gallery = index(studies, root, model, arguments.out, **options)
        if not arguments.skip_regions:
            index_regions(gallery, model, arguments.out)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    print(summary(gallery, time.perf_counter() - started))
    return 0 if len(gallery) else 1


if __name__ == "__main__":
    sys.exit(main())
