"""What a network trained on NIH's labels says of films: a CSV of "Image Index" and prob_<label> columns."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_teacher(path: Path, labels: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Stem of a film's file → (L,) log-odds. Raises ValueError where a column is missing."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = {"Image Index", *(f"prob_{label}" for label in labels)} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        chances = {Path(row["Image Index"]).stem: [float(row[f"prob_{label}"]) for label in labels] for row in rows}
    clipped = {name: np.clip(np.array(values), 1e-4, 1 - 1e-4) for name, values in chances.items()}
    return {name: np.log(values / (1 - values)).astype(np.float32) for name, values in clipped.items()}
