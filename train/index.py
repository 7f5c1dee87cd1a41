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
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import lofi
from lofi.archive import Archive, Place, Query
from lofi.errors import BadQuery, LofiError
from lofi.gallery import Gallery, read_jsonl, study_from_record
from lofi.gallery.milvus_place import MilvusPlace
from lofi.results import Study
from train.data.reports_csv import read_reports
from train.indexing.archive import fetched
from train.indexing.building import Options
from train.indexing.changes import Change, add, index, remove
from train.indexing.milvus import load_into


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


def films_root(studies: Sequence[Study], folder: Path) -> Path:
    """The folder of the films of records that lie in ``folder``: that one, or, where films stay where their licence put
    them (train.data writes absolute paths then), the nearest folder above all. Raises BadQuery where there is none.
    """
    paths = [Path(study.image) for study in studies if study.image]
    absolute = {path.parent for path in paths if path.is_absolute()}
    if not absolute:
        return folder
    here = set() if all(path.is_absolute() for path in paths) else {folder.resolve()}
    common = Path(os.path.commonpath([str(place) for place in absolute | here]))
    if common == Path(common.anchor):
        raise BadQuery("The films lie in folders that have none above them in common: give one as --images-root.")
    return common


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
    origin = found.add_mutually_exclusive_group()
    origin.add_argument("--records", type=Path, help="records.jsonl; paths in it are relative to its folder")
    origin.add_argument("--films", type=Path, help="folder of films (with --csv)")
    origin.add_argument("--dicomweb", metavar="PLACE", help="a picture archive, written as in LOFI_DICOMWEB")
    origin.add_argument("--remove", nargs="+", metavar="ID", help="take these studies out of the gallery")
    origin.add_argument("--verify", action="store_true", help="look through the gallery, each byte of it")
    found.add_argument("--to", metavar="MILVUS", help="load the gallery in --out into milvus://HOST:PORT/COLLECTION")
    change = found.add_mutually_exclusive_group()
    change.add_argument("--add", action="store_true", help="add the studies that the gallery has not")
    change.add_argument("--update", action="store_true", help="as --add; studies whose record or film changed as well")
    found.add_argument("--csv", type=Path, help="CSV with the columns file and report (with --films)")
    found.add_argument("--encoding", help="of the CSV, where it is neither UTF-8, UTF-16 nor Windows-1252")
    for option, purpose in {"--since": "first date", "--until": "last date", "--modality": "CR, DX …"}.items():
        found.add_argument(option, default="", help=f"{purpose} of the archive's studies (with --dicomweb)")
    found.add_argument("--out", type=Path, required=True, help="folder of the gallery")
    found.add_argument("--model", default="assets/lofi-mini", help="checkpoint folder or hub id (%(default)s)")
    found.add_argument("--split", help="only the records of this split")
    found.add_argument("--limit", type=int, help="only the first N films")
    found.add_argument("--images-root", type=Path, help="folder of the films, where it is not that of the records")
    found.add_argument("--thumbs", action="store_true", help="write thumbnails into the gallery")
    found.add_argument("--copy-images", action="store_true", help="copy the films into the gallery, without headers")
    found.add_argument("--skip-regions", action="store_true", help="leave out the index of boxes (no shots from it)")
    found.add_argument("--half", action="store_true", help="store the vectors in 16 bits")
    found.add_argument("--force", action="store_true", help="even where most films are missing or cannot be read")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 with a sentence on stderr, or 130 after Ctrl-C (run the same command to go on)."""
    arguments = parser().parse_args(argv)
    started = time.perf_counter()
    try:
        place = MilvusPlace.of(arguments.to) if arguments.to else None  # a wrong address is told before the work
        gallery = _run(arguments)
        if place is not None:
            _loaded(gallery, place)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # its own text would show a path
        print(f"The gallery cannot be written: {error.strerror or type(error).__name__}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
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
    options = Options(
        thumbs=arguments.thumbs,
        copy_images=arguments.copy_images or arguments.dicomweb is not None,
        half=arguments.half,
        regions=not arguments.skip_regions,
        force=arguments.force,
    )
    model = lofi.load(arguments.model)
    if arguments.add or arguments.update:
        return _told(add(studies, root, model, arguments.out, options, arguments.update))
    return index(studies, root, model, arguments.out, options)


def _given(arguments: argparse.Namespace, folder: Path) -> tuple[list[Study], Path]:
    """The studies and the folder of their films, ``folder`` for those that are fetched. Raises LofiError."""
    if (arguments.films is None) != (arguments.csv is None):
        raise BadQuery("--films and --csv belong together.")
    if arguments.limit is not None and arguments.limit < 1:
        raise BadQuery("--limit must be at least 1.")
    if arguments.dicomweb is not None:
        query = Query.of(arguments.since, arguments.until, arguments.modality)
        return fetched(Archive(Place.of(arguments.dicomweb)), query, folder, arguments.limit), folder
    if arguments.records is not None:
        studies = studies_of_records(arguments.records, arguments.split, arguments.limit)
        return studies, arguments.images_root or films_root(studies, arguments.records.parent)
    studies = read_reports(arguments.csv, arguments.encoding)[: arguments.limit]
    return studies, arguments.images_root or arguments.films


def _told(change: Change) -> Gallery:
    counts = {"added": change.added, "updated": change.updated, "removed": change.removed}
    done = [f"{count:,} {what}" for what, count in counts.items() if count] or ["Nothing to do"]
    print(f"{', '.join(done)}; {change.kept:,} stayed as they were.")
    return change.gallery


if __name__ == "__main__":
    sys.exit(main())
