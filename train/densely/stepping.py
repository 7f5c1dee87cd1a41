"""One step of the dense network: on two busy cores, and on an accelerator."""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lofi.network.dense import DenseNet
from train.densely.batches import Batch
from train.densely.loss import Losses, losses
from train.densely.words import Bank, Words, word_loss

PARTS = 2


@dataclass(frozen=True)
class Told:
    """What the films' vectors learn from, where the network makes any."""

    words: Words
    bank: Bank


def gradients(network: DenseNet, batch: Batch) -> tuple[Losses, list[Tensor | None]]:
    """Losses of a batch and the gradient of each trained parameter; touches no ``grad``, so that threads may share."""
    found = losses(network(batch.films, batch.which, batch.concepts, batch.sides), batch.targets)
    trained = [p for p in network.parameters() if p.requires_grad]
    return found, list(torch.autograd.grad(found.total, trained, allow_unused=True))


def one_step(network: DenseNet, adam: torch.optim.AdamW, batch: Batch, factor: float, pool: Executor) -> Losses:
    """Forward, backward, step, at ``factor`` of the peak rates. Batch norms keep the statistics they came with.

    The batch goes in two parts over two threads of one core each: they meet once a step, where two threads inside each
    operator meet hundreds of times and wait for one another whenever the machine has other work.
    """
    network.train()
    network.e.eval()
    done = list(pool.map(lambda part: gradients(network, part), batch.parts(PARTS)))
    trained = [p for p in network.parameters() if p.requires_grad]
    for place, parameter in enumerate(trained):
        known = [grads[place] for _, grads in done if grads[place] is not None]
        parameter.grad = torch.stack(known).sum(0) / len(done) if known else None
    _moved(network, adam, factor)
    return _mean([found for found, _ in done])


def whole_step(network: DenseNet, adam: torch.optim.AdamW, batch: Batch, factor: float, told: Told | None) -> Losses:
    """The same on an accelerator: the batch as a whole, half precision where it does no harm, batch norms that learn
    their statistics (the batch is large enough for them), and the film's vector where it is ``told`` what it shows.
    """
    network.train()
    device = next(network.parameters()).device
    batch = batch.to(device)
    films = batch.films.float() / 255 if batch.films.dtype == torch.uint8 else batch.films
    half = torch.autocast(device.type, torch.bfloat16) if device.type == "cuda" else nullcontext()
    with half:
        seen = network.see(films)
        asked = network.ask(seen, batch.which, batch.concepts, batch.sides)
        whole = network.vector
        vectors = None if whole is None else whole(seen.deep)
    asked = type(asked)(*(part.float() for part in asked))
    found = losses(asked, batch.targets)
    real = (batch.rows >= 0).nonzero()[:, 0]
    if told is not None and whole is not None and vectors is not None:
        found = replace(found, words=word_loss(whole, vectors[real], batch.rows[real], told.words, told.bank))
    adam.zero_grad(set_to_none=True)
    found.total.backward()  # type: ignore[no-untyped-call]
    if told is not None and vectors is not None:
        told.bank.keep(batch.rows[real], vectors[real])
    _moved(network, adam, factor)
    return found


def _moved(network: DenseNet, adam: torch.optim.AdamW, factor: float) -> None:
    for group in adam.param_groups:
        group["lr"] = group["peak"] * factor
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    adam.step()


def _mean(some: Sequence[Losses]) -> Losses:
    return Losses(*(torch.stack([getattr(f, n).detach() for f in some]).mean() for n in ("heat", "box", "presence")))
