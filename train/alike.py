"""Make a checkpoint's image embeddings rank films with the same findings first: the tower's last projection anew.

    python -m train.alike --model CHECKPOINT --records FILE [--teacher CSV] --out FOLDER

Pre-training places a film by its sentences, mostly by source and kind of patient. This stage leaves every other weight
as it is (boxes, drafts and the text tower do not change) and trains the linear map from the tower's pooled features
to the embedding, on features computed once. Four losses: films that share labels attract each other (``labels``), so
do films that a teacher's probabilities call alike (``teacher``: a CSV of "Image Index" and prob_<label> columns, as of
a DenseNet-121); a label's phrase ranks above its denial (``phrases``); films of other sources stay where they were
(``stay``). Trains on the train split alone; which films: those of NIH, whose labels are complete.
"""

import argparse
import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from lofi.network import checkpoint
from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from train.data.lexicon import PHRASES, denied
from train.data.records import NIH_LABELS
from train.data.teacher import read_teacher
from train.evaluation.asking import Plan, ask, readable
from train.evaluation.embedding_figures import WORDINGS
from train.evaluation.questions import Film, read_films, sample

NEVER = 1e9
"""Taken from a film's similarity to itself, so that it is never its own neighbour."""


@dataclass(frozen=True)
class Numbers:
    """What the stage uses; ``labels``, ``teacher``, ``phrases`` and ``stay`` weigh the losses."""

    steps: int = 800
    films: int = 384
    others: int = 128
    rate: float = 3e-4
    weight_decay: float = 0.05
    dropout: float = 0.2
    temperature: float = 0.1
    teacher_temperature: float = 0.2
    phrase_scale: float = 10.0
    labels: float = 1.0
    teacher: float = 2.0
    phrases: float = 1.0
    stay: float = 1.0
    average: float = 0.98
    other_films: int = 600
    seed: int = 0


@dataclass(frozen=True)
class Features:
    """Of n films: ``pooled`` (n, C) what the projection takes, ``embedding`` (n, E) what it made of it so far."""

    pooled: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Known:
    """Of n labelled films: ``labels`` (n, L) 0 or 1; ``taught`` (n, L) the teacher's log-odds, NaN without one."""

    labels: Tensor
    taught: Tensor


def shared_labels(labels: Tensor) -> Tensor:
    """(n, n) Jaccard index of each two films' labels; films without any share "none". 0 on the diagonal."""
    both = labels @ labels.T
    either = labels.sum(1)[:, None] + labels.sum(1)[None] - both
    none = (labels.sum(1) == 0).float()
    return (both / either.clamp(min=1) + none[:, None] * none[None]).fill_diagonal_(0)


def neighbour_loss(embeddings: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between (n, n) ``wanted`` weights of neighbours, each row scaled to 1, and the softmax of the unit
    ``embeddings``' similarities: the supervised contrastive loss (arXiv 2004.11362, "out") with graded positives.
    Rows that want nobody do not count.
    """
    alone = torch.eye(len(embeddings), device=embeddings.device) * NEVER
    chances = torch.log_softmax(embeddings @ embeddings.T / temperature - alone, 1).clamp(min=-50)
    total = wanted.sum(1)
    if not bool((total > 0).any()):
        return embeddings.sum() * 0
    return -((wanted * chances).sum(1) / total.clamp(min=1e-6))[total > 0].mean()


def taught_neighbours(taught: Tensor, temperature: float) -> Tensor:
    """(n, n) how much a teacher wants each neighbour: softmax of the cosine of (n, L) standardised log-odds."""
    unit = functional.normalize((taught - taught.mean(0)) / taught.std(0).clamp(min=1e-6), dim=1)
    return torch.softmax(unit @ unit.T / temperature - torch.eye(len(unit)) * NEVER, 1)


def features(model: LofiModel, films: Sequence[Film], title: str) -> Features:
    """Pooled features and embeddings of films; each film is read and encoded once."""
    head = model.network.image.visual.trunk.forward_head

    def keep(_: int, encoded: EncodedFilm) -> Tensor:
        assert encoded.last is not None
        with torch.inference_mode():
            return head(encoded.last)[0].float().cpu()

    answers = ask(model, films, Plan(), title=title, also=keep)
    rows = [answers.also[number] for number in range(len(films))]
    own = torch.from_numpy(answers.embeddings)[:, : model.text_dim]  # the tower's half, where a dense one adds another
    return Features(torch.stack(rows).clone(), functional.normalize(own, dim=1))


def known(films: Sequence[Film], teacher: Mapping[str, NDArray[np.float32]]) -> Known:
    """Labels of the films, their boxes' labels counted in, and what the teacher says of them."""
    named = [{*film.findings, *(box.label for box in film.boxes)} for film in films]
    labels = torch.tensor([[float(label in names) for label in NIH_LABELS] for names in named])
    nothing = np.full(len(NIH_LABELS), np.nan, dtype=np.float32)
    return Known(labels, torch.from_numpy(np.stack([teacher.get(Path(film.path).stem, nothing) for film in films])))


def phrase_directions(model: LofiModel) -> Tensor:
    """(L, E) from a label's denial to its phrase, wordings averaged."""
    said = [model.embed_text(PHRASES[label][:WORDINGS]).mean(0) for label in NIH_LABELS]
    not_said = [model.embed_text([denied(w) for w in PHRASES[label][:WORDINGS]]).mean(0) for label in NIH_LABELS]
    return torch.from_numpy(np.stack(said) - np.stack(not_said))


def train(
    head: torch.nn.Module, films: Features, facts: Known, others: Features, directions: Tensor, numbers: Numbers
) -> torch.nn.Module:
    """The projection trained, its weights averaged over the last steps; ``head`` stays as it was."""
    torch.manual_seed(numbers.seed)
    draw = np.random.default_rng(numbers.seed)
    learner, average = copy.deepcopy(head).requires_grad_(True), copy.deepcopy(head).requires_grad_(False)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=numbers.rate, weight_decay=numbers.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, numbers.steps)
    positive = facts.labels.sum(0)
    rare = ((len(facts.labels) - positive) / positive.clamp(min=1)).clamp(max=20)
    for _ in tqdm(range(numbers.steps), desc="projection", unit="step"):
        chosen = torch.from_numpy(draw.choice(len(facts.labels), min(numbers.films, len(facts.labels)), replace=False))
        seen = functional.dropout(films.pooled[chosen], numbers.dropout)
        images, labels, taught = functional.normalize(learner(seen), dim=1), facts.labels[chosen], facts.taught[chosen]
        loss = numbers.labels * neighbour_loss(images, shared_labels(labels), numbers.temperature)
        rated = ~taught.isnan().any(1)
        if int(rated.sum()) > 1:
            wanted = taught_neighbours(taught[rated], numbers.teacher_temperature)
            loss = loss + numbers.teacher * neighbour_loss(images[rated], wanted, numbers.temperature)
        told = numbers.phrase_scale * images @ directions.T
        loss = loss + numbers.phrases * functional.binary_cross_entropy_with_logits(told, labels, pos_weight=rare)
        if len(others.pooled):
            rows = torch.from_numpy(draw.choice(len(others.pooled), min(numbers.others, len(others.pooled))))
            kept = functional.normalize(learner(others.pooled[rows]), dim=1)
            loss = loss + numbers.stay * (1 - (kept * others.embedding[rows]).sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for kept_weight, weight in zip(average.parameters(), learner.parameters(), strict=True):
                kept_weight.lerp_(weight, 1 - numbers.average)
    return average


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.alike", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--model", required=True, type=Path, help="checkpoint folder to start from")
    options.add_argument("--records", required=True, type=Path)
    options.add_argument("--teacher", type=Path, help="CSV of a teacher's probabilities of NIH's fourteen labels")
    options.add_argument("--out", required=True, type=Path, help="folder of the new checkpoint")
    options.add_argument("--smoke", action="store_true", help="a few steps")
    given = options.parse_args(arguments)
    numbers = Numbers(steps=4, films=16, others=4) if given.smoke else Numbers()
    try:
        teacher = read_teacher(given.teacher, NIH_LABELS) if given.teacher else {}
    except (OSError, ValueError) as error:
        options.error(str(error))
    model = checkpoint.load(given.model, "cpu")
    films = read_films(given.records, ["train"])
    nih, _ = readable([film for film in films if film.from_nih])
    if not nih:
        options.error("no film of NIH in the train split: this stage needs films whose labels are complete")
    others = sample([film for film in films if not film.from_nih], numbers.other_films, numbers.seed)
    elsewhere, _ = readable(others)
    facts = known(nih, teacher)
    rated = int((~facts.taught.isnan().any(1)).sum())
    visual = model.network.image.visual
    learnt = features(model, nih, "films of NIH")
    kept = features(model, elsewhere, "other films") if elsewhere else Features(torch.zeros(0), torch.zeros(0))
    visual.head = train(visual.head, learnt, facts, kept, phrase_directions(model), numbers)
    manifest = checkpoint.read_manifest(given.model)
    told = {"films": len(nih), "rated by the teacher": rated, "others": len(elsewhere), **asdict(numbers)}
    data = {**manifest["data"], "alike": {"from": model.fingerprint, **told}}
    tokenizers = {name: given.model / name for name in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER)}
    checkpoint.save(
        given.out,
        model.network,
        tokenizers,
        data=data,
        metrics=manifest["metrics"],
        # What is said of a phrase does not depend on the projection.
        threshold=model.threshold,
        calibration=model.calibration,
        heat_share=model.heat_share,
    )
    print(f"{len(nih)} films of NIH, {rated} of them rated by the teacher, {len(elsewhere)} others → {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
