"""From films to vectors: read ahead in threads, embed in batches, leave out what cannot be read."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lofi.errors import LofiError
from lofi.film.likeness import print_of
from lofi.film.radiograph import Radiograph
from lofi.gallery.pictures import THUMBNAILS, thumbnail, write_picture
from lofi.gallery.vector_index import Vectors
from lofi.results import Study

FilmRecord = tuple[Study, Callable[[], Radiograph]]
"""A study and how to read its film, called when its turn comes."""


class Embedder(Protocol):
    """What a gallery needs of a model; the gallery imports none."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def embed_dim(self) -> int: ...

    def embed(self, radiographs: list[Radiograph]) -> NDArray[np.float32]:
        """(B, E) float32 unit vectors of B films."""
        ...


class EmbeddedFilms(NamedTuple):
    """``vectors`` (N, E) of ``studies`` (N); ``dropped`` counts the films left out, by reason."""

    studies: tuple[Study, ...]
    vectors: Vectors
    dropped: dict[str, int]


class _Read(NamedTuple):
    study: Study
    film: Radiograph | None
    reason: str = ""


def embed_films(
    records: Iterable[FilmRecord], model: Embedder, *, thumbs_in: Path | None, batch: int, readers: int
) -> EmbeddedFilms:
    """Embed every film that can be read; with ``thumbs_in`` (a gallery folder), write its thumbnail there too."""
    studies: list[Study] = []
    parts: list[Vectors] = [np.zeros((0, model.embed_dim), dtype=np.float32)]
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    if thumbs_in is not None:
        (thumbs_in / THUMBNAILS).mkdir(parents=True, exist_ok=True)
    for batch_read in _read_ahead(records, thumbs_in, batch, readers):
        films: list[tuple[Study, Radiograph]] = []
        for study, film, reason in batch_read:
            if film is not None and study.study_id not in seen:
                seen.add(study.study_id)
                films.append((study, film))
            else:
                dropped[reason or "Another film has the same study_id."] += 1
        if films:
            vectors = model.embed([film for _, film in films])
            good = _usable(vectors, (len(films), model.embed_dim))
            dropped["The model gave no finite embedding."] += int((~good).sum())
            parts.append(_unit(vectors[good]))
            studies += [study for (study, _), ok in zip(films, good, strict=True) if ok]
    return EmbeddedFilms(tuple(studies), np.concatenate(parts), {reason: n for reason, n in dropped.items() if n})


def _unit(vectors: Vectors) -> Vectors:
    """(B, E) of length 1; those that are so stay as they are, bit for bit, so that a known one is the same again."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(np.abs(lengths - 1) < 1e-5, 1, lengths), dtype=np.float32)


def _usable(vectors: Vectors, expected: tuple[int, int]) -> NDArray[np.bool_]:
    """(B,) True where a vector is finite and has a direction. Raises ValueError on another shape."""
    if vectors.shape != expected:
        raise ValueError(f"embed() must give {expected}, not {vectors.shape}")
    lengths = np.linalg.norm(vectors, axis=1)
    return np.asarray(np.isfinite(lengths) & (lengths > 1e-6))


def _read_ahead(
    records: Iterable[FilmRecord], thumbs_in: Path | None, batch: int, readers: int
) -> Iterator[list[_Read]]:
    """Batches of films, the next one being read while the caller works on this one."""
    source, waiting = iter(records), deque[list[Future[_Read]]]()
    with ThreadPoolExecutor(readers, "film") as pool:
        while chunk := list(islice(source, batch)):
            waiting.append([pool.submit(_read, study, read, thumbs_in) for study, read in chunk])
            if len(waiting) > 1:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]


def _read(study: Study, read: Callable[[], Radiograph], thumbs_in: Path | None) -> _Read:
    """The film and its thumbnail, or the reason why there is none. One bad film of many must not end the run."""
    try:
        film = read()
    except LofiError as error:
        return _Read(study, None, str(error))
    except OSError:  # Its own text would show the file's name.
        return _Read(study, None, "The film's file cannot be read.")
    except Exception as error:
        return _Read(study, None, f"The film cannot be read ({type(error).__name__}).")
    study = replace(study, view=study.view or film.view, film_sha256=film.sha256, film_print=print_of(film.pixels))
    if thumbs_in is not None:
        # A full disk does end the run.
        study = replace(study, thumbnail=write_picture(thumbnail(film), thumbs_in, THUMBNAILS, study.study_id, ".webp"))
    return _Read(study, film)
