"""How quickly films are embedded, beside the bare networks: python -m tests.benchmarks.bench_embedding [--films N]

The bare networks are shown canvases that lie in memory, in several ways, in turns; then the same films are embedded
from their files as ``train.index`` does it, with reading, hashing, printing and resizing. Wall clock, all cores.
"""

import argparse
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import torch
from torch import Tensor

import lofi
from lofi.film.radiograph import Radiograph
from lofi.gallery import FilmRecord, Gallery
from lofi.settings import Settings
from train.indexing.compiled import hasten

ROUNDS = 5


def seconds(*ways: Callable[[], object]) -> list[float]:
    """The median time of each way, taken in turns so that a busy moment meets them all."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, taken in zip(ways, times, strict=True):
            start = time.perf_counter()
            way()
            taken.append(time.perf_counter() - start)
    return [median(taken) for taken in times]


def bare(model: lofi.LofiModel, films: list[Radiograph]) -> Callable[[int, torch.dtype], object]:
    """What shows the networks the films, so many at once, computing in a type; 0: a film a core."""
    own, _ = model._canvases(films)
    placed = None if model.eyes is None or model.towers.placed is None else model.eyes.canvases(films)

    @torch.inference_mode()
    def some(part: slice) -> None:
        model.towers.own(own[part])
        if placed is not None and model.towers.placed is not None:
            model.towers.placed(placed[part])

    def forward(at_once: int, dtype: torch.dtype) -> None:
        parts = [slice(start, start + (at_once or 1)) for start in range(0, len(films), at_once or 1)]
        if not at_once:
            cores = torch.get_num_threads()
            with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                list(pool.map(some, parts))
            torch.set_num_threads(cores)
            return
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            for part in parts:
                some(part)

    return forward


def channels_last(model: lofi.LofiModel, films: list[Radiograph]) -> Callable[[], object]:
    """The image tower alone with its channels last; the dense network's always are."""
    own, _ = model._canvases(films)
    image = model.network.image.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def forward() -> None:
        for canvas in own:
            picture: Tensor = model.network.normalise(canvas[None]).contiguous(memory_format=torch.channels_last)
            image(picture)

    return forward


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_embedding", description=__doc__)
    parser.add_argument("--films", type=int, default=16)
    count = parser.parse_args().films
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings()
    model, gallery = lofi.load(settings.model, "cpu"), Gallery.open(settings.gallery)
    paths = [path for study in gallery.studies if (path := gallery.image_path(study)) is not None][:count]
    records: list[FilmRecord] = [
        (study, lambda path=path: Radiograph.read(path))  # type: ignore[misc]
        for study, path in zip(gallery.studies, paths, strict=False)
    ]
    films = [read() for _, read in records]
    print(f"{len(films)} films of {films[0].pixels.shape[1]} × {films[0].pixels.shape[0]} pixels, "
          f"{torch.get_num_threads()} threads; films a second")  # fmt: skip

    def whole() -> object:
        return Gallery.build(iter(records), model)

    def told(name: str, took: float, of: float = 0.0) -> None:
        print(f"  {name:44} {len(films) / took:6.2f}" + (f"   {of / took:.0%} of the bare networks" if of else ""))

    forward, f32 = bare(model, films), torch.float32
    each, one, eight, sixteen, index = seconds(*(lambda n=n: forward(n, f32) for n in (0, 1, 8, 16)), whole)
    told("bare networks, a film a core", each)
    told("… one at a time on all cores", one)
    told("… eight at once", eight)
    told("… sixteen at once", sixteen)
    told("as train.index embeds them, from files", index, each)
    image = model.network.image
    plain, last = seconds(lambda: [image(c) for c in _pictures(model, films)], channels_last(model, films))
    told("the image tower alone", plain)
    told("… channels last", last)
    few = films[:2]
    start = time.perf_counter()
    bare(model, few)(1, torch.bfloat16)
    told("bare networks in bfloat16 (two films, once)", (time.perf_counter() - start) * len(films) / len(few))
    model = lofi.load(settings.model, "cpu")
    if hasten(model) == 1:
        print("  OpenVINO is not there, or not quicker")
        return
    forward = bare(model, films)
    each, index = seconds(lambda: forward(0, f32), whole)
    told("bare networks by OpenVINO, a film a core", each)
    told("as train.index embeds them by OpenVINO", index, each)


@torch.inference_mode()
def _pictures(model: lofi.LofiModel, films: list[Radiograph]) -> list[Tensor]:
    own, _ = model._canvases(films)
    return [model.network.normalise(canvas[None]) for canvas in own]


if __name__ == "__main__":
    with torch.inference_mode():
        main()
