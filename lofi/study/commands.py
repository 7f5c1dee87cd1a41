"""``python -m lofi study …``: make a study, serve it, see how far readers are, export, compare them."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery, LofiError
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from lofi.report.query import parse_phrases
from lofi.settings import Settings
from lofi.study.agreement import agreement
from lofi.study.cases import StudyCase, find_cases
from lofi.study.definition import Definition
from lofi.study.place import review_file
from lofi.study.reading import progress
from lofi.study.store import ReviewStore

PURPOSE = "a reader study: make, serve, follow, export and compare it"
_UNWRITABLE = "The file cannot be written there: check that the folder exists, may be written and has room."


def add_arguments(study: argparse.ArgumentParser) -> None:
    """Give the ``study`` command its own commands."""
    commands = study.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (purpose, _) in _ACTIONS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        optional = name == "export"
        command.add_argument("file", metavar="FILE", nargs="?" if optional else None, help="the study's definition")
        if name != "new":
            command.add_argument("--reviews", help="folder of the reviews (else LOFI_REVIEWS, else the usual one)")
    _describe_new(commands.choices["new"])
    commands.choices["serve"].add_argument("--port", help="port to listen on (else LOFI_PORT, else 7860)")
    export = commands.choices["export"]
    export.description = "a study's verdicts as CSV and JSON; without FILE, the reading room's"
    export.add_argument("--csv", metavar="OUT", help="write CSV to this file")
    export.add_argument("--json", metavar="OUT", help="write JSON to this file (neither given: JSON is printed)")
    export.add_argument("--history", action="store_true", help="every verdict ever given, not only those that count")
    commands.choices["agreement"].add_argument("--json", action="store_true", help="JSON instead of text")


def run(chosen: argparse.Namespace) -> str:
    """Do what was asked and return what to print. Raises LofiError."""
    return _ACTIONS[chosen.action][1](chosen)


def _describe_new(new: argparse.ArgumentParser) -> None:
    new.add_argument("--name", help="the study's name (else the file's)")
    new.add_argument("--folder", help="take the films of this folder")
    new.add_argument("--where", default="", metavar="FILTER", help='take the gallery\'s films, such as "view=PA"')
    new.add_argument("--phrase", action="append", default=[], dest="phrases", help="what to judge; may be repeated")
    new.add_argument("--seed", type=int, default=0, help="draws and orders the cases (0)")
    new.add_argument("--limit", type=int, help="so many cases, drawn by the seed (all)")
    new.add_argument("--hits", type=int, default=3, help="similar studies to judge with each case (3)")
    new.add_argument("--reader", action="append", default=[], dest="readers", help="initials that may read (anybody)")
    new.add_argument("--show-confidence", action="store_true", help="do not hide the model's confidence")


def _new(chosen: argparse.Namespace) -> str:
    file = Path(chosen.file)
    if file.exists():
        raise BadQuery("There is a study file of that name: choose another, or delete it first.")
    if not file.parent.is_dir():
        raise LofiError(_UNWRITABLE)
    if file.suffix != ".json":
        raise BadQuery("A new study file is JSON: give it a name that ends in .json.")
    values: dict[str, Any] = {
        "name": chosen.name or file.stem,
        "where": chosen.where,
        "phrases": list(parse_phrases("\n".join(chosen.phrases))),
        "seed": chosen.seed,
        "limit": chosen.limit or 0,
        "blind": not chosen.show_confidence,
        "hits": chosen.hits,
        "readers": chosen.readers,
    }
    if chosen.folder:
        values["folder"] = os.path.relpath(Path(chosen.folder).expanduser(), file.resolve().parent)
    definition = Definition.of(values, file.parent)
    cases = _cases(definition)
    broken = sum(not _readable(case) for case in cases)
    _write(file, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    note = f" {broken} of the films cannot be read and will be passed over." if broken else ""
    return f"A study of {len(cases)} cases is defined.{note} Next: python -m lofi study serve {chosen.file}"


def _serve(chosen: argparse.Namespace) -> str:
    """Become the app. The definition is checked first, so that a wrong one is told here, at once."""
    definition = Definition.read(Path(chosen.file))
    _cases(definition)
    _store(chosen)
    given = {"LOFI_STUDY": str(Path(chosen.file).resolve()), "LOFI_PORT": chosen.port, "LOFI_REVIEWS": chosen.reviews}
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "lofi", "app"], environment)


def _status(chosen: argparse.Namespace) -> str:
    definition = Definition.read(Path(chosen.file))
    found = progress(definition, _cases(definition), _store(chosen))
    lines = [f"{one.reader}: {one.done} of {one.total} cases" for one in found]
    return "\n".join(lines) or "Nobody has begun to read."


def _export(chosen: argparse.Namespace) -> str:
    study, store = Definition.read(Path(chosen.file)).name if chosen.file else "", _store(chosen)
    written = []
    if chosen.csv:
        _write(Path(chosen.csv), store.export_csv(study, chosen.history))
        written.append("CSV")
    if chosen.json:
        _write(Path(chosen.json), store.export_json(study, chosen.history))
        written.append("JSON")
    if not written:
        return store.export_json(study, chosen.history).rstrip("\n")
    return f"Written: {' and '.join(written)}."


def _agreement(chosen: argparse.Namespace) -> str:
    definition = Definition.read(Path(chosen.file))
    figures = agreement(_store(chosen).all(definition.name))
    if chosen.json:
        answer = {"study": definition.name, "figures": [figure.to_json() for figure in figures]}
        return json.dumps(answer, indent=2, ensure_ascii=False)
    return "\n".join([f"{definition.name}: 95 % intervals by case", *map(str, figures)])


_ACTIONS: dict[str, tuple[str, Callable[[argparse.Namespace], str]]] = {
    "new": ("write a definition file", _new),
    "serve": ("start the app with the study at /study", _serve),
    "status": ("how far each reader is", _status),
    "export": ("a study's verdicts as CSV and JSON", _export),
    "agreement": ("κ between readers, IoU between their boxes, the model's acceptance rate", _agreement),
}


def _cases(definition: Definition) -> tuple[StudyCase, ...]:
    settings = Settings.from_environment()
    gallery = None if definition.folder is not None else Gallery.open(settings.gallery, None, settings.image_root)
    return find_cases(definition, gallery)


def _store(chosen: argparse.Namespace) -> ReviewStore:
    return ReviewStore(review_file(chosen.reviews or Settings.from_environment().reviews))


def _readable(case: StudyCase) -> bool:
    try:
        Radiograph.read(case.path)
    except LofiError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    """Write whole or not at all, as text that keeps its line ends."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(text, "utf-8", newline="")
        part.replace(file)
    except (OSError, ValueError):
        part.unlink(missing_ok=True)
        raise LofiError(_UNWRITABLE) from None
