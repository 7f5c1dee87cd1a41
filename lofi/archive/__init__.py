"""A picture archive by DICOMweb: lists of studies and films come in, findings go out. No torch, nothing on disk.

    archive = Archive(Place.of("https://pacs.example/dicom-web file:/etc/lofi/archive"))
    for line in archive.studies(Query(date="20260101-20260131", modality="DX")):
        for film in archive.films(line.study):
            data = archive.fetch(film)          # bytes of a stranger: read them in lofi.film.cage
    archive.store([written.data])

Every failure is a LofiError of one sentence, without an address, a name or an identifier. The library dicomweb-client
is imported when the first question is asked: it comes with ``pip install .[dicomweb]``.
"""

from lofi.archive.archive import AT_ONCE, Archive
from lofi.archive.lines import FilmLine, Query, StudyLine
from lofi.archive.place import Place

__all__ = ["AT_ONCE", "Archive", "FilmLine", "Place", "Query", "StudyLine"]
