"""A case comes in; files for a person, a spreadsheet, a program or a picture archive go out. No torch, no gradio.

    origin = read_origin(data)              # lofi.film.origin, at upload, from the bytes; kept in this user's session
    case = Case.of(engine, film, groundings=found, hits=hits, report=sentences, verdicts=…, origin=origin)
    written = write(case, "sr")             # one of KINDS; identified=True files it under the patient of the upload
    Response(written.data, media_type=written.media_type,
             headers={"Content-Disposition": f'attachment; filename="{written.name}"'})

``film`` is the Radiograph itself, not its hash; everything but it may be left out. ``write`` raises LofiError with
one sentence where a kind cannot be made. It takes up to a second or so and is safe in any thread.
"""

from lofi.errors import BadQuery
from lofi.export.case import NOTE, Case, Finding, GallerySource, Region
from lofi.export.written import Written

__all__ = ["IDENTIFIED", "KINDS", "NOTE", "Case", "Finding", "GallerySource", "Region", "Written", "write"]

KINDS = ("json", "csv", "png", "sr", "gsps", "sc", "hits-json", "hits-csv")
"""What ``write`` can make; of DICOM ``sr`` a structured report, ``gsps`` a presentation state, ``sc`` the picture."""
IDENTIFIED = ("sr", "gsps", "sc")
"""Those that can name the patient."""


def write(case: Case, kind: str, identified: bool = False) -> Written:
    """The case as a file of one of ``KINDS``.

    ``identified`` puts the patient and study of the uploaded DICOM file into ``sr``, ``gsps`` and ``sc``, so that an
    archive can file them; without it they name nobody and keep the source's UIDs alone. Raises BadQuery for another
    kind, and where the patient is asked for and not known.
    """
    # matplotlib and highdicom take most of a second to import: only for those who draw.
    if kind in IDENTIFIED:
        from lofi.export import capture, presentation, structured_report

        makers = {
            "sr": structured_report.write_sr,
            "gsps": presentation.write_gsps,
            "sc": capture.write_sc,
        }
        return makers[kind](case, identified)
    if identified:
        raise BadQuery("Only the DICOM exports can name the patient.")
    if kind in ("json", "hits-json"):
        from lofi.export import document

        return (document.write_json if kind == "json" else document.write_hits_json)(case)
    if kind in ("csv", "hits-csv"):
        from lofi.export import table

        return (table.write_csv if kind == "csv" else table.write_hits_csv)(case)
    if kind == "png":
        from lofi.export import picture

        return picture.write_png(case)
    raise BadQuery(f"An export is one of: {', '.join(KINDS)}.")
