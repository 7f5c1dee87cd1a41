"""Two gloo processes give the loss and the gradients of one."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as spawning
from torch import Tensor
from torch.nn import functional

from lofi.losses import caption_loss, chunked_sigmoid_loss, sigmoid_loss
from train.distributed import gather_rows, part, weigh

FILMS, SENTENCES, TOKENS = 4, 7, 9


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


def own_loss(net: torch.nn.ModuleDict) -> Tensor:
    """Loss of this process's films, sentences and tokens; 7 sentences and 9 tokens do not divide by 2."""
    films, sentences, targets, tokens, labels = inputs()
    images = functional.normalize(net["image"](films[part(FILMS)]), dim=1)
    texts = functional.normalize(net["text"](sentences[part(SENTENCES)]), dim=1)
    everyone = gather_rows(texts, SENTENCES)
    scale, bias = torch.tensor(1.0).double(), torch.tensor(-0.5).double()
    contrast = chunked_sigmoid_loss(images, everyone, targets[part(FILMS)], scale, bias, 3)
    own = part(TOKENS)
    caption = caption_loss(net["head"](tokens[own]).double(), labels[own])
    return contrast + caption * weigh(torch.tensor([own.stop - own.start]))[0]


def process(number: int, folder: str) -> None:
    """One of two processes: average loss and gradients as DDP does and write them down."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=2)
    net = towers()
    loss = own_loss(net)
    loss.backward()
    found = [loss.detach(), *(parameter.grad for parameter in net.parameters())]
    for tensor in found:
        dist.all_reduce(tensor)
    if number == 0:
        torch.save([tensor / 2 for tensor in found], f"{folder}/found.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path: Path) -> None:
    net = towers()
    films, sentences, targets, tokens, labels = inputs()
    images = functional.normalize(net["image"](films), dim=1)
    texts = functional.normalize(net["text"](sentences), dim=1)
    loss = sigmoid_loss(images, texts, targets, torch.tensor(1.0).double(), torch.tensor(-0.5).double())
    loss = loss + caption_loss(net["head"](tokens), labels)
    loss.backward()
    spawning.spawn(process, (str(tmp_path),), nprocs=2)
    found = torch.load(tmp_path / "found.pt")
    expected = [loss.detach(), *(parameter.grad for parameter in net.parameters())]
    for got, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("count", "parts"), [(7, 2), (8, 4), (2, 3), (0, 2)])
def test_parts_cover_all_rows_once(count: int, parts: int) -> None:
    rows = [row for number in range(parts) for row in range(count)[part(count, number, parts)]]
    assert rows == list(range(count))


def test_one_process_needs_nothing_of_the_others() -> None:
    rows = drawn(3, 2, seed=0)
    assert gather_rows(rows, 3) is rows
    assert weigh(torch.tensor([3, 0])).tolist() == [1, 1]
