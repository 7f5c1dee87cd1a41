"""Turn a published set into record files: python -m train.data NAME --root FOLDER --out FOLDER.

Writes records.jsonl and records.parquet into --out (nothing where a patient stands in two splits), summary.txt, and
on request the training films as shards for clusters (train.data.shards says what is in them).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from lofi.errors import BadQuery, LofiError
from lofi.network.config import Preprocessing
from train.data import (
    chestx_det,
    covid_chestxray,
    folder,
    hannover,
    imagenome,
    jsrt,
    kermany,
    mimic_cxr,
    mimic_qba,
    ms_cxr,
    nih14,
    openi,
    padchest_gr,
    rsna,
    vindr_cxr,
)
from train.data.film import FilmWriter
from train.data.quality import Door
from train.data.records import check_leaks, read
from train.data.request import Adapter, Request, Tally
from train.data.shards import write_shards

SETS: dict[str, tuple[Adapter, str]] = {
    module.__name__.rpartition(".")[2]: (module.films, module.SPLIT)
    for module in (
        *(mimic_cxr, mimic_qba, imagenome, ms_cxr, padchest_gr),
        *(vindr_cxr, nih14, chestx_det, openi),
        *(rsna, kermany, covid_chestxray, hannover, jsrt, folder),
    )
}
HASHED = "by hash of the patient: a tenth for test, a tenth for validation"


def build(name: str, request: Request, out: Path, door: Door, quiet: bool = False) -> str:
    """Write the set's records into ``out`` and return the summary. Raises BadQuery, leaving no record file behind."""
    adapter, split = SETS[name]
    writer, request = FilmWriter(out), replace(request, made=out / "films")
    try:
        with writer, tqdm(desc=name, disable=quiet, smoothing=0.05) as bar:
            for film in adapter(request):
                if (admitted := door.admit(film)) is not None:
                    writer.add(admitted)
                bar.total = request.tally.expected
                bar.update(request.tally.done - bar.n)
        if not request.tally.films:
            raise BadQuery(f"No film of the set can be used.\n{request.tally.text()}")
        try:
            check_leaks(list(read(writer.partial(0))))
        except ValueError as error:
            raise BadQuery(f"Nothing was written: {error}") from None
    except BaseException:
        writer.discard()
        raise
    writer.publish()
    stated = HASHED if request.hashed else split
    text = f"{name}: {request.tally.text()}\nSplit: {stated}.\nLeak check: no patient in two splits."
    (out / "summary.txt").write_text(text + "\n", encoding="utf-8")
    return text


def tested_patients(paths: Sequence[Path]) -> frozenset[str]:
    """Patients that record files hold for validation or test. Raises BadQuery where one cannot be read."""
    return frozenset(patient for path in paths for patient in _held_out(path))


def _held_out(path: Path) -> Iterator[str]:
    try:
        yield from (record.patient for record in read(path) if record.split != "train")
    except (OSError, ValueError, KeyError, TypeError):
        raise BadQuery("A file named with --apart-from is no record file.") from None


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m train.data", description=(__doc__ or "").split(":")[0] + ".")
    found.add_argument("name", choices=SETS, help="the set")
    found.add_argument("--root", type=Path, required=True, help="folder of the set, as published")
    found.add_argument("--out", type=Path, required=True, help="folder for the record files")
    found.add_argument("--mimic", type=Path, help="folder of MIMIC-CXR-JPG, for sets that annotate its films")
    found.add_argument("--nih", type=Path, help="folder of ChestX-ray14, whose pictures stand for RSNA's copies (rsna)")
    found.add_argument("--reports", type=Path, help="folder of LLaVA-Rad's annotations (mimic_cxr, mimic_qba)")
    found.add_argument(
        "--split", choices=("official", "hash"), default="official", help="split by patient (%(default)s)"
    )
    found.add_argument("--apart-from", type=Path, nargs="+", default=[], metavar="RECORDS", help=_APART)
    found.add_argument("--shards", type=int, metavar="SIDE", help=_SHARDS)
    found.add_argument("--laterals", action="store_true", help="keep lateral views")
    found.add_argument("--verify", action="store_true", help="decode every film, not only its header (slow)")
    return found


_SHARDS = "also write the training films as tar shards of SIDE × SIDE canvases (512 for the recipe paper)"
_APART = "records.jsonl of other sets: patients that they validate or test with do not train here"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 with a sentence on stderr, or 130 after Ctrl-C."""
    arguments = parser().parse_args(argv)
    try:
        if not arguments.root.is_dir():
            raise BadQuery("--root is no folder.")
        hashed = arguments.split == "hash"
        request = Request(arguments.root, arguments.mimic, arguments.reports, hashed, Tally(), arguments.nih)
        barred = tested_patients(arguments.apart_from)
        door = Door(request.tally, arguments.laterals, arguments.verify, barred)
        print(build(arguments.name, request, arguments.out, door))
        if arguments.shards:
            settings = Preprocessing(side=arguments.shards)
            count = write_shards(arguments.out / FilmWriter.NAMES[0], arguments.out / "shards", settings)
            print(f"Shards: {count:,} training films of {settings.side} × {settings.side} pixels.")
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped: nothing was written.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
