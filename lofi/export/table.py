"""A case, or its hits, as CSV for a spreadsheet: UTF-8 with a byte order mark, one row a box or a hit."""

from collections.abc import Iterable, Iterator, Sequence

from lofi.export.case import NOTE, TEXT_LIMIT, Case, Finding, Region
from lofi.export.document import pixels
from lofi.export.written import Written, named
from lofi.files.sheet import Cell, to_csv
from lofi.gallery.text import clean_line

BOX_COLUMNS = (
    "film_sha256", "phrase", "asked", "state", "found", "confidence", "box", "x0", "y0", "x1", "y1",
    "x0_pixels", "y0_pixels", "x1_pixels", "y1_pixels", "score", "verdict", "drawn_by", "guess", "likely", "warning",
    "mark", "value", "unit", "words", "points_pixels",
)  # fmt: skip
HIT_COLUMNS = (
    "film_sha256", "rank", "similarity", "study_id", "view", "sex", "age", "labels", "source", "simulated",
    "report", "verdict",
)  # fmt: skip
SOURCE_COLUMNS = (
    "reader", "comment", "model", "checkpoint_sha256", "gallery", "gallery_sha256", "made_at", "note", "film_flags",
)  # fmt: skip


def write_csv(case: Case) -> Written:
    """One row a box, one a phrase of which no box of the model stands, one a mark.

    Of a rejected box the coordinates are the model's. A row of a reader's box holds nothing that the model said.
    """
    rows = (
        *((*row, *(None,) * 5) for finding in case.findings for row in _finding_rows(case, finding)),
        *_mark_rows(case),
    )
    return named(case, _encoded(case, BOX_COLUMNS, rows), "case", "csv", "text/csv")


def write_hits_csv(case: Case) -> Written:
    """One row a hit."""
    rows = (
        (
            case.film.sha256, hit.rank, round(float(hit.similarity), 4), hit.study.study_id, hit.study.view,
            hit.study.sex, hit.study.age, "; ".join(hit.study.labels), hit.study.source, hit.study.simulated,
            hit.study.report, case.hit_verdict(hit),
        )
        for hit in case.hits or ()
    )  # fmt: skip
    return named(case, _encoded(case, HIT_COLUMNS, rows), "hits", "csv", "text/csv")


def _finding_rows(case: Case, finding: Finding) -> Iterator[tuple[Cell, ...]]:
    phrase = (case.film.sha256, finding.phrase, finding.asked)
    worth = (finding.guess, finding.likely, finding.warning)
    model = (finding.state, finding.found, round(float(finding.confidence), 4))
    if all(region.reader for region in finding.regions):
        said = "absent" if finding.absent_for_reader else ""
        yield (*phrase, *model, *_region_cells(case, None), said, "", *worth)
    for region in finding.regions:
        cells = _region_cells(case, region)
        if region.reader:
            yield (*phrase, None, None, None, *cells, region.verdict, region.reader, None, None, None)
        else:
            said = "absent" if finding.absent_for_reader else region.verdict
            yield (*phrase, *model, *cells, said, "model", *worth)


def _mark_rows(case: Case) -> Iterator[tuple[Cell, ...]]:
    height, width = case.film.size_hw
    for mark, (value, unit), words in case.marked:
        number = None if value is None else round(value, 3)
        points = "; ".join(f"{x * width:.2f} {y * height:.2f}" for x, y in mark.points)
        yield (case.film.sha256, *(None,) * (len(BOX_COLUMNS) - 6), mark.kind, number, unit, words, points)


def _region_cells(case: Case, region: Region | None) -> tuple[Cell, ...]:
    box = None if region is None else region.box or region.model_box
    if region is None or box is None:
        return (None,) * 10
    placed = (round(float(value), 6) for value in box)
    score = None if region.score is None or region.reader else round(float(region.score), 4)
    return (region.number, *placed, *(round(value, 2) for value in pixels(case, box)), score)


def _encoded(case: Case, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    gallery = case.gallery
    source: tuple[Cell, ...] = (
        case.reader, case.comment, case.model, case.fingerprint, gallery.name if gallery else "",
        gallery.sha256 if gallery else "", case.time, NOTE, " ".join(case.film.flags),
    )  # fmt: skip
    sheet = to_csv((*columns, *SOURCE_COLUMNS), ([_clean(cell) for cell in (*row, *source)] for row in rows))
    # With the mark a spreadsheet reads accents right; without it many take the file for Latin-1.
    return sheet.encode("utf-8-sig")


def _clean(value: Cell) -> Cell:
    """Text on one line, without what cannot be seen."""
    return clean_line(value, TEXT_LIMIT) if isinstance(value, str) else value
