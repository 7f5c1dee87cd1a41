"""The films of a study: found in its folder or the gallery, known by their sha256, ordered for each reader."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lofi.errors import BadQuery
from lofi.film.elements import looks_like_dicom
from lofi.film.raster import is_raster
from lofi.gallery import Searchable, parse_where
from lofi.gallery.pictures import inside
from lofi.gallery.storage import file_sha256
from lofi.gallery.text import fold
from lofi.results import Study
from lofi.study.definition import MAX_CASES, Chosen, Definition


@dataclass(frozen=True)
class StudyCase:
    """One film to read: its file, the sha256 of its bytes, what is asked of it, and the gallery study it came from."""

    film: str
    path: Path
    phrases: tuple[str, ...]
    own: Study | None = None
    training: bool = False


def find_cases(definition: Definition, gallery: Searchable | None = None) -> tuple[StudyCase, ...]:
    """The study's cases, each film once, ``limit`` of them drawn by the seed, in an order of no meaning.

    ``gallery`` is needed where the definition names no folder. Raises BadQuery where a film lies outside the folder,
    is missing, or there is none at all.
    """
    found = _of_folder(definition) if definition.folder is not None else _of_gallery(definition, gallery)
    cases: dict[str, StudyCase] = {}
    for path, chosen, own in found:
        film = file_sha256(path)
        if not film:
            raise BadQuery("A film of the study cannot be read: check that its file may be opened.")
        cases.setdefault(film, StudyCase(film, path, chosen.phrases or definition.phrases, own))
        if len(cases) > MAX_CASES:
            raise BadQuery(f"A study has at most {MAX_CASES:,} cases: choose some of the films.")
    if not cases:
        raise BadQuery("The study has no film: its folder or its filter (where) gives none.")
    drawn = order(cases, definition.seed, "")[: definition.limit]
    practice = set(order(drawn, definition.seed, "\ntraining")[: definition.training])  # no initials hold a line's end
    if len(practice) == len(drawn):
        raise BadQuery("Every case of the study would be for practice: ask for fewer (training).")
    return tuple(replace(cases[film], training=film in practice) for film in sorted(drawn))


def order(films: Sequence[str] | Mapping[str, object], seed: int, reader: str) -> tuple[str, ...]:
    """The films in this reader's order: by a hash of seed, reader and film, the same on every machine for ever."""
    return tuple(sorted(films, key=lambda film: hashlib.sha256(f"{seed}\n{reader}\n{film}".encode()).digest()))


def reading_order(cases: Mapping[str, StudyCase], seed: int, reader: str) -> tuple[str, ...]:
    """The films as a reader gets them: those for practice first, in one order for all; then the rest, in one's own."""
    practice = [film for film, case in cases.items() if case.training]
    rest = [film for film, case in cases.items() if not case.training]
    return (*order(practice, seed, "\ntraining"), *order(rest, seed, reader))


def digest(definition: Definition, cases: Sequence[StudyCase]) -> str:
    """What two runs must share to be one study: cases, phrases, seed, number of hits, blinding. Not the readers."""
    parts = [f"{definition.seed} {definition.hits} {definition.blind}"]
    if definition.boxes_first or definition.certainty or definition.training:  # studies begun before keep their digest
        parts[0] += f" {definition.boxes_first} {definition.certainty} {definition.training}"
    parts += ["\n".join((case.film, *case.phrases)) for case in cases]
    return hashlib.sha256("\n\n".join(parts).encode()).hexdigest()


def _of_folder(definition: Definition) -> Iterator[tuple[Path, Chosen, None]]:
    folder = definition.folder
    if folder is None or not _is_folder(folder):
        raise BadQuery("The study's folder is not there: write it relative to the study file, or in full.")
    for number, chosen in enumerate(definition.cases, start=1):
        path = inside(folder, chosen.film)
        if path is None:
            raise BadQuery(f"The film of case {number} is missing or lies outside the study's folder.")
        yield path, chosen, None
    if not definition.cases:
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if not hidden and path.is_file() and _looks_like_a_film(path):
                if inside(folder, str(path.relative_to(folder))) is None:
                    raise BadQuery("A link in the study's folder leads out of it: copy the film there instead.")
                yield path, Chosen(), None


def _of_gallery(definition: Definition, gallery: Searchable | None) -> Iterator[tuple[Path, Chosen, Study]]:
    if gallery is None:
        raise BadQuery(
            "The study takes its films from a gallery, and none is open: set LOFI_GALLERY, or name a folder."
        )
    # Of a large gallery all reports would be much.
    each = gallery.each(parse_where(definition.where))
    passing = {study.study_id: replace(study, report="", boxes=(), terms="") for study in each}
    drawn = _of_strata(definition, gallery, passing) if definition.strata else tuple(passing)
    wanted = definition.cases or tuple(Chosen(study=name) for name in drawn)
    for number, chosen in enumerate(wanted, start=1):
        study = passing.get(chosen.study)
        path = None if study is None else gallery.image_path(study)
        if study is None or path is None:
            if definition.cases:
                raise BadQuery(f"Case {number} of the study is not in the gallery, or its film is not.")
            continue  # a gallery may hold vectors of films that lie elsewhere
        row = gallery.row_of(study.study_id)
        yield path, chosen, study if row is None else gallery.studies_at([row])[0]


def _of_strata(definition: Definition, gallery: Searchable, passing: Mapping[str, Study]) -> tuple[str, ...]:
    """So many studies of each label, drawn by the seed; none twice. Raises BadQuery where there are too few."""
    chosen: dict[str, None] = {}
    for label, count in definition.strata:
        fit = [
            name
            for name, study in passing.items()
            if name not in chosen and fold(label) in map(fold, study.labels) and gallery.image_path(study) is not None
        ]
        if len(fit) < count:
            raise BadQuery(
                f'The gallery has {len(fit)} further films labelled "{label}", and {count} are asked for: '
                "ask for fewer, or for a label as the gallery writes it."
            )
        chosen |= dict.fromkeys(order(fit, definition.seed, "\nstrata")[:count])
    return tuple(chosen)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long to be one
        return False


def _looks_like_a_film(path: Path) -> bool:
    """By its first bytes, never by its name."""
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError:
        return False
    return looks_like_dicom(head) or is_raster(head)
