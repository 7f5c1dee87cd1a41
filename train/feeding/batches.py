"""Step number → the tensors of one training step, made ahead of time in other processes."""

import copy
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, Dataset

from lofi.boxes import Boxes
from lofi.network.encoder import pad
from lofi.network.text import Tokens
from train.data.canvases import CanvasCache
from train.data.records import BoxRecord, FilmRecord
from train.data.shards import Shards
from train.feeding.augment import apply, random_affine
from train.feeding.episodes import (
    Segment,
    Target,
    Writer,
    coverage,
    heat_targets,
    moved,
    questions,
    report_of,
    sentence_bank,
    sentences_by_label,
    truth,
    zones,
)
from train.feeding.packing import Packed, pack
from train.feeding.reports import columns
from train.feeding.sampling import Epochs, OwnShards, Sampler
from train.pretraining.compiling import PLACES
from train.pretraining.distributed import part, within
from train.pretraining.recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """Q phrases for the heat map: ``film`` (Q,) rows of the batch, ``phrases`` (Q, T) ids of the text tower, ``inside``
    (Q, P) the share of each patch that lies in the phrase's boxes, all zero where the film does not show it.
    """

    film: Tensor
    phrases: Tensor
    inside: Tensor


@dataclass(frozen=True)
class Batch:
    """``canvases`` (B, S, S); ``sentences`` (M, T) ids of all processes and parts of the step; ``targets`` (B, R) in
    {1, 0, −1} of these films; ``packed`` the questions; ``pooling`` (R, M) makes reports of sentences, without it
    R = M. ``left_out`` boxes and ``cut`` sentences did not fit whole.
    """

    canvases: Tensor
    sentences: Tensor
    targets: Tensor
    packed: Packed
    pooling: Tensor | None = None
    asked: Asked | None = None
    left_out: int = 0
    cut: int = 0

    def to(self, device: torch.device) -> Self:
        """The batch on a device; the copy from pinned memory does not wait."""
        if device.type == "cpu":
            return self
        return _mapped(self, lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The batch in pinned memory, from which a GPU copies while it computes."""
        return _mapped(self, Tensor.pin_memory)


def sent(values: Sequence[float], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers as a tensor on a device, from pinned memory where it is a GPU: nobody waits."""
    here = torch.tensor(values, dtype=dtype)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)


def _mapped(value, change):  # type: ignore[no-untyped-def]
    """A dataclass with every tensor changed, those inside its dataclasses too."""
    found = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if isinstance(item, Tensor):
            found[field.name] = change(item)
        elif isinstance(item, Packed | Asked):
            found[field.name] = _mapped(item, change)
    return replace(value, **found)


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
        cache: CanvasCache | Shards,
        recipe: Recipe,
        writer: Writer,
        text_tokens: Tokens,
        prefix: int,
    ) -> None:
        self.records, self.cache, self.recipe = records, cache, recipe
        self.writer, self.text_tokens, self.prefix = writer, text_tokens, prefix
        self.elsewhere = sentences_by_label(records)
        self.sampler: Sampler | Epochs | OwnShards
        if isinstance(cache, Shards):
            self.sampler = OwnShards(records, cache.homes, recipe.batch, recipe.seed, recipe.swap_normal)
        elif recipe.shares:
            self.sampler = Sampler(records, recipe.shares, recipe.batch, recipe.seed)
        else:
            self.sampler = Epochs(records, recipe.batch, recipe.seed, recipe.swap_normal)

    def build(self, number: int) -> Batch:
        """Part ``number`` of the run: ``accumulate`` of them make a step. Its films are a part of the step's, its
        sentences are all of the step's.
        """
        recipe, side = self.recipe, self.recipe.model.preprocessing.side
        step, piece = divmod(number, recipe.accumulate)
        chosen, rng = self.sampler.draw(step)
        films = [self.records[index] for index in chosen]
        streams = recipe.own_streams or recipe.accumulate > 1
        own = part(len(films)) if recipe.own_streams else slice(0, len(films))
        own = within(own, part(own.stop - own.start, piece, recipe.accumulate))
        writer = copy.copy(self.writer)  # which counts for this batch alone
        writer.left_out = 0
        canvases, segments, targets = [], [], []
        for number in range(len(films))[own]:
            stream = np.random.default_rng((recipe.seed, step, number, 2)) if streams else rng
            pixels, seen, asked = self._film(int(chosen[number]), stream, writer)
            canvases.append(pixels)
            segments.append(asked)
            dice = np.random.default_rng((recipe.seed, step, number, 3))
            given = (recipe.heat_phrases, recipe.templates, self.elsewhere)
            targets.append(heat_targets(films[number], seen, dice, *given) if recipe.heat_weight else [])
        batch = self._sentences(films, rng)
        stacked = torch.from_numpy(np.stack(canvases))
        if step < recipe.early_share * recipe.steps and recipe.early_side < side:
            shrunk = interpolate(stacked[:, None], recipe.early_side, mode="bilinear", antialias=True)
            stacked = shrunk[:, 0].contiguous()
        packed = pack(segments, self.prefix, self.writer.padding, PLACES if recipe.compile else 0)
        batch = replace(batch, canvases=stacked, targets=batch.targets[own], packed=packed, left_out=writer.left_out)
        return replace(batch, asked=self._asked(targets, stacked.shape[-1] // recipe.heat_cell))

    def _asked(self, targets: Sequence[Sequence[Target]], cells: int) -> Asked | None:
        """The films' phrases for a heat map of ``cells`` × ``cells`` patches; None where nothing is asked."""
        rows = [(film, target) for film, wanted in enumerate(targets) for target in wanted]
        if not rows:
            return None
        phrases = self.text_tokens.encode_all([target.phrase for _, target in rows], self.recipe.model.text.context)
        inside = np.stack([coverage(target.boxes, cells).ravel() for _, target in rows])
        return Asked(torch.tensor([film for film, _ in rows]), pad(phrases), torch.from_numpy(inside))

    def _film(
        self, index: int, rng: np.random.Generator, writer: Writer
    ) -> tuple[NDArray[np.float32], list[tuple[BoxRecord, Boxes]], list[Segment]]:
        """A film's augmented canvas, its boxes on it and its questions."""
        side, ranges, record = self.recipe.model.preprocessing.side, self.recipe.augmentation, self.records[index]
        matrix = random_affine(rng, side, ranges)
        pixels = apply(self.cache.pixels[index], matrix, rng, ranges)
        seen = []
        for box in (*record.boxes, *zones(record)):
            placed = self.cache.frames[index].to_canvas(np.asarray([box.box]))[0]
            seen.append((box, moved(placed, matrix, side)))
        report = record.report if self.recipe.report_sentences else ""
        asked = (self.recipe.questions, report, self.recipe.templates, self.elsewhere)
        return pixels, seen, questions(record, seen, writer, rng, *asked)

    def _sentences(self, films: Sequence[FilmRecord], rng: np.random.Generator) -> Batch:
        """A batch that holds only the sentences and the targets of all films."""
        pooling = None
        if self.recipe.report_sentences:
            reports = [film.report or film.label_text or report_of(film, rng) for film in films]
            settings = (self.recipe.report_sentences, self.recipe.sentences == "pooled", self.recipe.near_identical)
            found = columns(films, reports, rng, *settings)
            texts, rows = found.texts, found.targets
            pooling = None if found.pooling is None else torch.tensor(found.pooling, dtype=torch.float32)
        else:
            texts, rows = self._labels(films, rng)
        ids, context = self.text_tokens.encode_all(texts, 1 << 30), self.recipe.model.text.context
        cut = sum(len(row) > context for row in ids)
        ids = [row if len(row) <= context else [*row[: context - 1], row[-1]] for row in ids]
        targets = torch.tensor(rows, dtype=torch.float32).T.contiguous()
        return Batch(torch.empty(0), pad(ids), targets, pack([[]], 1, 0), pooling, cut=cut)

    def _labels(self, films: Sequence[FilmRecord], rng: np.random.Generator) -> tuple[list[str], list[list[int]]]:
        bank = sentence_bank(rng, self.recipe.sided_sentences)
        texts = [sentence.text for sentence in bank]
        rows = [[truth(film, sentence) for film in films] for sentence in bank]
        for film in films:
            text = film.label_text if rng.random() < 0.5 else film.report or report_of(film, rng)
            if text:
                texts.append(text)
                rows.append([same_findings(other, film) if other is not film else 1 for other in films])
        return texts, rows

    def ahead(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """(step, batch) for ``first`` … ``last − 1``, in order, each of ``workers`` processes building two ahead; 0
        builds them here.

        Processes and not threads: a batch takes a quarter of a second under Python's lock, in which the training loop
        could not start kernels.
        """
        workers, gpu = self.recipe.workers, torch.cuda.is_available()
        context = "fork" if workers else None  # what a worker needs, such as all records, is there and not sent
        yield from DataLoader(
            _Steps(self),
            batch_size=None,
            sampler=range(first, last),
            num_workers=workers,
            collate_fn=_same,
            worker_init_fn=_begin,
            multiprocessing_context=context,
            pin_memory=gpu,
        )


class _Steps(Dataset[tuple[int, Batch]]):
    """Batches by step number, as DataLoader asks for them."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __getitem__(self, step: int) -> tuple[int, Batch]:
        return step, self._batches.build(step)


def _same(built: tuple[int, Batch]) -> tuple[int, Batch]:
    return built


def _begin(worker: int) -> None:
    """A worker leaves when its parent does: signals that reach the whole group must not end it while the parent saves.
    It has one thread: locks of others were copied as they were.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    cv2.setNumThreads(0)
