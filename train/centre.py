"""What all films and all reports have in common: ``python -m train.centre --model CHECKPOINT --records FILE``.

Measures what is taken away from vectors before they are compared (lofi.network.centre): means, on ``--films`` films of
the train split and on all its reports, and what tells the source of a film, on at most ``--normals`` normal frontal
films of each source. Writes them beside the checkpoint's dense network. Galleries must then be built again.
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.centre import MEANS, MOST, Centre
from lofi.network.checkpoint import centre_vectors, load
from lofi.network.model import LofiModel
from train.data.records import FilmRecord, read
from train.densely.normals import normal_films

BATCH = 8
FEWEST = 50
"""Normal films of a source below which it is not asked how they differ from others."""
SHRUNK = 0.01
"""How far the films' covariance is drawn to a sphere: there are not many more of them than numbers in a vector."""


def measured(
    model: LofiModel, films: Sequence[FilmRecord], reports: Sequence[str], normal: Mapping[str, Sequence[FilmRecord]]
) -> Centre:
    """The means and the directions of a model whose vectors nothing was taken from yet; ``normal`` films by source,
    none or at least two of them. Raises ValueError where its dense network makes no vectors, or without a film or a
    report.
    """
    if model.eyes is None or model.eyes.whole is None:
        raise ValueError("the checkpoint's dense network makes no vectors of films")
    if not films or not reports:
        raise ValueError("films and reports of the train split are needed, none were found")
    held, model.eyes.centre = model.eyes.centre, Centre.of({}, model.text_dim).to(model.device)
    try:
        tower, dense = _halves(_embedded(model, films, "films"))
        found = [_halves(_embedded(model, some, source)) for source, some in normal.items()]
        texts = [
            model.embed_query(reports[start : start + BATCH])
            for start in tqdm(range(0, len(reports), BATCH), desc="reports", unit="batch")
        ]
    finally:
        model.eyes.centre = held
    own, placed = (half.mean(0) for half in _halves(texts))
    means = tower.mean(0), dense.mean(0)
    sources = (telling([both[half] - means[half] for both in found], model.text_dim) for half in (0, 1))
    return Centre(*means, own, placed, *sources)


def _embedded(model: LofiModel, films: Sequence[FilmRecord], said: str) -> list[NDArray[np.float32]]:
    starts = tqdm(range(0, len(films), BATCH), desc=said, unit="batch")
    return [model.embed([Radiograph.read(film.path) for film in films[start : start + BATCH]]) for start in starts]


def _halves(vectors: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """The left and the right half of (n, 2E) vectors in blocks, each of unit length."""
    left, right = torch.from_numpy(np.concatenate(vectors)).chunk(2, 1)
    return functional.normalize(left, dim=1), functional.normalize(right, dim=1)


def telling(groups: Sequence[Tensor], width: int) -> Tensor:
    """(2, r, E) what tells (n, E) vectors of one group from those of the others, r one less than the groups, and at
    most ``MOST``: then what tells them best.

    With W the inverse root of the covariance and U a basis of W times the groups' mean differences: rows of U'W, read
    off a vector, and of U'W⁻¹, taken away (LEACE, arXiv 2306.03819).
    """
    if len(groups) < 2:
        return torch.zeros(2, 0, width)
    every = torch.cat(list(groups)).double()
    centred = every - every.mean(0)
    covariance = centred.T @ centred / len(every)
    covariance += SHRUNK * covariance.diagonal().mean() * torch.eye(width, dtype=torch.float64)
    values, axes = torch.linalg.eigh(covariance)
    whiten, colour = (axes * values**power @ axes.T for power in (-0.5, 0.5))
    apart = torch.stack([group.double().mean(0) - every.mean(0) for group in groups], 1)
    basis = torch.linalg.svd(whiten @ apart, full_matrices=False).U[:, : min(len(groups) - 1, MOST)]
    return torch.stack([basis.T @ whiten, basis.T @ colour]).float()


def chosen(records: Path, sources: Sequence[str], most: int, seed: int) -> tuple[list[FilmRecord], list[str]]:
    """Films of the train split, drawn at random, and all its different reports; of all sources where none is named."""
    train = [film for film in read(records, "train") if not sources or film.source in sources]
    reports = sorted({film.report for film in train if film.report})
    return random.Random(seed).sample(train, min(most, len(train))), reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint whose dense network makes vectors")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--source", nargs="*", default=[], help="only films of these sources")
    parser.add_argument("--normal-source", nargs="*", default=[], help="only normal films of these sources")
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--normals", type=int, default=900, help="normal films of each source, 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    films, reports = chosen(options.records, options.source, options.films, options.seed)
    normal = normal_films(options.records, "train", options.normal_source, options.normals, options.seed, FEWEST)
    try:
        centre = measured(load(options.model), films, reports, normal)
    except (ValueError, LofiError) as error:
        parser.error(str(error))
    centre_vectors(options.model, centre)
    lengths = {name: round(float(getattr(centre, name).norm()), 3) for name in MEANS}
    print(f"{len(films)} films, {len(reports)} reports; lengths of the means: {lengths}")
    print(f"normal films by source: { {source: len(some) for source, some in normal.items()} }")


if __name__ == "__main__":
    main()
