"""Two gloo processes give the loss and the gradients of one."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from lofi.network.losses import chunked_sigmoid_loss, sigmoid_loss, softmax_loss
from tests.launched import FORKING
from tests.network.places import caption_loss
from train.pretraining import distributed, step
from train.pretraining.distributed import gather_rows, part, weigh
from train.pretraining.step import softmax_across

FILMS, SENTENCES, TOKENS = 4, 7, 9
CONTRASTS = ("sigmoid", "softmax")
MISTAKES = ("gradients of the others' losses lost", "uneven parts weighed alike")


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def towers() -> torch.nn.ModuleDict:
    """An image tower, a text tower and a head, the same in every process."""
    torch.manual_seed(3)
    layers = {name: torch.nn.Linear(5, width).double() for name, width in (("image", 4), ("text", 4), ("head", 6))}
    return torch.nn.ModuleDict(layers)


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Films, sentences, targets, and tokens with their labels."""
    targets = torch.randint(-1, 2, (FILMS, SENTENCES), generator=torch.Generator().manual_seed(2)).double()
    labels = torch.randint(0, 6, (TOKENS,), generator=torch.Generator().manual_seed(4))
    return drawn(FILMS, 5, seed=0), drawn(SENTENCES, 5, seed=1), targets, drawn(TOKENS, 5, seed=5), labels


def own_loss(net: torch.nn.ModuleDict, contrast: str) -> Tensor:
    """Loss of this process's films, sentences and tokens; 7 sentences and 9 tokens do not divide by 2."""
    films, sentences, targets, tokens, labels = inputs()
    images = functional.normalize(net["image"](films[part(FILMS)]), dim=1)
    texts = functional.normalize(net["text"](sentences[part(SENTENCES)]), dim=1)
    everyone = distributed.gather_rows(texts, SENTENCES)
    scale, bias, known = torch.tensor(1.0).double(), torch.tensor(-0.5).double(), targets[part(FILMS)]
    loss = (
        softmax_across(images, everyone, known, scale, FILMS, 3)
        if contrast == "softmax"
        else chunked_sigmoid_loss(images, everyone, known, scale, bias, 3)
    )
    own = part(TOKENS)
    caption = caption_loss(net["head"](tokens[own]).double(), labels[own])
    return loss + caption * distributed.weigh(torch.tensor([own.stop - own.start]))[0]


GATHER = distributed._Gather


class Detached(Function):
    """A planted mistake: rows of the others come, gradients for them do not go back."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, total: int) -> Tensor:
        ctx.total = total
        found: Tensor = GATHER.forward(ctx, rows, total)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][part(ctx.total)], None


def plant(mistake: str) -> None:
    if mistake == "gradients of the others' losses lost":
        distributed._Gather = Detached  # type: ignore[assignment, misc]
    elif mistake == "uneven parts weighed alike":
        distributed.weigh = step.weigh = lambda counts: torch.ones_like(counts, dtype=torch.float32)


def process(number: int, folder: str, mistake: str) -> None:
    """One of two processes: average loss and gradients as DDP does and write them down."""
    plant(mistake)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=2)
    for contrast in CONTRASTS:
        net = towers()
        loss = own_loss(net, contrast)
        loss.backward()
        found = [loss.detach(), *(parameter.grad for parameter in net.parameters())]
        for tensor in found:
            dist.all_reduce(tensor)
        if number == 0:
            torch.save([tensor / 2 for tensor in found], f"{folder}/{contrast}.pt")
    dist.destroy_process_group()


def expected(contrast: str) -> list[Tensor]:
    """Loss and gradients of the whole batch in one process."""
    net = towers()
    films, sentences, targets, tokens, labels = inputs()
    images = functional.normalize(net["image"](films), dim=1)
    texts = functional.normalize(net["text"](sentences), dim=1)
    scale, bias = torch.tensor(1.0).double(), torch.tensor(-0.5).double()
    if contrast == "softmax":
        loss = softmax_loss(images, texts, targets, scale)
    else:
        loss = sigmoid_loss(images, texts, targets, scale, bias)
    loss = loss + caption_loss(net["head"](tokens), labels)
    loss.backward()
    return [loss.detach(), *(parameter.grad for parameter in net.parameters() if parameter.grad is not None)]


@pytest.fixture(scope="module", params=["", *MISTAKES], ids=["sound", *MISTAKES])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A planted mistake, or none, and the folder with what two processes found."""
    folder = tmp_path_factory.mktemp("two")
    processes = [FORKING.Process(target=process, args=(number, str(folder), request.param)) for number in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
    assert [one.exitcode for one in processes] == [0, 0]
    return request.param, folder


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_two_processes_equal_one_and_a_mistake_is_seen(two: tuple[str, Path], contrast: str) -> None:
    mistake, folder = two
    pairs = list(zip(torch.load(folder / f"{contrast}.pt"), expected(contrast), strict=True))
    same = all(torch.allclose(got, wanted, rtol=1e-5, atol=1e-6) for got, wanted in pairs)
    assert same == (not mistake)


@pytest.mark.parametrize(("count", "parts"), [(7, 2), (8, 4), (2, 3), (0, 2)])
def test_parts_cover_all_rows_once(count: int, parts: int) -> None:
    rows = [row for number in range(parts) for row in range(count)[part(count, number, parts)]]
    assert rows == list(range(count))


def test_one_process_needs_nothing_of_the_others() -> None:
    rows = drawn(3, 2, seed=0)
    assert gather_rows(rows, 3) is rows
    assert weigh(torch.tensor([3, 0])).tolist() == [1, 1]
