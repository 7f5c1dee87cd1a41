"""A stand-in for a model that other processes load, and that writes down what it was asked about."""

import os
import signal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph
from tests.doubles import TinyEmbedder


class Watched(TinyEmbedder):
    """Each film it embeds is a line in ``log``; its process is killed, as by kill −9, at film ``dies_at``, once."""

    def __init__(self, log: Path, dies_at: int = 0) -> None:
        super().__init__()
        self._log, self._dies_at = log, dies_at

    def embed(self, radiographs: list[Radiograph]) -> NDArray[np.float32]:
        with self._log.open("a") as file:
            file.writelines(f"{film.sha256} {os.getpid()}\n" for film in radiographs)
        if self._dies_at and len(self._log.read_text().splitlines()) >= self._dies_at:
            mark = self._log.with_suffix(".died")
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(radiographs)
