"""Build a gallery from records, a folder of films and a CSV of reports, or an archive; add to it, update, cut it down.

python -m train.index --records records.jsonl --out DIR
python -m train.index --films FOLDER --csv reports.csv --out DIR
python -m train.index --dicomweb "ADDRESS file:LOGIN" --since 2024-01-01 --modality DX --out DIR --thumbs
python -m train.index --add --records more.jsonl --out DIR
python -m train.index --remove STUDY_ID --out DIR
python -m train.index --verify --out DIR
python -m train.index --out DIR --to milvus://HOST:PORT/COLLECTION
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lofi.archive import Archive, Place, Query
from lofi.errors import BadQuery
from lofi.gallery import Gallery
from lofi.gallery.milvus_place import MilvusPlace
from lofi.results import Study
from train.indexing.archive import fetched
from train.indexing.arguments import add_films, check, given, options_of, status
from train.indexing.changes import Change, add, index, remove
from train.indexing.milvus import load_into
from train.indexing.model import Checkpoint


def summary(gallery: Gallery, seconds: float) -> str:
    """What came of it: films, patients, boxes, and what was left out and why."""
    patients: set[str] = set()
    reports = boxes = 0
    for study in gallery.studies:
        patients.add(study.patient_key)
        reports += bool(study.report)
        boxes += len(study.boxes)
    dropped = Counter(gallery.dropped)
    lines = [
        f"Gallery of {len(gallery):,} films of {len(patients - {''}):,} known patients, {reports:,} with text, "
        f"{boxes:,} boxes; {gallery.model or 'model'} {gallery.fingerprint[:8]}; {seconds:,.0f} s.",
        f"Left out: {dropped.total():,} films.",
    ]
    lines += [f"  {count:>6,} × {reason}" for reason, count in dropped.most_common(10)]
    if missing := gallery.missing_films():
        lines.append(missing)
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m train.index", description=(__doc__ or "").split("\n")[0])
    origin = add_films(found)
    origin.add_argument("--dicomweb", metavar="PLACE", help="a picture archive, written as in LOFI_DICOMWEB")
    origin.add_argument("--remove", nargs="+", metavar="ID", help="take these studies out of the gallery")
    origin.add_argument("--verify", action="store_true", help="look through the gallery, each byte of it")
    found.add_argument("--to", metavar="MILVUS", help="load the gallery in --out into milvus://HOST:PORT/COLLECTION")
    change = found.add_mutually_exclusive_group()
    change.add_argument("--add", action="store_true", help="add the studies that the gallery has not")
    change.add_argument("--update", action="store_true", help="as --add; studies whose record or film changed as well")
    for option, purpose in {"--since": "first date", "--until": "last date", "--modality": "CR, DX …"}.items():
        found.add_argument(option, default="", help=f"{purpose} of the archive's studies (with --dicomweb)")
    found.add_argument("--copy-images", action="store_true", help="copy the films into the gallery, without headers")
    found.add_argument("--half", action="store_true", help="store the vectors in 16 bits")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 with a sentence on stderr, or 130 after Ctrl-C (run the same command to go on)."""
    arguments = parser().parse_args(argv)
    return status(lambda: _indexed(arguments), "gallery")


def _indexed(arguments: argparse.Namespace) -> int:
    started = time.perf_counter()
    place = MilvusPlace.of(arguments.to) if arguments.to else None  # a wrong address is told before the work
    gallery = _run(arguments)
    if place is not None:
        _loaded(gallery, place)
    print(summary(gallery, time.perf_counter() - started))
    return 0 if len(gallery) else 1


def _run(arguments: argparse.Namespace) -> Gallery:
    if arguments.out.exists() and not arguments.out.is_dir():
        raise BadQuery("--out must name a folder, and a file lies there.")
    if not (arguments.remove or arguments.verify or _origin(arguments)):
        if not arguments.to:
            raise BadQuery("Say what to do: --records, --films, --dicomweb, --remove, --verify or --to.")
        return Gallery.open(arguments.out)
    if arguments.remove:
        return _told(remove(arguments.remove, arguments.out))
    if arguments.verify:
        return Gallery.verify(arguments.out)
    with TemporaryDirectory(prefix="lofi-") as folder:  # films of an archive are there, without headers, until the end
        return _built(arguments, *_given(arguments, Path(folder)))


def _origin(arguments: argparse.Namespace) -> bool:
    return any(value is not None for value in (arguments.records, arguments.films, arguments.dicomweb))


def _loaded(gallery: Gallery, place: MilvusPlace) -> None:
    done = load_into(gallery, place)
    print(f"Milvus: {done.written:,} studies written, {done.removed:,} taken out, {done.kept:,} were there.")
    if done.boxless:
        print(f"{done.boxless:,} studies have more boxes than one record in Milvus holds, and are there without.")


def _built(arguments: argparse.Namespace, studies: list[Study], root: Path) -> Gallery:
    copied = arguments.copy_images or arguments.dicomweb is not None
    options = replace(options_of(arguments), copy_images=copied, half=arguments.half)
    model = Checkpoint(arguments.model)
    if arguments.add or arguments.update:
        return _told(add(studies, root, model, arguments.out, options, arguments.update))
    return index(studies, root, model, arguments.out, options)


def _given(arguments: argparse.Namespace, folder: Path) -> tuple[list[Study], Path]:
    """The studies and the folder of their films, ``folder`` for those that are fetched. Raises LofiError."""
    if arguments.dicomweb is None:
        return given(arguments)
    check(arguments)
    query = Query.of(arguments.since, arguments.until, arguments.modality)
    return fetched(Archive(Place.of(arguments.dicomweb)), query, folder, arguments.limit), folder


def _told(change: Change) -> Gallery:
    counts = {"added": change.added, "updated": change.updated, "removed": change.removed}
    done = [f"{count:,} {what}" for what, count in counts.items() if count] or ["Nothing to do"]
    print(f"{', '.join(done)}; {change.kept:,} stayed as they were.")
    return change.gallery


if __name__ == "__main__":
    sys.exit(main())
