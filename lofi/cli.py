"""The command line: the API's answers as JSON, or as a table. Status 0, or 1 with one sentence on stderr."""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofi import answers
from lofi.errors import BadQuery, GalleryMismatch, LofiError
from lofi.export import command as export
from lofi.film.radiograph import Radiograph
from lofi.results import UNJUDGED
from lofi.settings import Settings, place_of
from lofi.study import commands as study
from lofi.ui import account_commands
from lofi.ui.start import start

if TYPE_CHECKING:
    from lofi.engine import Engine


def parser() -> argparse.ArgumentParser:
    """The arguments that ``main`` takes."""
    top = argparse.ArgumentParser(
        prog="lofi", description="Similar studies and boxes for a chest film. Research use only."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    account_commands.add_arguments(
        commands.add_parser("user", help=account_commands.PURPOSE, description=account_commands.PURPOSE)
    )
    app = commands.add_parser("app", help=_APP, description=f"{_APP}; the settings are variables LOFI_…")
    app.add_argument("--host", help="address to listen on (else LOFI_HOST, else 127.0.0.1)")
    app.add_argument("--port", help="port to listen on (else LOFI_PORT, else 7860)")
    _add_sources(app)
    study.add_arguments(commands.add_parser("study", help=study.PURPOSE, description=study.PURPOSE))
    for name, purpose in _PURPOSES.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        optional = name == "search"
        command.add_argument(
            "file", metavar="FILE", nargs="?" if optional else None, help="a film: PNG, JPEG, WebP or DICOM"
        )
        if name != "export":
            command.add_argument("--table", action="store_true", help="a table instead of JSON")
        if name != "read":
            _add_sources(command)
    search = commands.choices["search"]
    search.add_argument("--text", help="search with a text instead of a film")
    search.add_argument("-k", default="8", metavar="N", help="how many studies (8)")
    search.add_argument(
        "--where", default="", metavar="FILTER", help='such as "view=PA sex=F age=40-60 label=Effusion"'
    )
    ground = commands.choices["ground"]
    ground.add_argument("words", nargs="*", metavar="PHRASE", help="what to look for; quote phrases of several words")
    ground.add_argument("--phrases", default="", metavar="TEXT", help="phrases in one text, between lines, commas or ;")
    describe = commands.choices["describe"]
    describe.add_argument("regions", nargs="?", metavar="BOXES", help="JSON: [[x0, y0, x1, y1], …], 0–1 of the film")
    describe.add_argument("--boxes", metavar="BOXES", help="the same")
    export.add_arguments(commands.choices["export"])
    for command in (ground, describe, commands.choices["export"]):
        command.add_argument(
            "--anyway", action="store_true", help="also of what does not look like a frontal chest film"
        )
    return top


def _add_sources(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", help="checkpoint folder or hub id (else LOFI_MODEL, else the bundled one)")
    command.add_argument("--device", help="cpu, cuda, … (else LOFI_DEVICE, else a GPU when there is one)")
    command.add_argument("--gallery", help="gallery folder or milvus://… (else LOFI_GALLERY, else the bundled one)")
    command.add_argument("--images-root", help="folder of the gallery's films (else LOFI_IMAGE_ROOT)")


_APP = "serve the page and the API until stopped"
_PURPOSES = {
    "read": "what a film's file holds, de-identified",
    "search": "the most similar studies of the gallery",
    "ground": "where phrases are seen on a film",
    "describe": "a phrase for each box on a film",
    "report": "a drafted report with boxes",
    "export": export.PURPOSE,
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.command == "app":
        return _serve(chosen)
    # Libraries' notes are no part of an answer, and must never carry a file's name.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        plain = {"study": _study, "user": account_commands.run}.get(chosen.command)
        text = plain(chosen) if plain else _written(_answer(chosen), chosen.table)
        print(text, flush=True)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # The reader (head, less) has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    except Exception as error:
        print(f"Something went wrong inside ({type(error).__name__}): please report it.", file=sys.stderr)
        return 1
    return 0


def _serve(chosen: argparse.Namespace) -> int:
    """The app, in this process; what was asked for here goes before the environment."""
    for name in ("host", "port", "model", "device", "gallery"):
        if (value := getattr(chosen, name)) is not None:
            os.environ[f"LOFI_{name.upper()}"] = value
    return start()


def _written(answer: dict[str, Any], as_table: bool) -> str:
    return table(answer) if as_table else json.dumps(answer, indent=2, ensure_ascii=False)


def _study(chosen: argparse.Namespace) -> str:
    def engine() -> "Engine":
        from lofi.engine import Engine  # imports torch: only for a study whose cases are asked of the model

        return Engine.open(Settings.from_environment())

    return study.run(chosen, engine)


def _answer(chosen: argparse.Namespace) -> dict[str, Any]:
    if chosen.command == "search" and (chosen.file is None) == (chosen.text is None):
        raise BadQuery("Give either a film's file or --text.")
    film = None if chosen.file is None else Radiograph.read(chosen.file)
    if film is not None and chosen.command == "read":
        return answers.read(film)
    from lofi.engine import Engine  # torch takes seconds to import: not for --help, a wrong file or `read`

    settings = _settings(chosen)
    try:
        shown = chosen.command == "ground" and settings.shots != 0
        engine = Engine.open(settings, with_gallery=shown or _searches(chosen))
    except GalleryMismatch:
        if _searches(chosen):
            raise
        engine = Engine.open(settings, with_gallery=False)  # examples would help, but the phrase can do without
    if film is None:
        return answers.search_text(engine, chosen.text, chosen.k, chosen.where)
    if chosen.command == "search":
        return answers.search(engine, film, chosen.k, chosen.where)
    if chosen.command == "ground":
        return answers.ground(engine, film, "\n".join([*chosen.words, chosen.phrases]), chosen.anyway)
    if chosen.command == "describe":
        return answers.describe(engine, film, chosen.boxes or chosen.regions or "[]", chosen.anyway)
    if chosen.command == "export":
        return export.run(chosen, engine, film)
    return answers.report(engine, film)


def _searches(chosen: argparse.Namespace) -> bool:
    return chosen.command == "search" or (chosen.command == "export" and chosen.kind in export.SEARCHED)


def _settings(chosen: argparse.Namespace) -> Settings:
    settings = Settings.from_environment()
    return replace(
        settings,
        model=chosen.model or settings.model,
        device=chosen.device or settings.device,
        gallery=place_of("--gallery", chosen.gallery) if chosen.gallery else settings.gallery,
        image_root=Path(chosen.images_root).expanduser() if chosen.images_root else settings.image_root,
    )


def table(answer: dict[str, Any]) -> str:
    """An answer (lofi.answers) as plain text for a terminal."""
    parts = list(answer.get("notes", ()))
    if "film" in answer:
        parts.append(_film_lines(answer["film"]))
    if "hits" in answer:
        rows = [
            (
                hit["rank"],
                f"{hit['similarity']:.3f}" if hit["closer_than"] is None else f"{min(hit['closer_than'], 0.999):.1%}",
                hit["study_id"],
                hit["view"],
                ", ".join(hit["labels"]),
                hit["report"],
            )
            for hit in answer["hits"]
        ]
        parts.append(_grid(("rank", "closer than", "study", "view", "labels", "report"), rows))
    if "groundings" in answer:
        head = ("phrase", "asked", "answer", "confidence", "box", "score")
        parts.append(_grid(head, _grounding_rows(answer["groundings"])))
        told = (found[name] for found in answer["groundings"] for name in ("warning", "note"))
        parts += dict.fromkeys(filter(None, told))
    if "sentences" in answer:
        found = [(s["sentence"], "; ".join(_box(box) for box in s["boxes"])) for s in answer["sentences"]]
        parts.append(_grid(("sentence", "boxes"), found))
    if "phrases" in answer:
        regions = [(_box(box), phrase) for box, phrase in zip(answer["boxes"], answer["phrases"], strict=True)]
        parts.append(_grid(("box", "phrase"), regions))
    return "\n\n".join(parts)


def _film_lines(film: dict[str, Any]) -> str:
    size = film["size"]
    facts = [film["view"], film["kind"], f"{size['width']} × {size['height']} pixels"]
    lines = [" · ".join(fact for fact in facts if fact), *film["flags"]]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in film.get("tags", {}).items())])


def _grounding_rows(groundings: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for found in groundings:
        asked = found["state"] not in UNJUDGED
        confidence = f"{found['confidence']:.2f}" if asked else ""
        about = (found["phrase"], found["asked"] if asked else "", found["state"], confidence)
        if not found["boxes"]:
            rows.append((*about, "", ""))
        for box, score in zip(found["boxes"], found["scores"], strict=True):
            rows.append((*about, _box(box), f"{score:.2f}"))
    return rows


def _box(box: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in box)


def _grid(head: Sequence[str], rows: Sequence[Sequence[object]], widest: int = 72) -> str:
    """Columns of text, two spaces apart, long cells cut with an ellipsis."""
    if not rows:
        return "nothing found"
    cells = [[_cut(" ".join(str(cell).split()), widest) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"
