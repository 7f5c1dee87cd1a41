"""Figures of every step: a CSV file that a resumed run continues, TensorBoard where it is installed, the bar."""

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lofi.files.sheet import Cell, Sheet

COLUMNS = (
    "step", "time", "total", "sigmoid", "caption", "grounding", "describing", "box", "heat",
    "rate", "norm", "films_per_s", "mfu", "wait_share", "memory_mib", "left_out", "cut", "skipped",
)  # fmt: skip


def memory_mib(device: torch.device) -> float:
    """Peak memory so far in MiB: the GPU's where there is one, else the process's own."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _number(text: str) -> Cell:
    """A number that an earlier run wrote, which reads and writes back alike; other text as it is."""
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text


class Metrics:
    """``metrics.csv`` with a header; rows of steps that a resumed run does again are taken out first."""

    def __init__(self, folder: Path, first: int) -> None:
        path = folder / "metrics.csv"
        kept: list[dict[str, str]] = []
        if path.is_file() and first:
            with path.open(newline="") as old:
                kept = [
                    row for row in csv.DictReader(old) if (row["step"] or "x").isdigit() and int(row["step"]) < first
                ]
                kept = [row for row in kept if None not in row.values()]
        temporary = path.with_suffix(".part")
        with temporary.open("w", newline="") as file:
            sheet = Sheet(file)
            sheet.write(COLUMNS)
            for row in kept:
                sheet.write(_number(row.get(name, "")) for name in COLUMNS)
        temporary.replace(path)
        self._file = path.open("a", newline="")
        self._rows = Sheet(self._file)
        self._board = self._tensorboard(folder, first)

    @staticmethod
    def _tensorboard(folder: Path, first: int) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return None
        return SummaryWriter(str(folder / "tensorboard"), purge_step=first)

    def write(self, step: int, figures: Mapping[str, float | None]) -> None:
        """One step. Losses are written with all their digits, so that two curves can be compared exactly."""
        row: dict[str, Cell] = {"step": step, "time": round(time.time(), 1), **figures}
        if unknown := set(row) - set(COLUMNS):
            raise ValueError(f"metrics.csv has no column for {sorted(unknown)}")
        self._rows.write(row.get(name) for name in COLUMNS)
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()
