"""A run that teaches a checkpoint to use examples in context: its recipe, its films after the towers, its steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lofi.boxes import Boxes
from lofi.grounding import ShotFinder
from lofi.network import checkpoint
from lofi.network.losses import total_loss
from lofi.network.model import LofiModel
from lofi.network.text import BEGIN, END, PAD
from train.data.records import BoxRecord, FilmRecord, check_leaks
from train.feeding.episodes import Writer, film_targets, moved, zones
from train.feeding.film_bank import FilmBank
from train.feeding.sampling import Sampler, stratum
from train.pretraining.recipe import Recipe
from train.pretraining.step import answer_losses, autocast
from train.shots.episodes import Examples, Laid, PackedShots, episodes, pack_shots


@dataclass(frozen=True)
class ShotRecipe:
    """Every number of a run. ``films`` caps the films of each stratum, ``shares`` fills a batch from them.

    ``blur``: share of films whose prefix is disturbed. The towers know the training films better than new ones, so that
    without it the model would learn that it can do without examples. The rate falls as a cosine to 0 at ``steps`` or
    at ``minutes``, whichever is reached first.
    """

    steps: int = 900
    minutes: float = 25.0
    batch: int = 12
    questions: int = 5
    versions: int = 3
    rate: float = 3e-4
    warmup: int = 40
    weight_decay: float = 0.02
    average: float = 0.99
    blur: float = 0.6
    location_weight: float = 1.0
    films: dict[str, int] = field(
        default_factory=lambda: {
            "finding_boxes": 100_000,
            "lung_boxes": 150,
            "adult_lungs": 150,
            "nih": 250,
            "normal": 100,
        }
    )
    shares: dict[str, float] = field(
        default_factory=lambda: {
            "finding_boxes": 0.66,
            "nih": 0.16,
            "lung_boxes": 0.06,
            "adult_lungs": 0.06,
            "normal": 0.06,
        }
    )
    minutes_between_checkpoints: float = 4.0
    validated: int = 1_000
    seed: int = 0


SMOKE = ShotRecipe(
    steps=2,
    batch=2,
    questions=2,
    versions=2,
    warmup=1,
    films={"finding_boxes": 8, "nih": 3, "simulated": 8},
    shares={"finding_boxes": 0.7, "nih": 0.3, "simulated": 0.5},
    validated=2,
)


@dataclass
class ShotRun:
    """What a run works with; ``averages`` are the weights that the checkpoint gets."""

    recipe: ShotRecipe
    model: LofiModel
    bank: FilmBank
    examples: Examples
    validation: FilmBank
    adam: torch.optim.AdamW
    averages: dict[str, Tensor]
    losses: Recipe

    def batch(self, step: int) -> tuple[Tensor, PackedShots]:
        """(B, N, W) prefixes and the packed questions of a step, the same whenever it is drawn again."""
        recipe, bank = self.recipe, self.bank
        chosen, rng = Sampler(bank.records, recipe.shares, recipe.batch, recipe.seed).draw(step)
        prefixes, asked = [], []
        for film in chosen.tolist():
            version = int(rng.integers(bank.prefix.shape[1]))
            prefix = bank.prefix[film, version].astype(np.float32)
            prefixes.append(blurred(prefix, rng) if rng.random() < recipe.blur else prefix)
            seen = self._seen(film, version)
            record = bank.records[film]
            said, others = film_targets(record, seen, rng, self.losses.templates, wordings=2)
            targets = [*said, *others]
            asked.append(episodes(record, bank.encoded(film), targets, self.examples, rng, recipe.questions))
        width, padding = bank.prefix.shape[3], self.examples.writer.padding
        packed = pack_shots(asked, 1 + bank.prefix.shape[2], padding, width)
        return torch.from_numpy(np.stack(prefixes)), packed

    def _seen(self, film: int, version: int) -> list[tuple[BoxRecord, Boxes]]:
        """The boxes of a film as they lie in one of its versions."""
        record, frame = self.bank.records[film], self.bank.frames[film]
        matrix, side = self.bank.matrices[film, version], self.model.config.preprocessing.side
        return [
            (box, moved(frame.to_canvas(np.asarray([box.box]))[0], matrix, side))
            for box in (*record.boxes, *zones(record))
        ]

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One step of the optimiser; its figures. Raises ValueError, nothing changed, when the loss is not finite."""
        for group in self.adam.param_groups:
            group["lr"] = self.recipe.rate * rate_factor(step, progress, self.recipe)
        prefix, packed = self.batch(step)
        losses = self._losses(prefix, packed)
        if not bool(torch.isfinite(losses["total"])):
            raise ValueError(f"the loss is not finite at step {step}")
        self.adam.zero_grad(set_to_none=True)
        losses["total"].backward()
        language = self.model.network.language
        torch.nn.utils.clip_grad_norm_(language.parameters(), 1.0)
        self.adam.step()
        with torch.no_grad():
            decay = min(self.recipe.average, (1 + step) / (10 + step))
            for name, parameter in language.named_parameters():
                self.averages[name].lerp_(parameter, 1 - decay)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _losses(self, prefix: Tensor, shots: PackedShots) -> dict[str, Tensor]:
        model, packed = self.model, shots.packed
        with autocast(model.device, self.losses.precision != "float32"):
            logits = shot_logits(model, prefix, shots)
        first = model.language_tokens.id("<loc_0>")
        captioning, grounding, describing, box = answer_losses(logits, lambda same: same, packed, self.losses, first)
        total = total_loss(logits.sum() * 0.0, captioning, grounding + box, describing, self.recipe.location_weight)
        return {"total": total, "grounding": grounding, "box": box, "caption": captioning, "describe": describing}


def shot_logits(model: LofiModel, prefix: Tensor, shots: PackedShots) -> Tensor:
    """(K, V) float32 logits where an answer is predicted: train.pretraining.step.answer_logits, shots between."""
    language, packed = model.network.language, to_device(shots.packed, model.device)
    begin = torch.full((len(prefix), 1), model.language_tokens.id(BEGIN), device=model.device)
    words = language.embed(packed.ids).clone()
    rows, places = shots.rows.to(model.device), shots.places.to(model.device)
    words[rows, places] = shots.image.to(words)
    embeddings = torch.cat([language.embed(begin), prefix.to(words), words], dim=1)
    logits: Tensor = language(embeddings, packed.positions, packed.visible, packed.places)
    return logits.float()


def to_device(packed: Laid, device: torch.device) -> Laid:
    """The same on a device."""
    return replace(packed, **{name: getattr(packed, name).to(device) for name in packed.__dataclass_fields__})


def blurred(prefix: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(N, W) prefix of which up to half the tokens say only what all say, the rest drowned in some noise."""
    dropped = rng.random(len(prefix)) < rng.uniform(0, 0.5)
    noise = rng.standard_normal(prefix.shape, dtype=np.float32) * prefix.std() * rng.uniform(0, 0.5)
    return np.where(dropped[:, None], prefix.mean(axis=0), prefix + noise).astype(np.float32)


def rate_factor(step: int, progress: float, recipe: ShotRecipe) -> float:
    """Share of the peak rate: warm-up, then a cosine over the ``progress`` 0 … 1 of the run."""
    return min(1.0, (step + 1) / recipe.warmup) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def chosen_films(records: Sequence[FilmRecord], recipe: ShotRecipe) -> list[FilmRecord]:
    """At most so many films of each stratum as the recipe says, drawn by its seed, in the order of the records."""
    rng, left = np.random.default_rng(recipe.seed), dict(recipe.films)
    kept = []
    for number in rng.permutation(len(records)).tolist():
        name = stratum(records[number])
        if left.get(name, 0) > 0:
            left[name] -= 1
            kept.append(number)
    return [records[number] for number in sorted(kept)]


def prepare(
    recipe: ShotRecipe, checkpoint_folder: Path, records: Sequence[FilmRecord], out: Path, cache: Path
) -> ShotRun:
    """The model, its films after the towers, and the optimiser of the language model. Raises LofiError, ValueError."""
    check_leaks(records)
    model = checkpoint.load(checkpoint_folder)
    tokens = model.language_tokens
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    training = chosen_films([record for record in records if record.split == "train"], recipe)
    held = [r for r in records if r.split == "val" and any(box.kind == "finding" for box in r.boxes)]
    if not any(record.boxes for record in training):
        raise ValueError("no film of the train split has a box: there is nothing to show as an example")
    bank = FilmBank.open(training, model, out / "films", recipe.versions, recipe.seed, cache)
    validation = FilmBank.open(held[: recipe.validated], model, out / "films", 1, recipe.seed, cache) if held else bank
    writer = Writer(tokens, model.grammar, tokens.id(END), tokens.id(PAD))
    examples = Examples(ShotFinder(model, bank.regions(model)), writer)
    language = model.network.language.requires_grad_(True)
    adam = torch.optim.AdamW(
        language.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True
    )
    averages = {name: value.detach().clone() for name, value in language.named_parameters()}
    losses = Recipe("incontext", model.config, {})
    return ShotRun(recipe, model, bank, examples, validation, adam, averages, losses)
