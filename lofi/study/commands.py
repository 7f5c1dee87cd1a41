"""``python -m lofi study …``: make a study, serve it, see how far readers are, export, compare them."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofi.errors import BadQuery, LofiError
from lofi.film.radiograph import Radiograph
from lofi.gallery import open_gallery
from lofi.report.query import parse_phrases
from lofi.settings import Settings
from lofi.study.agreement import agreement
from lofi.study.asking import ask
from lofi.study.cases import StudyCase, find_cases
from lofi.study.definition import Definition
from lofi.study.place import review_file
from lofi.study.reading import ReaderStudy, progress
from lofi.study.store import ReviewStore

if TYPE_CHECKING:  # what is not asked of the model goes without torch
    from lofi.engine import Engine

OpenEngine = Callable[[], "Engine"]
PURPOSE = "a reader study: make, serve, follow, export and compare it"
_UNWRITABLE = "The file cannot be written there: check that the folder exists, may be written and has room."


def add_arguments(study: argparse.ArgumentParser) -> None:
    """Give the ``study`` command its own commands."""
    commands = study.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, purpose in {"new": _NEW, **{name: told for name, (told, _) in _ACTIONS.items()}}.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        optional = name == "export"
        command.add_argument("file", metavar="FILE", nargs="?" if optional else None, help="the study's definition")
        command.add_argument("--reviews", help="folder of the reviews (else LOFI_REVIEWS, else the usual one)")
    _describe_new(commands.choices["new"])
    commands.choices["serve"].add_argument("--port", help="port to listen on (else LOFI_PORT, else 7860)")
    export = commands.choices["export"]
    export.description = "a study's verdicts as CSV and JSON; without FILE, the reading room's"
    export.add_argument("--csv", metavar="OUT", help="write CSV to this file")
    export.add_argument("--json", metavar="OUT", help="write JSON to this file (neither given: JSON is printed)")
    export.add_argument("--history", action="store_true", help="every verdict ever given, not only those that count")
    commands.choices["agreement"].add_argument("--json", action="store_true", help="JSON instead of text")


def run(chosen: argparse.Namespace, engine: OpenEngine) -> str:
    """Do what was asked and return what to print; ``engine`` opens one where the model is asked. Raises LofiError."""
    return _new(chosen, engine) if chosen.action == "new" else _ACTIONS[chosen.action][1](chosen)


def _describe_new(new: argparse.ArgumentParser) -> None:
    new.add_argument("--name", help="the study's name (else the file's)")
    new.add_argument("--folder", help="take the films of this folder")
    new.add_argument("--where", default="", metavar="FILTER", help='take the gallery\'s films, such as "view=PA"')
    new.add_argument("--phrase", action="append", default=[], dest="phrases", help="what to judge; may be repeated")
    new.add_argument("--seed", type=int, default=0, help="draws and orders the cases (0)")
    new.add_argument("--limit", type=int, help="so many cases, drawn by the seed (all)")
    new.add_argument(
        "--stratum", action="append", default=[], dest="strata", metavar="LABEL=N",
        help="N of the gallery's films with this label; may be repeated",
    )  # fmt: skip
    new.add_argument("--hits", type=int, default=3, help="similar studies to judge with each case (3)")
    new.add_argument("--reader", action="append", default=[], dest="readers", help="initials that may read (anybody)")
    new.add_argument("--show-confidence", action="store_true", help="do not hide the model's confidence")
    new.add_argument("--title", default="", help="what readers see (the name)")
    new.add_argument("--boxes-first", action="store_true", help="similar studies once a case's boxes are judged")
    new.add_argument("--certainty", type=int, default=0, metavar="STEPS", help="ask how sure, in so many steps (no)")
    new.add_argument("--training", type=int, default=0, metavar="N", help="N cases for practice first, not counted (0)")
    new.add_argument("--unasked", action="store_true", help="do not ask the model about the cases yet")


def _new(chosen: argparse.Namespace, engine: OpenEngine) -> str:
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
        "title": chosen.title,
        "boxes_first": chosen.boxes_first,
        "certainty": chosen.certainty,
        "training": chosen.training,
        "strata": dict(map(_stratum, chosen.strata)),
    }
    if chosen.folder:
        values["folder"] = os.path.relpath(Path(chosen.folder).expanduser(), file.resolve().parent)
    definition = Definition.of(values, file.parent)
    cases = _cases(definition)
    broken, told = _looked_at(cases) if chosen.unasked else _asked(definition, cases, _store(chosen), engine())
    _write(file, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    note = f" {broken} of the films cannot be read and will be passed over." if broken else ""
    return f"A study of {len(cases)} cases is defined.{told}{note} Next: python -m lofi study serve {chosen.file}"


def _stratum(text: str) -> tuple[str, int]:
    label, _, count = text.rpartition("=")
    if not label.strip() or not count.isascii() or not count.isdigit() or len(count) > 9:
        raise BadQuery('A stratum is a label and a number, such as --stratum "Pleural Effusion=4".')
    return label.strip(), int(count)


def _looked_at(cases: Sequence[StudyCase]) -> tuple[int, str]:
    """How many films cannot be read, and nothing of what the model will say."""
    return sum(not _readable(case) for case in cases), ""


def _asked(definition: Definition, cases: Sequence[StudyCase], store: ReviewStore, engine: "Engine") -> tuple[int, str]:
    """Each case asked of the model once and kept: films that cannot be read, and how many questions have boxes."""
    study = ReaderStudy(
        definition, cases, store, engine.model.fingerprint, lambda case: ask(engine, case, definition.hits)
    )
    answers = study.prepare()
    asked: Counter[str] = Counter()
    boxed: Counter[str] = Counter()
    for answer in answers:
        for found in answer.groundings:
            asked[found.phrase] += 1
            boxed[found.phrase] += bool(found.boxes)
    each = ", ".join(f"{phrase} {boxed[phrase]} of {count}" for phrase, count in asked.items())
    few = "" if boxed.total() else " Choose other films (--stratum, --where) or phrases: there is no box to judge."
    told = f" {boxed.total()} of {asked.total()} questions have boxes ({each}).{few}" if asked else ""
    return sum(bool(answer.failed) for answer in answers), told


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
    definition = Definition.read(Path(chosen.file)) if chosen.file else None
    study, practice = ("", frozenset[str]()) if definition is None else (definition.name, _practice(definition))
    store = _store(chosen)
    written = []
    if chosen.csv:
        _write(Path(chosen.csv), store.export_csv(study, chosen.history, practice))
        written.append("CSV")
    if chosen.json:
        _write(Path(chosen.json), store.export_json(study, chosen.history, practice))
        written.append("JSON")
    if not written:
        return store.export_json(study, chosen.history, practice).rstrip("\n")
    return f"Written: {' and '.join(written)}."


def _agreement(chosen: argparse.Namespace) -> str:
    definition = Definition.read(Path(chosen.file))
    figures = agreement(_store(chosen).all(definition.name), training=_practice(definition))
    if chosen.json:
        answer = {"study": definition.name, "figures": [figure.to_json() for figure in figures]}
        return json.dumps(answer, indent=2, ensure_ascii=False)
    return "\n".join([f"{definition.name}: 95 % intervals by case", *map(str, figures)])


_NEW = "write a definition file, and ask the model about its cases"
_ACTIONS: dict[str, tuple[str, Callable[[argparse.Namespace], str]]] = {
    "serve": ("start the app with the study at /study", _serve),
    "status": ("how far each reader is", _status),
    "export": ("a study's verdicts as CSV and JSON", _export),
    "agreement": (
        "κ, AC1 and percent agreement between readers, IoU between their boxes, the model's acceptance rate",
        _agreement,
    ),
}


def _cases(definition: Definition) -> tuple[StudyCase, ...]:
    settings = Settings.from_environment()
    gallery = None if definition.folder is not None else open_gallery(settings.gallery, None, settings.image_root)
    return find_cases(definition, gallery)


def _practice(definition: Definition) -> frozenset[str]:
    """The films that do not count."""
    return frozenset(case.film for case in _cases(definition) if case.training) if definition.training else frozenset()


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
