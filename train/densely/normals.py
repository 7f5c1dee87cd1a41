"""Normal films of a split, by the hospital that they come from: collections of one count as one."""

import random
from collections.abc import Collection
from pathlib import Path

from train.data.records import NORMAL, FilmRecord, read
from train.densely.answers import GROUPS


def normal_films(
    records: Path, split: str, sources: Collection[str], most: int, seed: int, fewest: int = 1
) -> dict[str, list[FilmRecord]]:
    """Hospital → at most ``most`` normal frontal films, drawn at random; of all ``sources`` where none is named.
    Hospitals with less than ``fewest`` such films drawn are left out.
    """
    out: dict[str, list[FilmRecord]] = {}
    for film in read(records, split):
        if film.findings in NORMAL and film.view != "L" and (not sources or film.source in sources):
            out.setdefault(GROUPS.get(film.source, film.source), []).append(film)
    some = {name: random.Random(seed).sample(films, min(most, len(films))) for name, films in sorted(out.items())}
    return {name: films for name, films in some.items() if len(films) >= fewest}
