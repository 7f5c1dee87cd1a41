"""What examples in context cost: python -m tests.benchmarks.bench_shots.

The bundled model, a gallery of made-up regions, one phrase on one opened film. What counts is the ratio to no examples:
k = 4 should cost at most 1.6 times as much, the search for them included. Answers mean nothing here; a model that was
not trained with examples takes as long as one that was.
"""

import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the app has it

import numpy as np

from lofi.gallery import Gallery, RegionIndex
from lofi.grounding import InContext, ShotFinder, ground
from lofi.grounding.shots import MOST
from lofi.network import checkpoint
from lofi.network.model import LofiModel
from lofi.results import RegionBox, Study
from tests.doubles import clustered, noise_film

FILMS, ROUNDS, COUNTS = 600, 25, (0, 1, 2, 4, 8)
ASKED, PHRASES = "left pleural effusion", ("pleural effusion", "mass", "pneumothorax", "atelectasis")


def finder_of(model: LofiModel) -> ShotFinder:
    """As many boxed films as radiologists boxed beside the project; what they show is one film's, and noise. All seem
    to show what is asked for, so that all are heard.
    """
    shown = model.embed_regions(noise_film(0), np.array([[0.6, 0.5, 0.9, 0.9]]))
    convincing = model.embed_text([ASKED])
    random, studies, pooled = np.random.default_rng(0), [], {}
    for number in range(FILMS):
        x, y = 0.05 + 0.5 * (number % 2), float(random.uniform(0.1, 0.5))
        box = RegionBox(PHRASES[number % len(PHRASES)], (x, y, x + 0.35, y + 0.4))
        studies.append(Study(f"s{number}", "", patient_key=f"p{number}", boxes=(box,)))
        vector = shown.vectors + 0.05 * random.standard_normal(shown.vectors.shape).astype(np.float32)
        vector /= np.linalg.norm(vector)
        canvas = np.array([box.box], dtype=np.float32)
        pooled[number] = shown._replace(vectors=vector, canvas=canvas, seen=convincing)
    vectors = clustered(FILMS, model.config.embed_dim)
    gallery = Gallery(tuple(studies), vectors, model.fingerprint, model.name)
    return ShotFinder(model, RegionIndex.of(gallery, pooled, model.embed_text))


def milliseconds(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of each, taken in turns so that a busy moment meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 2):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn >= 2:  # the first turns make caches
                taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    model = checkpoint.load("assets/lofi-mini", "cpu")
    model.threshold = 0.0
    finder, answerer = finder_of(model), InContext(model)
    answerer.most = MOST
    film = noise_film(1)
    encoded = model.encode(film)

    def asked(count: int, explain: bool) -> object:
        shots = finder.shots(encoded, ASKED, count) if count else ()
        assert all(shot.convincing for shot in shots)
        return ground(answerer, encoded, ASKED, shots, explain)

    ways: dict[str, Callable[[], object]] = {"opening the film": lambda: model.encode(film)}
    for count in COUNTS:
        ways[f"k = {count}"] = lambda count=count: asked(count, explain=False)  # type: ignore[misc]
    ways["k = 4, with evidence"] = lambda: asked(4, explain=True)
    found = milliseconds(ways)
    for name, time_ms in found.items():
        print(f"{name:22} {time_ms:7.1f} ms   {time_ms / found['k = 0']:5.2f} × k = 0")


if __name__ == "__main__":
    main()
