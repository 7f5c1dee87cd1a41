"""``python -m lofi export``: a film with its phrases as a file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofi.errors import BadQuery, LofiError
from lofi.export import IDENTIFIED, KINDS, Case, write
from lofi.export.written import Written
from lofi.film.origin import read_origin
from lofi.film.radiograph import Radiograph
from lofi.report.query import parse_count, parse_phrases

if TYPE_CHECKING:
    from lofi.engine import Engine

PURPOSE = "a film with boxes for phrases as JSON, CSV, picture or DICOM"
SEARCHED = ("json", "hits-json", "hits-csv")
"""Kinds that hold the similar studies."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What ``run`` reads beside the film and the model."""
    command.set_defaults(table=False)
    command.add_argument("--phrases", default="", metavar="TEXT", help="what to look for, between lines, commas or ;")
    command.add_argument("--kind", choices=KINDS, default="json", help="sr, gsps and sc are DICOM (json)")
    command.add_argument("--out", metavar="PATH", help="file to write (else a name made from the film's hash)")
    command.add_argument("-k", default="8", metavar="N", help="how many similar studies json and hits hold (8)")
    command.add_argument("--where", default="", metavar="FILTER", help="filter of the similar studies")
    command.add_argument("--draft", action="store_true", help="with the model's report draft, in json and sr")
    command.add_argument(
        "--identified", action="store_true", help="sr, gsps and sc carry the patient of the DICOM file, to be archived"
    )


def run(chosen: argparse.Namespace, engine: "Engine", film: Radiograph) -> dict[str, Any]:
    """Write the export and say what was written. Raises LofiError."""
    phrases = () if chosen.kind.startswith("hits") else parse_phrases(chosen.phrases)
    case = Case.of(
        engine,
        film,
        groundings=engine.ground(film, phrases, chosen.anyway),
        hits=engine.search(film, parse_count(chosen.k), chosen.where) if chosen.kind in SEARCHED else None,
        report=engine.report(film) if chosen.draft else None,
        origin=read_origin(Path(chosen.file).read_bytes()) if chosen.kind in IDENTIFIED else None,
    )
    written = write(case, chosen.kind, chosen.identified)
    path = _place(chosen.out, written)
    try:
        path.write_bytes(written.data)
    except OSError:
        raise LofiError("The export cannot be written: check that --out names a file in a folder of yours.") from None
    return {"kind": chosen.kind, "media_type": written.media_type, "bytes": len(written.data), "file": str(path)}


def _place(out: str | None, written: Written) -> Path:
    """Where to write. Raises BadQuery where the file's ending would promise something else."""
    path = Path(out or written.name).expanduser()
    ending = Path(written.name).suffix
    if path.suffix.lower() != ending:
        why = " (the film is no DICOM image, so it comes along)" if ending == ".zip" else ""
        raise BadQuery(f"This export is a {ending} file{why}: let --out end in {ending}.")
    return path
