"""A CSV of reports beside a folder of films: columns file and report, optional labels, view, sex, age, patient."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lofi.errors import BadQuery
from lofi.gallery.records import PATH_LIMIT, opaque_key
from lofi.gallery.text import REPORT_LIMIT, age_in_years, clean, clean_line, sex_letter, view_position
from lofi.results import Study
from train.data.legacy import decoded

NAMES = {
    "file": ("file", "filename", "file name", "image", "path"),
    "report": ("report", "text", "report text"),
    "labels": ("labels", "label", "findings"),
    "view": ("view", "view position", "viewposition"),
    "sex": ("sex", "gender"),
    "age": ("age",),
    "patient": ("patient", "patient id", "patientid", "patient key"),
    "source": ("source",),
}
_DELIMITERS = (",", ";", "\t", "|")
_CELL_LIMIT = 1_000_000
_SEPARATOR = re.compile(r"\"?sep=(.)\"?[ \t]*(?=[\r\n])", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_reports(path: Path, encoding: str | None = None) -> list[Study]:
    """The rows of the CSV as studies, in order; blank rows are passed over.

    Delimiter (comma, semicolon, tab, bar, or what a first line ``sep=`` says), line ends, encoding where it is not
    named (train.data.legacy) and the spelling of the column names are found out. File
    names and patient numbers become opaque keys, except in ``image``. Raises BadQuery with the number of the row (the
    header is row 1), never with a value.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise BadQuery("The CSV of reports cannot be read.") from None
    studies = list(_studies(decoded(data, encoding)))
    if not studies:
        raise BadQuery("The CSV of reports has no row below its header.")
    return studies


def _columns(header_line: str, delimiters: Sequence[str]) -> tuple[str, dict[str, int], int]:
    """The delimiter, the position of each known column and how many columns there are.

    Raises BadQuery where file or report is missing.
    """
    best: tuple[str, dict[str, int], int] = (",", {}, 0)
    for delimiter in delimiters:
        cells = next(csv.reader([header_line], delimiter=delimiter), [])
        plain = [" ".join(cell.replace("_", " ").casefold().split()) for cell in cells]
        found = {
            name: next(plain.index(spelling) for spelling in spellings if spelling in plain)
            for name, spellings in NAMES.items()
            if any(spelling in plain for spelling in spellings)
        }
        if len(found) > len(best[1]):
            best = (delimiter, found, len(plain))
    if missing := [name for name in ("file", "report") if name not in best[1]]:
        raise BadQuery(
            f"The first row of the CSV must name the columns file and report (optional: {', '.join(list(NAMES)[2:])}); "
            f"it lacks {' and '.join(missing)}."
        )
    return best


def _studies(text: str) -> Iterator[Study]:
    text = text.lstrip("\r\n")
    delimiters: Sequence[str] = _DELIMITERS
    # Excel's own first line, which says what the rest is separated by; it is no row.
    if told := _SEPARATOR.match(text):
        delimiters, text = (told[1],), text[told.end() :].lstrip("\r\n")
    delimiter, columns, width = _columns(_LINE_END.split(text, maxsplit=1)[0], delimiters)
    csv.field_size_limit(_CELL_LIMIT)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, row in enumerate(rows, start=1):
            if number == 1 or not any(cell.strip() for cell in row):
                continue
            if any(cell.strip() for cell in row[width:]):
                raise BadQuery(
                    f"Row {number} of the CSV has {len(row)} cells, the header {width}: put quotation marks round a "
                    "report that holds the separator."
                )
            if len(row) <= max(columns["file"], columns["report"]):
                raise BadQuery(f"Row {number} of the CSV has {len(row)} cells, too few to hold file and report.")
            cells = {name: row[at] if at < len(row) else "" for name, at in columns.items()}
            if not cells["file"].strip() or len(cells["file"]) > PATH_LIMIT:
                raise BadQuery(f"Row {number} of the CSV names no file.")
            yield _study(cells)
    except csv.Error:
        raise BadQuery(
            f"Row {number + 1} of the CSV cannot be read: look for a quotation mark that is not closed."
        ) from None


def _study(cells: dict[str, str]) -> Study:
    """One row as a Study; ``image`` is the file as the row names it."""
    file, patient = cells["file"].strip(), clean_line(cells.get("patient"))
    labels = (clean_line(label) for label in re.split(r"[;|]", cells.get("labels", "")))
    return Study(
        study_id=opaque_key(file),
        report=clean(cells["report"], REPORT_LIMIT),
        labels=tuple(dict.fromkeys(label for label in labels if label)),
        view=view_position(cells.get("view")),
        source=clean_line(cells.get("source")) or "folder",
        sex=sex_letter(cells.get("sex")),
        age=age_in_years(cells.get("age")),
        patient_key=opaque_key(patient) if patient else "",
        image=file,
    )
