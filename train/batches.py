"""Step number → the tensors of one training step, made ahead of time in a thread."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lofi.model import pad
from lofi.text import Tokens
from train.augment import apply, random_affine
from train.data.canvases import CanvasCache
from train.data.records import FilmRecord
from train.episodes import Writer, moved, questions, report_of, sentence_bank, truth, zones
from train.packing import Packed, pack
from train.recipe import Recipe
from train.sampling import Sampler


@dataclass(frozen=True)
class Batch:
    """``canvases`` (B, S, S); ``sentences`` (M, T) ids; ``targets`` (B, M) in {1, 0, −1}; ``packed`` the questions."""

    canvases: Tensor
    sentences: Tensor
    targets: Tensor
    packed: Packed


def same_findings(first: FilmRecord, second: FilmRecord) -> int:
    """1 when two films' reports say the same, −1 when they contradict each other, 0 when nobody knows."""
    a, b = first.known(), second.known()
    if any(a[label] * b.get(label, 0) < 0 for label in a):
        return -1
    return 1 if {k for k, v in a.items() if v > 0} == {k for k, v in b.items() if v > 0} and a and b else 0


class Batches:
    """Builds the batch of any step from the step's number alone."""

    def __init__(
        self,
        records: Sequence[FilmRecord],
        cache: CanvasCache,
        recipe: Recipe,
        writer: Writer,
        text_tokens: Tokens,
        prefix: int,
    ) -> None:
        self.records, self.cache, self.recipe = records, cache, recipe
        self.writer, self.text_tokens, self.prefix = writer, text_tokens, prefix
        self.sampler = Sampler(records, recipe.shares, recipe.batch, recipe.seed)

    def build(self, step: int) -> Batch:
        """The batch of step ``step``."""
        chosen, rng = self.sampler.draw(step)
        side, ranges = self.recipe.model.preprocessing.side, self.recipe.augmentation
        canvases, segments = [], []
        films = [self.records[index] for index in chosen]
        for index, record in zip(chosen, films, strict=True):
            matrix = random_affine(rng, side, ranges)
            canvases.append(apply(self.cache.pixels[index], matrix, rng, ranges))
            frame = self.cache.frames[index]
            seen = []
            for box in (*record.boxes, *zones(record)):
                placed = frame.to_canvas(np.asarray([box.box]))[0]
                seen.append((box, moved(placed, matrix, side)))
            segments.append(questions(record, seen, self.writer, rng, self.recipe.questions))
        sentences, targets = self._sentences(films, rng)
        stacked = torch.from_numpy(np.stack(canvases))
        if step < self.recipe.early_share * self.recipe.steps and self.recipe.early_side < side:
            shrunk = interpolate(stacked[:, None], self.recipe.early_side, mode="bilinear", antialias=True)
            stacked = shrunk[:, 0].contiguous()
        return Batch(stacked, sentences, targets, pack(segments, self.prefix, self.writer.padding))

    def _sentences(self, films: Sequence[FilmRecord], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        bank = sentence_bank(rng, self.recipe.sided_sentences)
        texts = [sentence.text for sentence in bank]
        columns = [[truth(film, sentence) for film in films] for sentence in bank]
        for film in films:
            text = film.label_text if rng.random() < 0.5 else film.report or report_of(film, rng)
            if text:
                texts.append(text)
                columns.append([same_findings(other, film) if other is not film else 1 for other in films])
        ids = pad(self.text_tokens.encode_all(texts, self.recipe.model.text.context))
        return ids, torch.tensor(columns, dtype=torch.float32).T.contiguous()

    def ahead(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """(step, batch) for the steps ``first`` … ``last − 1``, each built while the step before is running."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.build, first)
            for step in range(first, last):
                batch = coming.result()
                if step + 1 < last:
                    coming = pool.submit(self.build, step + 1)
                yield step, batch
