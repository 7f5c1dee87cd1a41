"""Shots: the gallery regions that serve best as examples when a phrase is grounded on a film."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lofi.boxes import side_of
from lofi.errors import BadQuery, GalleryMismatch
from lofi.film.radiograph import Radiograph
from lofi.gallery.exact import best_first
from lofi.gallery.regions import RegionIndex, side_named
from lofi.gallery.vector_index import Rows
from lofi.gallery.where import Where
from lofi.network.encoder import EncodedFilm, content
from lofi.network.heat import shows
from lofi.network.model import LofiModel
from lofi.network.pooled import cell_weights
from lofi.report.query import checked_phrase
from lofi.results import Box

RETRIEVERS = ("fused", "image", "phrase", "region", "random")
FUSED = {"phrase": 2.0, "region": 1.0, "image": 0.5}
"""Weights of the standardised similarities in the fused score: an example of another finding is of little use."""
MOST = 8
"""Shots that a model sees at most, in training and after."""
CANDIDATES = 64
"""Regions among which diversity chooses."""
FUSED_CANDIDATES = 512
"""Regions, nearest by phrase, of which the fused score is made: it takes time, and others would not win."""
DIVERSITY = 0.3
"""How much the likeness to the shots chosen so far counts against a candidate (maximal marginal relevance)."""
LEAST_SUPPORT = 0.3
"""An example in which the model itself sees less of the phrase than this is not to be trusted: words and picture do not
belong together. Of 0, 0.1, 0.3 and 0.5 the least at which random examples do no harm on the validation films.
"""
SAME_FILM = 0.995
"""Two films with embeddings this similar count as one."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shot:
    """One example. ``boxes`` are 0–1 of its film, ``canvas`` (M, 4) the same on the model's canvas; ``tokens`` (T, W)
    float16 are its pooled image tokens; ``weight`` says how far the boxes are believed, below 1 where a machine drew
    them. ``support`` 0 … 1 says how far the model itself sees the phrase asked for in the example's boxes (the most in
    any of them): an example of something else stands out by a low one. None where the model uses no heat map.
    """

    study_id: str
    phrase: str
    boxes: tuple[Box, ...]
    similarity: float
    weight: float
    tokens: NDArray[np.float16] = field(repr=False)
    canvas: NDArray[np.float32] = field(repr=False)
    support: float | None = None

    @property
    def trusted(self) -> bool:
        """Whether a person drew the boxes."""
        return self.weight >= 1

    @property
    def convincing(self) -> bool:
        """Whether the model sees what the example claims; also where it cannot tell."""
        return self.support is None or self.support >= LEAST_SUPPORT


class ShotFinder:
    """Finds shots in one gallery with the model that built it. Holds nothing of a query; threads may share it."""

    def __init__(self, model: LofiModel, regions: RegionIndex) -> None:
        if model.fingerprint != regions.gallery.fingerprint:
            raise GalleryMismatch("Shots must come from a gallery that the model in use has built.")
        self.model, self.regions = model, regions

    def shots(
        self,
        film: Radiograph | EncodedFilm,
        phrase: str,
        k: int = 4,
        by: str = "fused",
        leave_out: Where | None = None,
        trusted_only: bool = True,
        not_studies: Collection[str] = (),
    ) -> tuple[Shot, ...]:
        """The ``k`` best examples of ``phrase`` for ``film``, best first; fewer where the gallery has no more.

        ``by``: "image" (the whole film), "phrase" (the words), "region" (what the film shows where the example has its
        box), "fused", or "random", the control. ``leave_out`` says which studies may serve: the query's own patient
        must be named there, or its study in ``not_studies``. One shot a patient. Raises BadQuery for an unknown ``by``
        or a ``k`` beyond 0–8.
        """
        if by not in RETRIEVERS:
            raise BadQuery(f"Shots are chosen by one of {', '.join(RETRIEVERS)}.")
        if not 0 <= k <= MOST:
            raise BadQuery(f"From 0 to {MOST} shots can be in context.")
        words = checked_phrase(phrase).lower()
        rows = self._allowed(words, leave_out, trusted_only)
        if not_studies:
            studies = self.regions.gallery.studies
            rows = rows[[studies[study].study_id not in not_studies for study in self.regions.study[rows]]]
        if k == 0 or len(rows) == 0:
            return ()
        encoded = film if isinstance(film, EncodedFilm) else self.model.encode(film)
        scores = self._scores(encoded, words, rows, by)
        chosen = self._diverse(rows, scores, k, diverse=by != "random")
        return tuple(self._shot(int(rows[place]), words, float(scores[place]), trusted_only) for place in chosen)

    def _allowed(self, words: str, leave_out: Where | None, trusted_only: bool) -> Rows:
        """Rows that may serve: believed, and not on the other side than the phrase names."""
        rows = self.regions.select(leave_out)
        if trusted_only:
            rows = rows[self.regions.weights[rows] >= 1]
        side = side_named(words)
        return rows[np.isin(self._sides[rows], ("", side))] if side else rows

    @cached_property
    def _sides(self) -> NDArray[np.str_]:
        """(R,) the side on which each box lies."""
        return np.array([side_of(box.box) for box in self.regions.boxes], dtype="U5")

    @cached_property
    def _places(self) -> dict[str, int]:
        """The place of each phrase in ``phrases``."""
        return {phrase: number for number, phrase in enumerate(self.regions.phrases)}

    @cached_property
    def _said(self) -> NDArray[np.int64]:
        """(R, 2) places of each box's phrase, bare and with its side."""
        rows = [[self._places[bare], self._places[sided]] for bare, sided in self.regions.said]
        return np.array(rows, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def _mean(self) -> Scores:
        """(D,) what all regions have in common and so tells none from another."""
        return np.asarray(self.regions.vectors.mean(axis=0), dtype=np.float32)

    def _scores(self, encoded: EncodedFilm, words: str, rows: Rows, by: str) -> Scores:
        """(n,) usefulness of each row; similarities −1 … 1 but for "fused", which adds standardised ones."""
        if by == "random":
            seed = zlib.crc32(f"{encoded.sha256} {words}".encode())
            return np.random.default_rng(seed).random(len(rows), dtype=np.float32)
        ways = {"image": self._by_image, "phrase": self._by_phrase, "region": self._by_region}
        if by != "fused":
            return ways[by](encoded, words, rows)
        near = self._by_phrase(encoded, words, rows)
        pool = best_first(near, FUSED_CANDIDATES)
        fused = np.zeros(len(pool), dtype=np.float32)
        for name, share in FUSED.items():
            found = ways[name](encoded, words, rows[pool])
            fused += share * (found - found.mean()) / max(float(found.std()), 1e-6)
        scores = np.full(len(rows), -np.inf, dtype=np.float32)
        scores[pool] = fused + np.log(self.regions.weights[rows[pool]])
        return scores

    def _by_image(self, encoded: EncodedFilm, words: str, rows: Rows) -> Scores:
        vectors = self.regions.gallery.vectors
        return np.asarray(vectors[self.regions.study[rows]] @ encoded.embedding, dtype=np.float32)

    def _by_phrase(self, encoded: EncodedFilm, words: str, rows: Rows) -> Scores:
        similarities = self.regions.phrase_vectors @ self._text(words)
        return np.asarray(similarities[self._said[rows, int(bool(side_named(words)))]], dtype=np.float32)

    def _text(self, words: str) -> Scores:
        """(E,) unit embedding of a phrase."""
        known = self._places.get(words)
        if known is None:
            return self.model.embed_phrase(words)
        return np.asarray(self.regions.phrase_vectors[known], dtype=np.float32)

    def _by_region(self, encoded: EncodedFilm, words: str, rows: Rows) -> Scores:
        """How alike the film and the example look at the example's place, what all regions share taken off."""
        seen = content(encoded.patches)
        side = round(len(seen) ** 0.5)
        own = cell_weights(np.asarray(self.regions.canvas[rows], dtype=np.float64), side, side) @ seen
        own = _unit(_unit(own) - self._mean)
        return np.asarray((own * _unit(self.regions.vectors[rows] - self._mean)).sum(axis=1), dtype=np.float32)

    def _diverse(self, rows: Rows, scores: Scores, k: int, diverse: bool) -> list[int]:
        """Places of at most ``k`` rows: one a patient, no near-duplicate film, each unlike those before it."""
        order = [place for place in np.argsort(-scores, kind="stable").tolist() if scores[place] > -np.inf]
        chosen: list[int] = []
        taken: set[str] = set()
        pool = order[:CANDIDATES] if diverse else []
        unit = _unit(self.regions.vectors[rows[pool]] - self._mean) if pool else np.zeros((0, 1), dtype=np.float32)
        spread = max(float(scores[pool].std()), 1e-6) if pool else 1.0
        alike = np.zeros(len(pool), dtype=np.float32)
        left = list(range(len(pool)))
        while left and len(chosen) < k:
            best = max(left, key=lambda number: scores[pool[number]] / spread - DIVERSITY * alike[number])
            left.remove(best)
            if self._is_new(int(rows[pool[best]]), taken, rows[chosen]):
                chosen.append(int(pool[best]))
                alike = np.maximum(alike, unit @ unit[best])
        for place in order[len(pool) :]:  # the pool may hold one patient alone
            if len(chosen) == k:
                break
            if self._is_new(int(rows[place]), taken, rows[chosen]):
                chosen.append(int(place))
        return chosen

    def _is_new(self, row: int, taken: set[str], chosen: Rows) -> bool:
        """Whether neither the patient nor nearly the same film is chosen already; notes the patient if so."""
        gallery, film = self.regions.gallery, int(self.regions.study[row])
        study = gallery.studies[film]
        owner = study.patient_key or f"study {study.study_id}"
        if owner in taken:
            return False
        if (
            len(chosen)
            and float((gallery.vectors[self.regions.study[chosen]] @ gallery.vectors[film]).max()) > SAME_FILM
        ):
            return False
        taken.add(owner)
        return True

    def _shot(self, row: int, words: str, score: float, trusted_only: bool) -> Shot:
        """The shot of a row: all boxes of its film with the same phrase, on the same side where the query names one."""
        regions, sided = self.regions, int(bool(side_named(words)))
        phrase = regions.said[row][sided]
        mates = [
            other
            for other in np.flatnonzero(regions.study == regions.study[row]).tolist()
            if regions.said[other][sided] == phrase and (regions.weights[other] >= 1 or not trusted_only)
        ]
        seen = regions.seen[mates]
        able = bool(seen.shape[1]) and self.model.heat_share > 0  # else the map may never have been trained
        return Shot(
            study_id=regions.gallery.studies[int(regions.study[row])].study_id,
            phrase=phrase,
            boxes=tuple(regions.boxes[mate].box for mate in mates),
            similarity=score,
            weight=float(regions.weights[mates].min()),
            tokens=regions.tokens[mates].mean(axis=0).astype(np.float16),
            canvas=regions.canvas[mates],
            support=float(shows(self.model.network, seen, self._text(words)).max()) if able else None,
        )


def shots(
    radiograph: Radiograph | EncodedFilm, phrase: str, k: int, by: str = "fused", *, finder: ShotFinder
) -> tuple[Shot, ...]:
    """The ``k`` gallery regions most useful as examples of ``phrase`` on this film (``ShotFinder.shots``)."""
    return finder.shots(radiograph, phrase, k, by)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)
