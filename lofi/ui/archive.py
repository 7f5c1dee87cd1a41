"""The page's questions to the picture archive: search it, open a study with its priors, send findings back.

Films come from the archive to the page's server alone, in memory; a reader sends only what was chosen, under initials.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lofi.answers import Answer
from lofi.archive import Archive, FilmLine, Place, Query, StudyLine
from lofi.errors import BadQuery, LofiError
from lofi.export import write
from lofi.film.jobs import Reading
from lofi.film.origin import Origin
from lofi.settings import Settings
from lofi.study.verdict import parse_initials
from lofi.ui.asked import Asked
from lofi.ui.audit import note
from lofi.ui.exports import Exports
from lofi.ui.holdings import Holdings
from lofi.ui.page_answers import Question
from lofi.ui.sending import take_in

NONE_SET = "No picture archive is set here: start LoFi with LOFI_DICOMWEB."
OPEN_TO_ALL = (
    "LOFI_DICOMWEB would open the archive to whoever reaches this address: set LOFI_AUTH, or listen on 127.0.0.1 only, "
    "without LOFI_HOSTS and LOFI_PROXIES."
)
OTHER_FILM = "The archive sent another image than the one that was asked for: tell whoever runs it."
NOT_THERE = "The archive does not hold this film, so nothing can be filed beside it: save the files instead."
OTHER_PATIENT = (
    "The archive's own image of this number is another patient's than this file's: open the film from the archive."
)
NO_SOURCE = "What is sent is filed beside its film, and this film did not come with its DICOM source: open it again."
NOT_REFERENCED = (
    "What is sent has to name the archive's own image, and this one cannot be named: save the files instead."
)
NOT_LISTED = "The archive took it and does not list it yet: look there in a minute."
MOST_FILMS, MOST_PRIORS, MOST_OPENED = 8, 4, 16
"""Images of one study, earlier or later studies, and films of all of them that are opened at once."""
MORE_IMAGES = (
    f"Of {{}} images of the study{{}} the first {MOST_FILMS} were opened: save others from the archive as files."
)
MORE_FILMS = (
    f"Of {{}} films the first {MOST_OPENED} were opened, the study's own before its priors: search for the others."
)
MORE_PRIORS = f"The newest {MOST_PRIORS} of the patient's other studies were opened: search for the others."
KINDS = {"sr": "structured report", "gsps": "presentation state", "sc": "picture (secondary capture)"}
"""What can be sent, with its name."""


def archive_of(settings: Settings) -> Archive | None:
    """The archive that the settings name; None for none. Raises LofiError, also where nobody would have to log in."""
    if not settings.dicomweb:
        return None
    # A proxy before this machine's own address lets others in as well.
    elsewhere = not settings.local or settings.hosts.strip() or settings.proxies.strip()
    if elsewhere and not settings.auth:
        raise LofiError(OPEN_TO_ALL)
    return Archive(Place.of(settings.dicomweb))


class ArchiveRoom:
    """The questions; each of them says so where no archive is set."""

    def __init__(self, holdings: Holdings, exports: Exports) -> None:
        self.holdings = holdings
        self.exports = exports

    def all(self) -> tuple[Question, ...]:
        """Every question, by the name of its function."""
        return self.archive_search, self.archive_study, self.archive_film, self.archive_send

    @property
    def archive(self) -> Archive:
        """The archive. Raises LofiError where there is none."""
        if self.holdings.archive is None:
            raise LofiError(NONE_SET)
        return self.holdings.archive

    def archive_search(self, asked: Asked) -> Answer:
        """Studies by date, modality, accession number and patient's number, the newest first."""
        words = {name: asked.text(name, 64) for name in ("since", "until", "modality", "accession", "patient")}
        return {"studies": [_study_card(line) for line in self.archive.studies(Query.of(**words))]}

    def archive_study(self, asked: Asked) -> Answer:
        """The films of a study, and of earlier and later ones of the same patient; a prior that fails is told of."""
        line = self.archive.study(asked.text("study", 64))
        told: list[str] = []
        films = self._films(line, told)
        if not films:
            raise LofiError("The archive's study has no image that can be a chest film.")
        try:
            priors = self.archive.priors(line, MOST_PRIORS + 1)
        except LofiError as error:
            priors, told = (), [*told, f"Priors were not opened. {error}"]
        if len(priors) > MOST_PRIORS:
            told.append(MORE_PRIORS)
        for prior in priors[:MOST_PRIORS]:
            try:
                films += self._films(prior, told, chest=True)
            except LofiError as error:
                told.append(f"A prior was not opened. {error}")
        if len(films) > MOST_OPENED:
            told.append(MORE_FILMS.format(len(films), MOST_OPENED))
        return {"films": films[:MOST_OPENED], "told": " ".join(dict.fromkeys(told))}

    def archive_film(self, asked: Asked) -> Answer:
        """Take in one film of the archive, as a film that was sent."""
        place = FilmLine(asked.text("study", 64), asked.text("series", 64), asked.text("instance", 64))
        with self._fetched(place) as (reading, data, _):
            note("fetch", reading.film.sha256)
            return take_in(self.holdings, reading, data, asked.desk)

    def archive_send(self, asked: Asked) -> Answer:
        """File what the reader chose beside the film, and look whether it is there."""
        kinds = dict.fromkeys(asked.texts("kinds"))
        if not kinds or not set(kinds) <= set(KINDS):
            raise BadQuery("Choose what to send: structured report, presentation state or picture.")
        parse_initials(asked.text("reader"))  # what is filed is named
        origin = self.holdings.origin(asked.film(), asked.text("pass"))
        if origin is None:
            raise BadQuery(NO_SOURCE)
        if not self.archive.has(origin.study, origin.instance):
            raise LofiError(NOT_THERE)
        # The film may have been a file of the reader's: what it says of its patient is believed by nobody.
        with self._fetched(FilmLine(origin.study, origin.series, origin.instance)) as (_, _, there):
            if there.patient != origin.patient:
                raise LofiError(OTHER_PATIENT)
        files = self._files(asked, origin, tuple(kinds))
        self.archive.store(list(files.values()))
        listed = all(self._listed(origin, instance) for instance in files)
        names = ", ".join(KINDS[kind] for kind in kinds)
        said = f"Sent to the archive: {names}." + (" It lists them." if listed else f" {NOT_LISTED}")
        return {"told": said, "instances": list(files), "listed": listed}

    @contextmanager
    def _fetched(self, place: FilmLine) -> Iterator[tuple[Reading, bytes, Origin]]:
        """An image of the archive, read in the cage, its bytes and its origin. Raises LofiError, also for another."""
        data = self.archive.fetch(place)
        with self.holdings.cage.open(data) as reading:
            origin = reading.origin
            if origin is None or (origin.study, origin.instance) != (place.study, place.instance):
                raise LofiError(OTHER_FILM)
            yield reading, data, origin

    def _films(self, line: StudyLine, told: list[str], chest: bool = False) -> list[Answer]:
        """The first images of a study; ``told`` hears of those that are left out."""
        films = [film for film in self.archive.films(line.study) if not chest or film.may_be_chest]
        if len(films) > MOST_FILMS:
            when = f" of {_written(line.date)}" if line.date else ""
            told.append(MORE_IMAGES.format(len(films), when, MOST_FILMS))
        return [_film_card(line, film) for film in films[:MOST_FILMS]]

    def _files(self, asked: Asked, origin: Origin, kinds: tuple[str, ...]) -> dict[str, bytes]:
        """Each kind as a DICOM file, by its own UID."""
        from lofi.export.source import instance_of  # pydicom and highdicom: only for those who send

        case = self.exports.case(asked)
        files: dict[str, bytes] = {}
        for kind in kinds:
            written = write(case, kind, identified=True)
            if written.media_type != "application/dicom":
                raise LofiError(NOT_REFERENCED)
            files[instance_of(written.data)] = written.data
        return files

    def _listed(self, origin: Origin, instance: str) -> bool:
        with suppress(LofiError):  # it was taken; that it is not seen is no failure of sending
            return self.archive.has(origin.study, instance)
        return False


def _study_card(line: StudyLine) -> Answer:
    """A study for the list; the patient is for the eyes of whoever searches."""
    return {
        "study": line.study,
        "date": _written(line.date),
        "description": line.description,
        "accession": line.accession,
        "modalities": list(line.modalities),
        "images": line.images,
        "patient": " · ".join(filter(None, (line.name.replace("^", " ").strip(), line.patient))),
    }


def _film_card(line: StudyLine, film: FilmLine) -> Answer:
    return {
        "study": film.study,
        "series": film.series,
        "instance": film.instance,
        "date": _written(line.date),
        "name": " ".join(filter(None, (_written(line.date), film.view or film.description or line.description))),
    }


def _written(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else ""
