"""What a command is told of the films that are to be embedded, and how it says that it could not."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery, LofiError
from lofi.gallery import read_jsonl, study_from_record
from lofi.results import Study
from train.data.reports_csv import read_reports
from train.indexing.building import Options


def add_films(found: argparse.ArgumentParser) -> Any:
    """Add the options; the group is returned in which one origin of films excludes another."""
    origin = found.add_mutually_exclusive_group()
    origin.add_argument("--records", type=Path, help="records.jsonl; paths in it are relative to its folder")
    origin.add_argument("--films", type=Path, help="folder of films (with --csv)")
    found.add_argument("--csv", type=Path, help="CSV with the columns file and report (with --films)")
    found.add_argument("--encoding", help="of the CSV, where it is neither UTF-8, UTF-16 nor Windows-1252")
    found.add_argument("--out", type=Path, required=True, help="folder of the gallery")
    found.add_argument("--model", default="assets/lofi-mini", help="checkpoint folder or hub id (%(default)s)")
    found.add_argument("--split", help="only the records of this split")
    found.add_argument("--limit", type=int, help="only the first N films")
    found.add_argument("--images-root", type=Path, help="folder of the films, where it is not that of the records")
    found.add_argument("--thumbs", action="store_true", help="write thumbnails into the gallery")
    found.add_argument("--skip-regions", action="store_true", help="leave out the index of boxes (no shots from it)")
    found.add_argument("--force", action="store_true", help="even where most films are missing or cannot be read")
    return origin


def check(arguments: argparse.Namespace) -> None:
    """Raises BadQuery for options that do not go together."""
    if (arguments.films is None) != (arguments.csv is None):
        raise BadQuery("--films and --csv belong together.")
    if arguments.limit is not None and arguments.limit < 1:
        raise BadQuery("--limit must be at least 1.")


def options_of(arguments: argparse.Namespace) -> Options:
    """How films are embedded."""
    return Options(thumbs=arguments.thumbs, regions=not arguments.skip_regions, force=arguments.force)


def given(arguments: argparse.Namespace) -> tuple[list[Study], Path]:
    """The studies and the folder of their films. Raises LofiError."""
    check(arguments)
    if arguments.records is not None:
        studies = studies_of_records(arguments.records, arguments.split, arguments.limit)
        return studies, arguments.images_root or films_root(studies, arguments.records.parent)
    if arguments.films is None:
        raise BadQuery("Say which films: --records, or --films with --csv.")
    studies = read_reports(arguments.csv, arguments.encoding)[: arguments.limit]
    return studies, arguments.images_root or arguments.films


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


def status(run: Callable[[], int], written: str) -> int:
    """The exit status that ``run`` returns; 1 with a sentence on stderr where it fails, 130 after Ctrl-C.

    ``written``: what it writes, for the sentence.
    """
    try:
        return run()
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # its own text would show a path
        print(f"The {written} cannot be written: {error.strerror or type(error).__name__}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
