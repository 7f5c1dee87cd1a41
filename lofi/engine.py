"""The one object that the app, the API and the command line share: a model, a gallery and the films encoded so far."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lofi.boxes import Boxes
from lofi.checkpoint import load
from lofi.errors import BadQuery, GalleryMismatch
from lofi.gallery import Gallery, Where, parse_where
from lofi.model import EncodedFilm, LofiModel
from lofi.radiograph import Radiograph
from lofi.results import Grounding, Hit, ReportSentence, Study
from lofi.settings import Settings
from lofi.shelf import Shelf

ENCODED_FILMS = 32
"""Films kept encoded, about a megabyte each for the small model."""

SAME_FILM = 0.995
"""A hit this similar is compared byte for byte with the query: it may be the query itself."""


class Engine:
    """Answers questions about films. Safe to share: films are encoded once, by content, whoever asks.

    A question takes a ``Radiograph`` or, after that one was asked about, its ``sha256``.
    """

    def __init__(self, model: LofiModel, gallery: Gallery | None) -> None:
        self.model = model
        self._gallery = gallery
        self._studies = {study.study_id: study for study in gallery.studies} if gallery else {}
        self._encoded: Shelf[EncodedFilm] = Shelf(ENCODED_FILMS)

    @classmethod
    def open(cls, settings: Settings, with_gallery: bool = True) -> "Engine":
        """Load what the settings name. Raises CheckpointError or GalleryMismatch with what to do."""
        model = load(settings.model, settings.device)
        return cls(model, Gallery.open(settings.gallery, model.fingerprint) if with_gallery else None)

    @property
    def gallery(self) -> Gallery:
        """The gallery that is searched. Raises GalleryMismatch where the engine was opened without one."""
        if self._gallery is None:
            raise GalleryMismatch("No gallery is open: set LOFI_GALLERY to a gallery's folder.")
        return self._gallery

    def encode(self, film: Radiograph | str) -> EncodedFilm:
        """The film after the image tower. Raises BadQuery for a hash whose film is no longer held."""
        if isinstance(film, Radiograph):
            return self._encoded.get_or_make(film.sha256, lambda: self.model.encode(film))
        encoded = self._encoded.get(film)
        if encoded is None:
            raise BadQuery("This film is no longer held here: open it again.")
        return encoded

    def study(self, study_id: str) -> Study:
        """A study of the gallery. Raises BadQuery where there is none of that id."""
        if study_id not in self._studies:
            raise BadQuery("The gallery has no such study.")
        return self._studies[study_id]

    def search(
        self, film: Radiograph | str, k: int = 8, where: str = "", leave_out: Study | None = None
    ) -> tuple[Hit, ...]:
        """The ``k`` most similar studies, without the query's own patient where that is known.

        ``leave_out`` is the gallery study that the query came from; without it, a hit with the query's own bytes
        tells it.
        """
        encoded, wanted = self.encode(film), parse_where(where)
        if leave_out is None:
            closest = self.gallery.search(encoded.embedding, 3)
            own = (
                hit.study for hit in closest if hit.similarity > SAME_FILM and self._is_film(hit.study, encoded.sha256)
            )
            leave_out = next(own, None)
        return self._hits(encoded, k, wanted, leave_out)

    def search_text(self, text: str, k: int = 8, where: str = "") -> tuple[Hit, ...]:
        """The ``k`` studies whose films fit the text best."""
        return tuple(self.gallery.search(self.model.embed_text([text])[0], k, parse_where(where)))

    def ground(self, film: Radiograph | str, phrases: Sequence[str]) -> Iterator[Grounding]:
        """Each phrase's boxes, as soon as they are known, in the order of the phrases."""
        encoded = self.encode(film)
        for phrase in phrases:
            # The model tidies a phrase (a final stop goes); the answer carries the one that was asked.
            yield replace(self.model.locate(encoded, phrase), phrase=phrase)

    def describe(self, film: Radiograph | str, boxes: Boxes) -> tuple[str, ...]:
        """One phrase for each of (M, 4) boxes."""
        return tuple(self.model.describe(self.encode(film), boxes))

    def report(self, film: Radiograph | str) -> tuple[ReportSentence, ...]:
        """A drafted report, each sentence with its boxes."""
        return self.model.report(self.encode(film))

    def _hits(self, encoded: EncodedFilm, k: int, where: Where, leave_out: Study | None) -> tuple[Hit, ...]:
        if leave_out is None:
            return tuple(self.gallery.search(encoded.embedding, k, where))
        if leave_out.patient_key:
            where = replace(where, not_patient=(*where.not_patient, leave_out.patient_key))
        found = self.gallery.search(encoded.embedding, k + 1, where)
        kept = [hit for hit in found if hit.study.study_id != leave_out.study_id][:k]
        return tuple(replace(hit, rank=rank) for rank, hit in enumerate(kept, start=1))

    def _is_film(self, study: Study, sha256: str) -> bool:
        path = self.gallery.image_path(study)
        try:
            return path is not None and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        except OSError:
            return False
