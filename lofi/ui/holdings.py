"""What the page, the API and the picture routes share: the engine once it is loaded, pictures, examples."""

import asyncio
import logging
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from lofi.archive import Archive
from lofi.errors import BadQuery, FilmGone, LofiError
from lofi.film.allocator import trim
from lofi.film.cage import LARGE as LARGE_PIXELS
from lofi.film.cage import Cage
from lofi.film.origin import Origin
from lofi.film.radiograph import Radiograph, ReadFilm
from lofi.film.view import preview
from lofi.gallery import NO_FILM, Gallery, Searchable
from lofi.results import Study
from lofi.settings import BUNDLED_GALLERY, Settings
from lofi.shelf import Shelf
from lofi.ui.examples import offered
from lofi.ui.packed import MAX_SENT, Packed, pack
from lofi.ui.sameness import Sameness

if TYPE_CHECKING:
    from lofi.engine import Engine

MIB = 2**20
FILM_BYTES = 256 * MIB
"""Of films kept whole, for exports: four bytes a pixel, 40 MB for ten megapixels. The browser sends others again."""
LARGE = 64 * MIB
"""A film of more is kept as the bytes that were sent, and read again when its pixels are needed."""
PACKED_BYTES = 256 * MIB
"""Of films kept packed at full depth, by the most that each can come to: 20 MB for ten megapixels."""
PREVIEW_BYTES = 16 * MIB
"""Of pictures of films, each at most about 200 kB: as many as films are kept whole, or more."""
THUMBNAIL_BYTES = 48 * MIB
ORIGINS = 2_000
"""DICOM sources kept, a few hundred bytes each."""


_log = logging.getLogger("lofi")


class _Packing(NamedTuple):
    """A film being packed; ``size`` in bytes is the most that it can come to."""

    done: Future[Packed]
    size: int


class Holdings:
    """Keeps what the browser shows. ``start`` loads the engine in the background, so that the page is there first."""

    def __init__(self, settings: Settings, archive: Archive | None = None) -> None:
        self.settings = settings
        self.archive = archive
        self.cage = Cage()
        self.sameness = Sameness()
        self._films: Shelf[Radiograph | bytes] = Shelf(FILM_BYTES, _bytes_of)
        self._origins: Shelf[Origin] = Shelf(ORIGINS)
        self._previews: Shelf[bytes] = Shelf(PREVIEW_BYTES, len)
        self._thumbnails: Shelf[bytes] = Shelf(THUMBNAIL_BYTES, len)
        self._packed: Shelf[_Packing] = Shelf(PACKED_BYTES, lambda packing: packing.size)
        self._packer = ThreadPoolExecutor(1, "pack")
        self._engine: Future[Engine] = Future()
        self._examples: Future[tuple[Searchable, tuple[Study, ...]]] = Future()

    def start(self) -> None:
        """Begin to load the model and the gallery; whoever asks for them waits."""
        self.cage.start()
        Thread(target=self._load, name="load", daemon=True).start()

    def close(self) -> None:
        """End the processes that decode films."""
        self.cage.close()

    def _load(self) -> None:
        try:
            engine = _open_engine(self.settings, self.cage.read)
            self._engine.set_result(engine)
            self._examples.set_result(self._open_examples(engine.gallery))
        except LofiError as error:
            for waiting in (self._engine, self._examples):
                if not waiting.done():
                    waiting.set_exception(error)

    async def loaded(self) -> None:
        """Wait, without holding a thread, until the engine and the examples are there or have failed."""
        both = (asyncio.wrap_future(waiting) for waiting in (self._engine, self._examples))
        # Shielded: a page that is closed meanwhile cancels its question, and with it what all others wait for.
        await asyncio.shield(asyncio.gather(*both, return_exceptions=True))

    @property
    def ready(self) -> bool:
        """Whether model and gallery are open."""
        return self._engine.done() and self._engine.exception() is None

    @property
    def engine(self) -> "Engine":
        """The engine; waits until it is loaded. Raises what loading it raised."""
        return self._engine.result()

    @property
    def examples(self) -> tuple[Study, ...]:
        """A few simulated studies to try: see lofi.ui.examples."""
        return self._examples.result()[1]

    def show(self, film: Radiograph, owner: str = "", data: bytes | None = None) -> None:
        """Hold the film for ``owner`` and make its picture ready for the browser. ``data`` are the bytes it came in."""
        kept = replace(film, greys=None) if data is None or film.pixels.nbytes <= LARGE else data
        self._films.put(film.sha256, kept, owner)
        self._previews.get_or_make(film.sha256, lambda: preview(film), owner)
        self._packed.get_or_make(film.sha256, lambda: self._pack(film), owner)

    def film(self, sha256: str) -> Radiograph:
        """A film that was shown. Raises FilmGone when it is no longer held."""
        held = self._films.get(sha256)
        if held is None:
            raise FilmGone
        return self.cage.read(held) if isinstance(held, bytes) else held

    def keep_origin(self, origin: Origin) -> str:
        """Keep what names a film's DICOM source, and perhaps a patient; returns the word that only its sender gets."""
        word = secrets.token_urlsafe(16)
        self._origins.put(word, origin)
        return word

    def origin(self, sha256: str, word: str) -> Origin | None:
        """The source of a film, for whoever sent it; None without the word or when it is no longer kept."""
        kept = self._origins.get(word) if word else None
        return kept if kept is not None and kept.film == sha256 else None

    def film_picture(self, sha256: str) -> bytes | None:
        """The picture of a film that was shown, None when it is no longer held."""
        return self._previews.get(sha256)

    def film_pixels(self, sha256: str) -> Packed | None:
        """A film that was shown, at full depth; waits until it is packed. None when it is no longer held."""
        packing = self._packed.get(sha256)
        return None if packing is None else packing.done.result()

    def study_pixels(self, study_id: str) -> Packed:
        """A gallery study's film at full depth. Raises LofiError where there is none."""
        key = f"study {study_id}"
        return self._packed.get_or_make(key, lambda: self._pack(self.study_film(study_id))).done.result()

    def _pack(self, film: Radiograph) -> "_Packing":
        """Pack in the background, one film at a time."""
        return _Packing(self._packer.submit(_packed, film), 2 * min(film.pixels.size, MAX_SENT))

    def study_picture(self, study_id: str) -> bytes:
        """The picture of a gallery study's film. Raises LofiError where there is none."""
        return self._previews.get_or_make(f"study {study_id}", lambda: preview(self.study_film(study_id)))

    def thumbnail(self, study_id: str) -> bytes:
        """A small picture of a study of the gallery or of the examples. Raises LofiError where there is none."""
        gallery, study = self._find(study_id)
        path = gallery.thumbnail_path(study)
        if path is not None:
            return path.read_bytes()
        return self._thumbnails.get_or_make(study_id, lambda: preview(_film(gallery, study, self.cage.read), 192))

    def study_film(self, study_id: str) -> Radiograph:
        """The film of a study of the gallery or of the examples. Raises LofiError where there is none."""
        return _film(*self._find(study_id), self.cage.read)

    def own_study(self, study_id: str) -> Study | None:
        """The study in the gallery that is searched, None where only the examples hold it."""
        try:
            return self.engine.study(study_id)
        except BadQuery:
            return None

    def _find(self, study_id: str) -> tuple[Searchable, Study]:
        try:
            return self.engine.gallery, self.engine.study(study_id)
        except BadQuery:
            gallery, studies = self._examples.result()
            for study in studies:
                if study.study_id == study_id:
                    return gallery, study
            raise

    def _open_examples(self, searched: Searchable) -> tuple[Searchable, tuple[Study, ...]]:
        """The bundled gallery and the studies chosen from it; the searched gallery where the bundled one is missing."""
        try:
            bundled: Searchable = (
                Gallery.open(BUNDLED_GALLERY) if self.settings.gallery != BUNDLED_GALLERY else searched
            )
        except LofiError:
            bundled = searched
        return bundled, offered(bundled)


def _open_engine(settings: Settings, read_film: ReadFilm) -> "Engine":
    from lofi.engine import Engine  # imports torch: in this thread, while the page is already being served

    try:
        return Engine.open(settings, read_film=read_film)
    except LofiError as error:
        _log.error("%s", error)
        raise
    except Exception as error:
        _log.error("The model or the gallery could not be opened (%s).", type(error).__name__)
        raise LofiError("The model or the gallery could not be opened: see LOFI_MODEL and LOFI_GALLERY.") from error


def _packed(film: Radiograph) -> Packed:
    """The film packed; what a large one took meanwhile is given back."""
    try:
        return pack(film)
    finally:
        if film.pixels.size > LARGE_PIXELS:
            trim()


def _bytes_of(held: Radiograph | bytes) -> int:
    return len(held) if isinstance(held, bytes) else held.pixels.nbytes


def _film(gallery: Searchable, study: Study, read_film: ReadFilm) -> Radiograph:
    path = gallery.image_path(study)
    if path is None:
        raise BadQuery(NO_FILM)
    return read_film(path)
