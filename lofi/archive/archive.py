"""The questions to an archive: search (QIDO-RS), fetch (WADO-RS) and store (STOW-RS)."""

import io
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from email.message import Message
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, NamedTuple

from lofi.archive.lines import FILMS, REPORTS, FilmLine, Query, StudyLine, film_line, films_to_show, study_line, uid
from lofi.archive.place import Place
from lofi.errors import LofiError
from lofi.film.exposure import MAX_BYTES

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient
    from requests import Session

AT_ONCE, PATIENCE = 4, 30.0
"""Questions at the same time, and the seconds that one more waits."""
MOST_STUDIES, MOST_IMAGES = 50, 500
MISSING = "LOFI_DICOMWEB needs the package dicomweb-client: pip install dicomweb-client==0.61.2."
NO_STUDY = "The archive has no such study, or LoFi may not see it: check the link or the number."
NO_FILM = "The archive's study has no image that can be a chest film."
NOT_TAKEN = "The archive did not take what was sent: ask whoever runs it whether LoFi may store there."
_STUDY_FIELDS = ["StudyDescription", "NumberOfStudyRelatedInstances", "PatientBirthDate", "IssuerOfPatientID",
                 "ModalitiesInStudy"]  # fmt: skip
_IMAGE_FIELDS = ["SeriesDescription", "BodyPartExamined", "ViewPosition"]


class Asking(NamedTuple):
    """A client of the archive, and the session that it goes through."""

    client: "DICOMwebClient"
    session: "Session"


class Archive:
    """One archive. Safe for several threads; holds no connection and keeps nothing of what it was told."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._turn = BoundedSemaphore(AT_ONCE)

    def studies(self, query: Query, most: int = MOST_STUDIES, skip: int = 0) -> tuple[StudyLine, ...]:
        """Studies that fit, the newest first, ``most`` at most after the archive's first ``skip``. Raises LofiError."""
        filters = query.filters()
        with self._asking() as asking:
            rows = asking.client.search_for_studies(
                limit=most, offset=skip, fields=_STUDY_FIELDS, search_filters=filters
            )
            found = [line for row in rows[:most] if (line := study_line(row)) is not None]
        return tuple(sorted(found, key=lambda line: (line.date, line.time), reverse=True))

    def study(self, study: str) -> StudyLine:
        """One study. Raises LofiError where the archive has it not."""
        wanted = uid(study)
        found = [line for line in self.studies(Query(study=wanted), 2) if line.study == wanted]
        if not found:
            raise LofiError(NO_STUDY)
        return found[0]

    def priors(self, line: StudyLine, most: int) -> tuple[StudyLine, ...]:
        """Other studies of the same patient that have a plain film, the newest first."""
        if not line.patient or any(sign in line.patient for sign in "*?\\"):
            return ()
        found = self.studies(Query(patient=line.patient))
        others = [one for one in found if one.study != line.study and one.same_patient(line)]
        return tuple(one for one in others if not one.modalities or {"CR", "DX", "RG"} & set(one.modalities))[:most]

    def films(self, study: str) -> tuple[FilmLine, ...]:
        """The images of a study that can be films, in the archive's order. Raises LofiError."""
        return tuple(films_to_show(self._instances(study, FILMS)))

    def reports(self, study: str) -> tuple[FilmLine, ...]:
        """The structured reports of a study that are text, those sent from here left out. Raises LofiError."""
        return tuple(self._instances(study, REPORTS))

    def _instances(self, study: str, classes: Collection[str]) -> list[FilmLine]:
        wanted = uid(study)
        with self._asking() as asking:
            rows = asking.client.search_for_instances(wanted, limit=MOST_IMAGES, fields=_IMAGE_FIELDS)
            return [line for row in rows[:MOST_IMAGES] if (line := film_line(row, wanted, classes)) is not None]

    def fetch(self, film: FilmLine) -> bytes:
        """The bytes of an image's file, as the archive has it. Raises LofiError.

        Not by the library's own retrieval: that parses in this process what came, and gives other bytes.
        """
        place = f"studies/{uid(film.study)}/series/{uid(film.series)}/instances/{uid(film.instance)}"
        with self._asking() as asking:
            accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
            answer = asking.session.get(f"{self.place.address}/{place}", headers=accept)
            answer.raise_for_status()
            return one_part(answer.headers.get("Content-Type", ""), answer.content)

    def has(self, study: str, instance: str) -> bool:
        """Whether the archive lists an object."""
        wanted = {"SOPInstanceUID": uid(instance)}
        with self._asking() as asking:
            rows = asking.client.search_for_instances(uid(study), limit=2, search_filters=wanted)
            return any(row.get("00080018", {}).get("Value") == [instance] for row in rows)

    def store(self, files: Sequence[bytes]) -> None:
        """Send DICOM files that were made here. Raises LofiError where the archive took not all of them."""
        from pydicom import dcmread

        with self._asking() as asking:
            said = asking.client.store_instances([dcmread(io.BytesIO(data)) for data in files])
            if len(said.get("FailedSOPSequence", ())) > 0:
                raise LofiError(NOT_TAKEN)

    @contextmanager
    def _asking(self) -> Iterator[Asking]:
        """A client while a question is asked."""
        try:
            from dicomweb_client.web import DICOMwebClient

            from lofi.archive.session import BUSY, in_words, session_for
        except ImportError:
            raise LofiError(MISSING) from None
        logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)  # it would write what the archive says
        if not self._turn.acquire(timeout=PATIENCE):
            raise LofiError(BUSY)
        try:
            with in_words(), session_for(self.place) as session:
                client = DICOMwebClient(self.place.address, session, chunk_size=MAX_BYTES)
                client.set_http_retry_params(retry=False)
                yield Asking(client, session)
        finally:
            self._turn.release()


def one_part(kind: str, body: bytes) -> bytes:
    """The one file in a multipart answer (RFC 2387), or in an answer that is the file itself.

    Raises ValueError where it is neither, and LofiError where the end is missing.
    """
    from lofi.archive.session import HALF

    header = Message()
    header["Content-Type"] = kind
    if header.get_content_type() == "application/dicom":
        return body
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise ValueError
    mark = b"--" + boundary.encode("ascii")
    start = body.find(mark)
    head = body.find(b"\r\n\r\n", start)
    end = body.find(b"\r\n" + mark, head + 2)
    if start < 0 or head < 0:
        raise ValueError
    if end < 0:
        raise LofiError(HALF)
    return body[head + 4 : end]
