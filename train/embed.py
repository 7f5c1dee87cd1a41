"""Embed the films of an archive on many machines; python -m train.index with the same arguments makes the gallery.

python -m train.embed --records records.jsonl --out DIR --workers ray://HOST:10001
python -m train.embed --films FOLDER --csv reports.csv --out DIR --workers ray://local:4

Films, checkpoint and DIR are in places that every machine sees under the same path. A film is embedded once, known by
its content: the same command goes on where it was stopped, and a copy of a film under another name is not embedded.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial

from lofi.errors import BadQuery
from lofi.gallery.turns import writing
from train.indexing.arguments import add_films, given, options_of, status
from train.indexing.films import check_found, located
from train.indexing.model import Checkpoint
from train.indexing.spread import HOW, Done, Job, check_workers, spread


def parser() -> argparse.ArgumentParser:
    """The command line: train.index's, as far as it says what is embedded, and the workers."""
    found = argparse.ArgumentParser(prog="python -m train.embed", description=(__doc__ or "").split("\n")[0])
    add_films(found)
    found.add_argument("--workers", required=True, metavar="ray://…", help=HOW)
    found.add_argument("--cpus", type=float, default=1, help="cores of each process (%(default)s)")
    found.add_argument("--gpus", type=float, default=0, help="GPUs of each process, 0.5 for two on one (%(default)s)")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 with a sentence on stderr, or 130 after Ctrl-C (run the same command to go on)."""
    arguments = parser().parse_args(argv)
    return status(lambda: _embedded(arguments), "folder")


def _embedded(arguments: argparse.Namespace) -> int:
    started = time.perf_counter()
    done = _run(arguments)
    print(
        f"{done.films:,} films: {done.embedded:,} embedded now, {done.left_out:,} left out, the others were there; "
        f"{time.perf_counter() - started:,.0f} s. python -m train.index with the same arguments makes the gallery."
    )
    return 0


def _run(arguments: argparse.Namespace) -> Done:
    check_workers(arguments.workers)
    if not (arguments.cpus > 0 and arguments.gpus >= 0):
        raise BadQuery("--cpus must be more than 0, and --gpus at least 0.")
    studies, root = given(arguments)
    studies, found = located(studies, root)
    check_found(found, len(studies), arguments.force)
    model = Checkpoint(arguments.model)
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    load = partial(Checkpoint, str(model.place.resolve()))
    job = Job(load, model.fingerprint, root.resolve(), out, options_of(arguments))
    with writing(out):
        return spread(studies, job, arguments.workers, arguments.cpus, arguments.gpus)


if __name__ == "__main__":
    sys.exit(main())
