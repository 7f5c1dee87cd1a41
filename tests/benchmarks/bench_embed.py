"""How much of what train.index spends on a film is the networks' own work, and in which form they are quickest.

python -m tests.benchmarks.bench_embed [--films COUNT] [--rounds COUNT]

The films of the bundled gallery, on one core; processor time, which other processes on the machine hardly change, as
the smallest of the rounds, taken in turns. The forms: batches, the order of the numbers in memory, 16 bits (bfloat16).
"""

import argparse
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["LOFI_DEVICE"] = "cpu"

import torch
from torch import Tensor

import lofi
from lofi.film.radiograph import Radiograph
from lofi.gallery import FilmRecord, Gallery
from lofi.network.model import LofiModel

LAST, FIRST = torch.channels_last, torch.contiguous_format
BATCHES = (1, 4, 16, 32)
Network = Callable[[Tensor], object]


def seconds(work: Callable[[], object]) -> float:
    """Processor time of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def best(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each, after one to warm up."""
    for work in ways.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            taken[name].append(seconds(work))
    return {name: min(times) for name, times in taken.items()}


def inputs(model: LofiModel, films: list[Radiograph]) -> list[tuple[Network, Tensor]]:
    """The networks that make a film's vector, each with (B, 3, S, S) films that need only be looked at."""
    canvases, _ = model._canvases(films)
    found: list[tuple[Network, Tensor]] = [(model.network.image, model.network.normalise(canvases))]
    if model.eyes is not None and model.eyes.network.vector is not None:
        dense, vector = model.eyes.network, model.eyes.network.vector
        pictures = torch.stack([model.eyes._canvas(film) for film in films])
        found.append((lambda images: vector(dense.e(images)[-1]), pictures[:, None].expand(-1, 3, -1, -1) * 2 - 1))
    return found


@torch.inference_mode()
def forward(networks: list[tuple[Network, Tensor]], batch: int, order: torch.memory_format, half: bool) -> None:
    """Every film through all networks."""
    with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
        for network, images in networks:
            for part in images.split(batch):
                network(part.contiguous(memory_format=order))


def built(model: LofiModel, records: list[FilmRecord], batch: int) -> None:
    """The same films from their files to a gallery's vectors."""
    Gallery.build(records, model, batch=batch)


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_embed", description=__doc__)
    given.add_argument("--films", type=int, default=32)
    given.add_argument("--rounds", type=int, default=3)
    asked = given.parse_args()
    torch.set_num_threads(1)
    model, gallery = lofi.load(lofi.BUNDLED_MODEL), Gallery.open(lofi.BUNDLED_GALLERY)
    studies = gallery.studies[: asked.films]
    records: list[FilmRecord] = [
        (study, partial(Radiograph.read, path)) for study in studies if (path := gallery.image_path(study)) is not None
    ]
    films = [read() for _, read in records]
    networks = inputs(model, films)
    ways: dict[str, Callable[[], object]] = {
        f"batches of {batch}, channels last": partial(forward, networks, batch, LAST, False) for batch in BATCHES
    }
    ways["batches of 16, channels first"] = partial(forward, networks, 16, FIRST, False)
    ways["batches of 16, channels last, bfloat16"] = partial(forward, networks, 16, LAST, True)
    ways["reading files"] = lambda: [read() for _, read in records]
    ways["as train.index does"] = partial(built, model, records, 16)
    taken = best(ways, asked.rounds)
    for name, spent in taken.items():
        print(f"{name:42} {1e3 * spent / len(films):7.1f} ms of a core a film")
    raw, all_of_it = taken["batches of 16, channels last"], taken["as train.index does"]
    print(f"Of train.index's time on one core {raw / all_of_it:.0%} is the networks' own; files are read beside it.")
    print(f"With reading on another core: {raw / (all_of_it - taken['reading files']):.0%}")


if __name__ == "__main__":
    main()
