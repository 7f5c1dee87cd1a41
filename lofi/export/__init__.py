"""Exports of a case: for a person, a spreadsheet, another program, and a picture archive. Free of torch and gradio.

    case = Case.of(engine, film, groundings=found, hits=hits, report=sentences, verdicts=store.current(…))
    written = write(case, "png")            # one of KINDS
    Response(written.data, media_type=written.media_type,
             headers={"Content-Disposition": f'attachment; filename="{written.name}"'})

``film`` is the Radiograph itself, not its hash; everything but it may be left out. ``write`` raises LofiError with
one sentence where a kind cannot be made. It takes well under a second and is safe in any thread.
"""

from collections.abc import Callable

from lofi.errors import BadQuery
from lofi.export.case import NOTE, Case, Finding, GallerySource, Region
from lofi.export.written import Written

__all__ = ["KINDS", "NOTE", "Case", "Finding", "GallerySource", "Region", "Written", "write"]

KINDS = ("json", "csv", "png", "hits-json", "hits-csv")
"""What ``write`` can make."""


def write(case: Case, kind: str) -> Written:
    """The case as a file of one of ``KINDS``. Raises BadQuery for another kind."""
    return _writer(kind)(case)


def _writer(kind: str) -> Callable[[Case], Written]:
    # matplotlib and highdicom take most of a second to import: only for those who draw.
    if kind == "json" or kind == "hits-json":
        from lofi.export import document

        return document.write_json if kind == "json" else document.write_hits_json
    if kind == "csv" or kind == "hits-csv":
        from lofi.export import table

        return table.write_csv if kind == "csv" else table.write_hits_csv
    if kind == "png":
        from lofi.export import picture

        return picture.write_png
    raise BadQuery(f"An export is one of: {', '.join(KINDS)}.")
