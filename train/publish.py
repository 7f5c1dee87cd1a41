"""Push the app, a model or a gallery to a hub: ``python -m train.publish space|model|gallery …``.

space OWNER/NAME                  the app with the bundled model and gallery, as a Space
model RUN OWNER/NAME              a checkpoint with its card; figures of manifest and train.evaluate in its header
gallery GALLERY OWNER/NAME        a gallery, as a data set

``--dry-run OUT`` writes the exact folder instead of pushing it. The token is taken from HF_TOKEN or `hf auth login`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lofi.errors import LofiError
from lofi.gallery import Gallery
from lofi.gallery.manifest import read_manifest as read_gallery
from lofi.network.checkpoint import fingerprint, read_manifest
from lofi.network.concepts import read_concepts
from train.publishing.card import gallery_card, model_card
from train.publishing.folders import (
    CARD,
    Unpublishable,
    checkpoint_of,
    gallery_folder,
    model_folder,
    space_folder,
    told,
)
from train.publishing.hub import push

KINDS = {"space": "space", "model": "model", "gallery": "dataset"}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m train.publish", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="what", required=True, metavar="space|model|gallery")
    space = commands.add_parser("space")
    space.add_argument(
        "--torch-index", metavar="ADDRESS", help="index of packages with torch's CPU build, for the Space"
    )
    model, gallery = commands.add_parser("model"), commands.add_parser("gallery")
    model.add_argument("run", type=Path, help="a checkpoint's folder, or a run's with one")
    model.add_argument("--figures", type=Path, help="metrics.json of train.evaluate for this very model")
    model.add_argument("--card", type=Path, help="Markdown on data, terms and limits (else the checkpoint's README.md)")
    gallery.add_argument("gallery", type=Path, help="the gallery's folder")
    gallery.add_argument("--real-films", action="store_true", help="its films are real, and may be given to everybody")
    for kind, licence in (("model", "other"), ("gallery", "mit")):
        commands.choices[kind].add_argument("--licence", default=licence, help="as the hub names it (%(default)s)")
    for command in commands.choices.values():
        command.add_argument("name", metavar="OWNER/NAME")
        command.add_argument("--dry-run", type=Path, metavar="OUT", help="write the folder there and push nothing")
        command.add_argument("--private", action="store_true", help="for its owner alone, where it is new")
    return top


def write(given: argparse.Namespace, out: Path) -> Path:
    """The folder that is to be pushed. Raises LofiError."""
    if given.what == "space":
        return space_folder(out, torch_index=given.torch_index)
    if given.what == "gallery":
        opened = Gallery.open(given.gallery)
        card = gallery_card(given.name, opened, read_gallery(given.gallery).records_file, given.licence)
        return gallery_folder(given.gallery, out, card, given.real_films)
    checkpoint = checkpoint_of(given.run)
    results = None
    if given.figures:
        results = json.loads(given.figures.read_text("utf-8"))
        if results["about"]["fingerprint"] != fingerprint(read_manifest(checkpoint)):
            raise Unpublishable("The figures are of another model: run train.evaluate with this one.")
    text = given.card or checkpoint / CARD
    if not text.is_file():
        raise Unpublishable("The model has no README.md: write one on data, terms and limits, and name it with --card.")
    concepts = read_concepts(read_manifest(checkpoint))
    card = model_card(text.read_text("utf-8"), given.name, results, given.licence, concepts)
    return model_folder(checkpoint, out, card)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = parser().parse_args(arguments)
    try:
        if given.dry_run:
            print(f"{given.dry_run}: {told(write(given, given.dry_run))}. Nothing was pushed.")
            return 0
        with tempfile.TemporaryDirectory() as place:
            folder = write(given, Path(place) / "folder")
            print(f"{given.name}: {told(folder)}", flush=True)
            print(push(folder, given.name, KINDS[given.what], given.private))
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
