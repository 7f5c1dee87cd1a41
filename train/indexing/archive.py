"""Films of a picture archive as studies: fetched in memory one by one, their pixels alone written down.

What reaches a disk is a 16-bit PNG without a header, under a name that tells nothing. Reports are the texts of the
structured reports in the same study, as they are: names that were dictated into them stay in them.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from tqdm import tqdm

from lofi.archive import Archive, FilmLine, Query, StudyLine
from lofi.errors import BadQuery, LofiError
from lofi.film.radiograph import Radiograph
from lofi.gallery import study_from_record
from lofi.gallery.pictures import FILMS, rendering, write_picture
from lofi.gallery.records import opaque_key
from lofi.results import Study

PAGE = 200
MOST_TEXTS = 500


def fetched(archive: Archive, query: Query, into: Path, limit: int | None, quiet: bool = False) -> list[Study]:
    """Studies of the archive that ``query`` finds, their films below ``into``, ``limit`` films at most.

    A film that cannot be fetched or read is passed over and counted on stderr. Raises LofiError where the archive
    cannot be searched, and BadQuery where no film came.
    """
    (into / FILMS).mkdir(parents=True, exist_ok=True)
    studies: list[Study] = []
    failed = 0
    with tqdm(unit=" films", desc="fetched", disable=quiet, total=limit) as bar:
        for line in _lines(archive, query):
            try:
                films = [film for film in archive.films(line.study) if film.may_be_chest]
            except LofiError:
                failed += 1
                continue
            report = _report(archive, line) if films else ""
            for film in films[: None if limit is None else limit - len(studies)]:
                try:
                    studies.append(_study(archive, line, film, report, into))
                    bar.update()
                except LofiError:
                    failed += 1
            if len(studies) == limit:
                break
        if failed:
            bar.write(f"{failed:,} films could not be fetched or read.")
    if not studies:
        raise BadQuery("The archive gave no film: look at the dates and the modality that were asked for.")
    return studies


def _lines(archive: Archive, query: Query) -> Iterator[StudyLine]:
    """Every study, page by page, each once: an archive may know nothing of pages and give the same again."""
    seen: set[str] = set()
    skip = 0
    while fresh := [line for line in archive.studies(query, PAGE, skip) if line.study not in seen]:
        yield from fresh
        seen |= {line.study for line in fresh}
        skip += PAGE


def _study(archive: Archive, line: StudyLine, film: FilmLine, report: str, into: Path) -> Study:
    radiograph = Radiograph.read(archive.fetch(film))
    name = opaque_key(film.instance)
    return study_from_record(
        {
            "study_id": name,
            "image": write_picture(rendering(radiograph), into, FILMS, name, ".png"),
            "report": report,
            "view": radiograph.view or film.view,
            "source": "archive",
            "sex": radiograph.tags.get("PatientSex"),
            "age": radiograph.tags.get("PatientAge"),
            "patient_id": opaque_key(f"{line.issuer} {line.patient}") if line.patient else "",
        }
    )


def _report(archive: Archive, line: StudyLine) -> str:
    """The texts of the first structured report of a study that has any; "" where there is none."""
    try:
        for one in archive.reports(line.study):
            if text := " ".join(_texts(dcmread(io.BytesIO(archive.fetch(one))))):
                return text
    except (LofiError, ValueError, AttributeError, TypeError, KeyError):
        pass  # a film without its report is a film all the same
    return ""


def _texts(item: Dataset) -> list[str]:
    found: list[str] = []
    waiting = [item]
    while waiting and len(found) < MOST_TEXTS:
        at = waiting.pop(0)
        if at.get("ValueType") == "TEXT" and at.get("TextValue"):
            found.append(str(at.TextValue).strip())
        waiting += at.get("ContentSequence", [])
    return found
