"""The one object that the app, the API and the command line share: a model, a gallery and the films encoded so far."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from lofi import space
from lofi.boxes import Boxes, as_boxes
from lofi.errors import BadQuery, FilmGone, GalleryMismatch, LofiError
from lofi.film.likeness import SAME, differing, print_of
from lofi.film.radiograph import Radiograph, ReadFilm
from lofi.gallery import NO_FILM, Gallery, RegionIndex, Searchable, Where, open_gallery, parse_where
from lofi.gallery.closeness import between_films, closer_than, of_query
from lofi.gallery.refine import combined, wishes
from lofi.gallery.words import Ranking, fused
from lofi.grounding import Answerer, Grounder
from lofi.grounding.sides import contradicted
from lofi.grounding.standing import answered, asked_as
from lofi.grounding.vlm import open_answerer
from lofi.network.checkpoint import load
from lofi.network.concepts import Concepts
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.report.statements import Statement, read_report
from lofi.report.terms import query_terms
from lofi.report.wanted import Wanted, wanted
from lofi.report.wording import Mark, marks
from lofi.results import Box, Grounding, HeatMap, Hit, ReportSentence, Study
from lofi.settings import Settings
from lofi.shelf import Shelf

ENCODED_BYTES = 384 * 2**20
"""Of films kept encoded: about two megabytes each for the small model, so some 180 of them."""
PIXEL_BYTES = 256 * 2**20
"""Of films kept whole for another model than LoFi, which reads their pixels."""
SHOTS = 4
"""Examples from the gallery in context, unless a number is asked for."""
STUDY_FILMS = 2_000
"""Studies of which the hash of the film is remembered."""

PRINTS = 100_000
"""Films of which the print is remembered."""
WORDS_DEPTH = 1_000
"""Studies that a text is compared with by each of two ways, before they are put together."""
ALIKE = 0.9
"""Films with the same print are one film if their embeddings are at least so similar."""
_log = logging.getLogger(__name__)


class Engine:
    """Answers questions about films. Safe to share: films are encoded once, by content, whoever asks.

    A question takes a ``Radiograph`` or, after that one was asked about, its ``sha256``.
    """

    def __init__(
        self,
        model: LofiModel,
        gallery: Searchable | None,
        shots: int | None = None,
        answerer: Answerer | None = None,
        read_film: ReadFilm = Radiograph.read,
    ) -> None:
        """``read_film`` reads films of the gallery and of studies. Without a number of ``shots`` there are ``SHOTS``,
        but none for a film from elsewhere where every study of the gallery is simulated: what a simulator draws does
        not look like what it stands for, and led real films a little astray.
        """
        self.model = model
        self.read_film = read_film
        self._shots, self._answerer = SHOTS if shots is None else shots, answerer
        self._own_kind_only = shots is None and gallery is not None and gallery.columns.simulated == len(gallery)
        self._films: Shelf[Radiograph] = Shelf(PIXEL_BYTES, lambda film: film.pixels.nbytes)
        self._gallery = gallery
        self._prints: Shelf[str] = Shelf(PRINTS)
        self._encoded: Shelf[EncodedFilm] = Shelf(ENCODED_BYTES, lambda film: film.nbytes)
        self._study_films: Shelf[str] = Shelf(STUDY_FILMS)

    @classmethod
    def open(cls, settings: Settings, with_gallery: bool = True, read_film: ReadFilm = Radiograph.read) -> "Engine":
        """Load what the settings name. Raises CheckpointError or GalleryMismatch with what to do."""
        model = load(settings.model, settings.device)
        gallery: Searchable | None = None
        if with_gallery:
            gallery = open_gallery(settings.gallery, model.fingerprint, settings.image_root)
            if missing := gallery.missing_films():
                _log.warning("%s", missing)
        answerer = None
        if settings.grounder:
            device = "cuda" if space.lends_gpu() else settings.device
            answerer = open_answerer(settings.grounder, device, gallery, read_film)
            space.weights_are_ready()
        return cls(model, gallery, settings.shots, answerer, read_film)

    @property
    def gallery(self) -> Searchable:
        """The gallery that is searched. Raises GalleryMismatch where the engine was opened without one."""
        if self._gallery is None:
            raise GalleryMismatch("No gallery is open: set LOFI_GALLERY to a gallery's folder, or one in Milvus.")
        return self._gallery

    @cached_property
    def regions(self) -> RegionIndex | None:
        """The index of the gallery's boxes; None where it has none, as in Milvus.

        One that is damaged costs the examples, not the answers.
        """
        if not isinstance(self.gallery, Gallery):
            return None
        try:
            found = RegionIndex.open(self.gallery)
        except GalleryMismatch as error:
            _log.warning("%s Until then phrases are grounded without examples.", error)
            return None
        return found if found is not None and len(found) else None

    @cached_property
    def grounder(self) -> Grounder:
        """Who grounds phrases; with examples where the gallery has boxes and the model was trained with them."""
        regions = None if self._gallery is None or self._shots == 0 else self.regions
        return Grounder.of(self.model, regions, self._shots, self._answerer)

    def encode(self, film: Radiograph | str, owner: str = "") -> EncodedFilm:
        """The film after the image tower, kept a while for ``owner``. Raises FilmGone for a hash no longer held."""
        if isinstance(film, Radiograph):
            self._prints.get_or_make(film.sha256, lambda: print_of(film.pixels))
            if self._answerer is not None:  # LoFi itself needs no pixels after the tower, others do
                self._films.put(film.sha256, film, owner)
            return self._encoded.get_or_make(film.sha256, lambda: self.model.encode(film), owner)
        encoded = self._encoded.get(film)
        if encoded is None:
            raise FilmGone
        return encoded

    def has_encoded(self, sha256: str) -> bool:
        """Whether a film is held after the image tower, so that questions about it are answered soon."""
        return self._encoded.get(sha256) is not None

    def study(self, study_id: str) -> Study:
        """A study of the gallery. Raises BadQuery where there is none of that id."""
        return self.gallery.studies_at([self._row(study_id)])[0]

    def encode_study(self, study_id: str) -> EncodedFilm:
        """A gallery study's film after the image tower; read again only when it is no longer held.

        Raises BadQuery where there is no such study or no film of it.
        """
        held = self._encoded.get(self._study_films.get(study_id) or "")
        if held is not None:
            return held
        path = self.gallery.image_path(self.study(study_id))
        if path is None:
            raise BadQuery(NO_FILM)
        film = self.read_film(path)
        self._study_films.put(study_id, film.sha256)
        return self.encode(film)

    def search(
        self, film: Radiograph | str, k: int = 8, where: str = "", leave_out: Study | None = None
    ) -> tuple[Hit, ...]:
        """The ``k`` most similar studies, without the query's own patient where that is known.

        ``leave_out`` is the gallery study that the query came from; without it, a study with the query's own pixels
        tells it, in whatever file, encoding or size they came.
        """
        return self.search_mixed(film, k=k, where=where, leave_out=leave_out)

    def wanted(self, line: str) -> Wanted:
        """What a line asks to search for. Raises BadQuery where that is nothing that can be."""
        return wanted(line, self.model.hears)

    def search_text(self, text: str, k: int = 8, where: str = "") -> tuple[Hit, ...]:
        """The ``k`` studies that fit the text best, by their films and by what their reports say."""
        return self.search_mixed(text=text, k=k, where=where)

    def search_mixed(
        self,
        film: Radiograph | str | None = None,
        text: str = "",
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
        k: int = 8,
        where: str = "",
        offset: int = 0,
        leave_out: Study | None = None,
    ) -> tuple[Hit, ...]:
        """``k`` studies for a film, a text, studies to be like, or any of these together; lofi.gallery.refine says how.

        ``offset`` hits are passed over, and ranks count on from there. Left out are the patient of the film
        (``leave_out`` as for ``search``), without a film those of the ``like`` studies, and the ``unlike`` studies.
        Raises BadQuery where nothing says what to look for.
        """
        encoded = None if film is None else self.encode(film)
        if encoded is None and not text and not like:
            raise BadQuery("Give a film, a text or a study to be like.")
        words = self.model.embed_query([text])[0] if text else None
        if encoded is None and words is not None and not like:
            return self._by_text(text, words, k, where, offset, [self.study(study_id) for study_id in unlike])
        parts = wishes(
            None if encoded is None else encoded.embedding, words, self._vectors(like), self._vectors(unlike)
        )
        own = [self.study(study_id) for study_id in like] if encoded is None else self._own(encoded, leave_out)
        unwanted = [self.study(study_id) for study_id in unlike]
        return self._hits(combined(parts, self.gallery.sample), k, where, offset, own, unwanted)

    def search_region(
        self, film: Radiograph | str, box: Box, k: int = 8, where: str = "", leave_out: Study | None = None
    ) -> tuple[Hit, ...]:
        """The ``k`` studies with a region like the one in a box of the film, without the query's own patient.

        Where the gallery's boxes are indexed, they are compared with it, and each hit carries its ``region``; else
        whole films are, by the tower's own pooling of the box.
        """
        encoded = self.encode(film)
        own = self._own(encoded, leave_out)
        if self.regions is None:
            return self._hits(self.model.embed_parts(encoded, as_boxes([box]))[0], k, where, own=own)
        wanted, hidden = self._without(where, own)
        vector = self.model.embed_regions(encoded, as_boxes([box])).vectors[0]
        found = self.regions.search(vector, k + len(hidden), wanted)
        kept = [hit for hit in found if hit.study.study_id not in hidden][:k]
        return tuple(Hit(hit.study, hit.similarity, rank, hit.box) for rank, hit in enumerate(kept, start=1))

    def ground(self, film: Radiograph | str, phrases: Sequence[str], anyway: bool = False) -> Iterator[Grounding]:
        """Each phrase's boxes, as soon as they are known, in the order of the phrases.

        A film that does not look like a frontal chest film is asked about only ``anyway``; raises BadQuery.

        A phrase is understood first (lofi.report.understanding): one that denies, or that holds no word the model
        knows, is answered without asking the model. Where examples from the gallery were in context, ``evidence``
        names them; never of the film's own patient.
        """
        encoded = self._fit(film, anyway)
        own = () if self.grounder.finder is None else self._own(encoded, None)
        examples = bool(own) or not self._own_kind_only
        pixels = self._films.get(encoded.sha256)
        reads = self.grounder.reads_pixels
        low, high = (0.0, 0.0) if reads else (self.model.unsure_from, self.model.threshold)
        for phrase in phrases:
            ask = partial(self.grounder.ground, encoded, own=own, pixels=pixels, examples=examples)
            yield self._answered(encoded, phrase, low, high, ask)

    def ground_within(
        self, film: Radiograph | str, phrases: Sequence[str], box: Box, anyway: bool = False
    ) -> Iterator[Grounding]:
        """As ``ground``, but boxes may not leave a box of the film, and no examples are in context.

        The model's coordinates are restricted as it writes them. On validation films, with a loose box drawn round
        118 findings, that gives a mean IoU of 0.386, plain boxes cut to the box 0.328, grounding on the cut-out film
        0.245 at best.
        """
        encoded = self._fit(film, anyway)
        for phrase in phrases:
            # The model itself weighs presence and place here; a box that it finds is found.
            yield self._answered(
                encoded, phrase, 0.0, 0.0, lambda asked: _certain(self.model.locate(encoded, asked, box))
            )

    def heat_map(self, film: Radiograph | str, phrase: str, anyway: bool = False) -> HeatMap:
        """Where the model looks for a phrase: the map on which its answer rests, over the whole film.

        ``anyway`` as for ``ground``. Raises BadQuery where the answer rests on none.
        """
        encoded, model = self._fit(film, anyway), self.model
        if self.grounder.reads_pixels:
            raise BadQuery("The model that answers here shows no map of where it looks.")
        asked = asked_as(phrase, self.concepts)
        found = model.heat_map(encoded, asked) if asked else None
        if found is None:
            raise BadQuery("The answer to this phrase rests on no map of the film.")
        return replace(found, phrase=phrase)

    def describe(self, film: Radiograph | str, boxes: Boxes, anyway: bool = False) -> tuple[str, ...]:
        """One phrase for each of (M, 4) boxes; ``anyway`` as for ``ground``."""
        return tuple(self.model.describe(self._fit(film, anyway), boxes))

    def report(self, film: Radiograph | str) -> tuple[ReportSentence, ...]:
        """A drafted report, each sentence with its boxes.

        Raises BadQuery for a film that does not look like a frontal chest film: of such a one none is ever drafted.
        """
        encoded = self.encode(film)
        if encoded.unfit:
            raise BadQuery(f"{encoded.unfit} No report is drafted of it.")
        return self.model.report(encoded)

    def _fit(self, film: Radiograph | str, anyway: bool) -> EncodedFilm:
        """The film after the image tower. Raises BadQuery where it is no frontal chest film, but for ``anyway``."""
        encoded = self.encode(film)
        if encoded.unfit and not anyway:
            raise BadQuery(
                f"{encoded.unfit} It is asked about only if you say that it is to be, all the same (anyway)."
            )
        return encoded

    def split_report(self, text: str) -> tuple[Statement, ...]:
        """A report as statements, each denied or not; needs no film. Raises BadQuery where it is not in English."""
        return read_report(text)

    def mark_sentences(self, report: str, phrases: Sequence[str]) -> tuple[Mark, ...]:
        """For each phrase the sentence of a report that is nearest to it."""
        return marks(report, phrases, self.model.embed_text)

    def describe_region(self, film: Radiograph | str, box: Box, anyway: bool = False) -> str:
        """A phrase for one box of a film; ``anyway`` as for ``ground``."""
        return self.describe(film, as_boxes([box]), anyway)[0]

    def ground_study(self, study_id: str, phrases: Sequence[str], anyway: bool = False) -> Iterator[Grounding]:
        """Each phrase's boxes on the film of a gallery study, as ``ground``."""
        return self.ground(self.encode_study(study_id).sha256, phrases, anyway)

    @cached_property
    def concepts(self) -> Concepts | None:
        """What the one who grounds was taught; None where nobody says so, as of another model than LoFi."""
        return None if self.grounder.reads_pixels else self.model.concepts

    def _answered(
        self, film: EncodedFilm, phrase: str, low: float, high: float, look: Callable[[str], Grounding]
    ) -> Grounding:
        """The answer to a phrase by ``look``, which takes what is asked, with what it stands for and what is against
        it: the film's own flag, and a box on the other side than the words say.
        """
        name = self.grounder.answerer.name if self.grounder.answerer is not None else self.model.name
        answer = answered(phrase, self.concepts, name, look, low, high)
        sides = contradicted(answer.asked, answer.boxes) if film.sides else ""
        return replace(answer, warning=" ".join(filter(None, (film.unfit, sides))))

    def _hits(
        self,
        vector: NDArray[np.float32],
        k: int,
        where: str,
        offset: int = 0,
        own: Sequence[Study] = (),
        unwanted: Sequence[Study] = (),
    ) -> tuple[Hit, ...]:
        """Hits ``offset`` + 1 … ``offset`` + ``k`` without the patients of the studies in ``own``."""
        wanted, hidden = self._without(where, own)
        hidden |= {study.study_id for study in unwanted}
        found = self.gallery.search(vector, offset + k + len(hidden), wanted)
        kept = [hit for hit in found if hit.study.study_id not in hidden][offset : offset + k]
        others = self._between_films
        return tuple(
            replace(hit, rank=rank, closer_than=closer_than(hit.similarity, others))
            for rank, hit in enumerate(kept, start=offset + 1)
        )

    def _by_text(
        self, text: str, vector: NDArray[np.float32], k: int, where: str, offset: int, unwanted: Sequence[Study]
    ) -> tuple[Hit, ...]:
        """Hits for words alone: by what the model sees in the films and by what the reports say, fused by rank."""
        gallery, wanted = self.gallery, parse_where(where)
        most = max(WORDS_DEPTH, offset + k + len(unwanted))
        near = gallery.near(vector, most, wanted)
        said = gallery.said(query_terms(text), most, wanted)
        rows = fused(Ranking(near.rows, near.similarities), said)
        hidden = {study.study_id for study in unwanted}
        most = offset + k + len(hidden)
        found = zip(rows[:most].tolist(), gallery.studies_at(rows[:most].tolist()), strict=True)
        shown = [(row, study) for row, study in found if study.study_id not in hidden][offset : offset + k]
        similarities = gallery.vectors_at([row for row, _ in shown]) @ vector
        others = of_query(vector, gallery.sample)
        return tuple(
            Hit(study, float(np.clip(near, -1, 1)), rank, None, closer_than(float(near), others))
            for rank, ((_, study), near) in enumerate(zip(shown, similarities, strict=True), start=offset + 1)
        )

    @cached_property
    def _between_films(self) -> NDArray[np.float32]:
        return between_films(self.gallery.sample)

    def _without(self, where: str, own: Sequence[Study]) -> tuple[Where, set[str]]:
        """The filter that also leaves out the patients of some studies, and the ids of these studies."""
        return parse_where(where).without(own), {study.study_id for study in own}

    def _own(self, encoded: EncodedFilm, known: Study | None) -> tuple[Study, ...]:
        """The gallery's studies of the same film, told by its pixels where none is ``known``."""
        if known is not None:
            return (known,)
        gallery = self.gallery
        film = self._prints.get(encoded.sha256) or ""
        rows = gallery.of_film(film, encoded.embedding, ALIKE)
        if rows is None:  # of format 1, which had no prints: the nearest films are read instead
            near = (hit.study for hit in gallery.search(encoded.embedding, 3) if hit.similarity > ALIKE)
            return tuple(study for study in near if differing(self._print_of(study), film) <= SAME)
        return tuple(gallery.studies_at(rows.tolist()))

    def _print_of(self, study: Study) -> str:
        """The print of a study's film; "" where it cannot be read."""

        def make() -> str:
            path = self.gallery.image_path(study)
            try:
                return "" if path is None else print_of(self.read_film(path).pixels)
            except (LofiError, OSError):
                return ""

        return self._prints.get_or_make(f"study {study.study_id}", make)

    def _row(self, study_id: str) -> int:
        row = self.gallery.row_of(study_id)
        if row is None:
            raise BadQuery("The gallery has no such study.")
        return row

    def _vectors(self, study_ids: Sequence[str]) -> NDArray[np.float32]:
        """(K, E) unit vectors of studies."""
        return self.gallery.vectors_at([self._row(study_id) for study_id in dict.fromkeys(study_ids)])


def _certain(answer: Grounding) -> Grounding:
    """The answer without the boxes that it is not sure of."""
    return answer if answer.found else replace(answer, boxes=(), scores=())
