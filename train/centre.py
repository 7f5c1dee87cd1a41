"""What all films and all reports have in common: ``python -m train.centre --model CHECKPOINT --records FILE``.

Measures the means that are taken away from vectors before they are compared (lofi.network.centre), on ``--films`` films
of the train split and on all its reports, and writes them beside the checkpoint's dense network. Galleries must then be
built again.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.centre import Centre
from lofi.network.checkpoint import centre_vectors, load
from lofi.network.model import LofiModel
from train.data.records import FilmRecord, read

BATCH = 8


def measured(model: LofiModel, films: Sequence[FilmRecord], reports: Sequence[str]) -> Centre:
    """The means of a model whose vectors nothing was taken from yet. Raises ValueError where its dense network makes no
    vectors, or without a film or a report.
    """
    if model.eyes is None or model.eyes.whole is None:
        raise ValueError("the checkpoint's dense network makes no vectors of films")
    if not films or not reports:
        raise ValueError("films and reports of the train split are needed, none were found")
    held, model.eyes.centre = model.eyes.centre, Centre.of({}, model.text_dim).to(model.device)
    try:
        vectors = [
            model.embed([Radiograph.read(film.path) for film in films[start : start + BATCH]])
            for start in tqdm(range(0, len(films), BATCH), desc="films", unit="batch")
        ]
        texts = [
            model.embed_query(reports[start : start + BATCH])
            for start in tqdm(range(0, len(reports), BATCH), desc="reports", unit="batch")
        ]
    finally:
        model.eyes.centre = held
    tower, dense = _halves(vectors)
    own, placed = _halves(texts)
    return Centre(tower, dense, own, placed)


def _halves(vectors: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Means of the left and of the right half of (n, 2E) vectors in blocks, each half of unit length before."""
    both = torch.from_numpy(np.concatenate(vectors))
    left, right = both.chunk(2, 1)
    return functional.normalize(left, dim=1).mean(0), functional.normalize(right, dim=1).mean(0)


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
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    films, reports = chosen(options.records, options.source, options.films, options.seed)
    try:
        centre = measured(load(options.model), films, reports)
    except (ValueError, LofiError) as error:
        parser.error(str(error))
    centre_vectors(options.model, centre)
    lengths = {name: round(float(mean.norm()), 3) for name, mean in centre.named().items()}
    print(f"{len(films)} films, {len(reports)} reports; lengths of the means: {lengths}")


if __name__ == "__main__":
    main()
