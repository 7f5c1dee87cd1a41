"""Every loss against a naive oracle written with loops: values, gradients, and mistakes that must be seen."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lofi.network import losses
from tests.network.places import caption_loss, location_token_loss

Loss = Callable[..., Tensor]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal float64 values, the same every time: rounding must not hide a wrong formula."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agree(loss: Loss, oracle: Loss, inputs: Sequence[Tensor], *constants: object) -> None:
    """Assert the same value and the same gradient towards every input."""
    values, gradients = [], []
    for function in (loss, oracle):
        own = [tensor.clone().requires_grad_() for tensor in inputs]
        value = function(*own, *constants) + 0 * sum(tensor.sum() for tensor in own)  # a graph, even for no item
        values.append(value.detach().double())
        found = torch.autograd.grad(value, own, allow_unused=True)
        gradients.append([torch.zeros_like(t) if g is None else g for g, t in zip(found, own, strict=True)])
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=1e-6)
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


# Sigmoid and softmax

TARGETS = torch.tensor([[1, -1, 0, 1, -1], [-1, 1, 1, 0, -1], [0, -1, -1, -1, 1]], dtype=torch.float64)


def pair_inputs(sentences: int = 5) -> list[Tensor]:
    """Unit rows of 3 films and some sentences, a log temperature and a bias."""
    image, text = functional.normalize(drawn(3, 4), dim=1), functional.normalize(drawn(sentences, 4, seed=1), dim=1)
    return [image, text, torch.tensor(0.7, dtype=torch.float64), torch.tensor(-1.3, dtype=torch.float64)]


def naive_sigmoid(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    total = image.new_zeros(())
    for i in range(len(image)):
        for j in range(len(text)):
            if targets[i, j] != 0:
                logit = torch.exp(log_temperature) * (image[i] * text[j]).sum() + bias
                total = total - torch.log(1 / (1 + torch.exp(-targets[i, j] * logit)))
    return total / len(image)


def sigmoid(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, targets, log_temperature, bias)


@pytest.mark.parametrize(
    "targets",
    [TARGETS, TARGETS[:, :1], torch.zeros(3, 5).double(), torch.ones(3, 5).double(), -torch.ones(3, 5).double()],
    ids=["mixed", "one sentence", "nothing known", "all positive", "all negative"],
)
def test_sigmoid(targets: Tensor) -> None:
    agree(sigmoid, naive_sigmoid, pair_inputs(targets.shape[1]), targets)


def test_sigmoid_by_hand() -> None:
    # One film, one true and one false sentence, both at right angles to it: logit = bias = 0, so 2 · ln 2.
    image, text = torch.tensor([[1.0, 0]]), torch.tensor([[0.0, 1], [0, -1]])
    value = losses.sigmoid_loss(image, text, torch.tensor([[1.0, -1]]), torch.tensor(3.0), torch.tensor(0.0))
    assert float(value) == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 64], ids=lambda size: f"chunks of {size}")
def test_chunked_sigmoid(chunk: int) -> None:
    """5 sentences in chunks of 2 and 3 leave an uneven last chunk."""

    def chunked(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        return losses.chunked_sigmoid_loss(image, text, targets, log_temperature, bias, chunk)

    agree(chunked, naive_sigmoid, pair_inputs(), TARGETS)


def test_chunked_sigmoid_keeps_no_matrix() -> None:
    image, text, log_temperature, bias = (tensor.requires_grad_() for tensor in pair_inputs())
    image, text = torch.cat([image] * 20), torch.cat([text] * 20)
    targets = TARGETS.repeat(20, 20)
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point() and not tensor.is_leaf:
            kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        losses.sigmoid_loss(image, text, targets, log_temperature, bias)
        whole = max(kept)
        kept.clear()
        losses.chunked_sigmoid_loss(image, text, targets, log_temperature, bias, 8)
    assert whole == 60 * 100
    assert max(kept, default=0) < whole / 10


@pytest.mark.parametrize(
    ("share", "bias"), [(0.5, 0.0), (0.1, -math.log(9)), (1 / 16384, -9.704)], ids=["half", "tenth", "SigLIP"]
)
def test_bias_makes_the_first_guess_the_share(share: float, bias: float) -> None:
    assert losses.sigmoid_bias(share) == pytest.approx(bias, abs=1e-3)
    assert 1 / (1 + math.exp(-losses.sigmoid_bias(share))) == pytest.approx(share)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_bias_needs_both_kinds_of_pairs(share: float) -> None:
    with pytest.raises(ValueError, match="share of positive"):
        losses.sigmoid_bias(share)


def naive_softmax(image: Tensor, text: Tensor, log_temperature: Tensor, targets: Tensor) -> Tensor:
    sides = []
    for rows, columns, marks in ((image, text, targets), (text, image, targets.T)):
        per_row = []
        for i in range(len(rows)):
            known = [j for j in range(len(columns)) if marks[i, j] != 0]
            positive = [j for j in known if marks[i, j] > 0]
            if not positive:
                continue
            scores = {j: torch.exp(log_temperature) * (rows[i] * columns[j]).sum() for j in known}
            norm = torch.stack([score.exp() for score in scores.values()]).sum()
            per_row.append(torch.stack([-(scores[j].exp() / norm).log() for j in positive]).mean())
        sides.append(torch.stack(per_row).mean() if per_row else image.new_zeros(()))
    return (sides[0] + sides[1]) / 2


@pytest.mark.parametrize(
    "targets",
    [TARGETS, torch.zeros(3, 5).double(), -torch.ones(3, 5).double()],
    ids=["mixed", "nothing known", "no positive"],
)
def test_softmax(targets: Tensor) -> None:
    def softmax(image: Tensor, text: Tensor, log_temperature: Tensor, targets: Tensor) -> Tensor:
        return losses.softmax_loss(image, text, targets, log_temperature)

    agree(softmax, naive_softmax, pair_inputs()[:3], targets)


@pytest.mark.parametrize("chunk", [1, 2, 64], ids=lambda size: f"chunks of {size}")
def test_chunked_softmax(chunk: int) -> None:
    """3 films and 5 sentences: the last chunk is uneven in both directions."""

    def softmax(image: Tensor, text: Tensor, log_temperature: Tensor, targets: Tensor) -> Tensor:
        first = losses.softmax_direction(image, text, targets, log_temperature, chunk)
        return (first + losses.softmax_direction(text, image, targets.T, log_temperature, chunk)) / 2

    agree(softmax, naive_softmax, pair_inputs()[:3], TARGETS)


def test_pooled_sentences() -> None:
    weights = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)

    def naive(text: Tensor) -> Tensor:
        pooled = [torch.stack([text[0], text[1]]).mean(0), torch.stack([text[2], text[3], text[4]]).mean(0)]
        return torch.stack([row / row.pow(2).sum().sqrt() for row in pooled])

    mark = drawn(2, 4, seed=5)
    agree(
        lambda text: (losses.pool_sentences(text, weights) * mark).sum(),
        lambda text: (naive(text) * mark).sum(),
        [pair_inputs()[1]],
    )


# Captions and location tokens


def naive_caption(logits: Tensor, labels: Tensor) -> Tensor:
    total = logits.new_zeros(())
    for row, label in zip(logits, labels.tolist(), strict=True):
        total = total - torch.log(row[label].exp() / row.exp().sum())
    return total / max(1, len(labels))


@pytest.mark.parametrize("labels", [[], [2], [0, 6, 3, 3]], ids=["no token", "one", "four"])
def test_caption(labels: list[int]) -> None:
    agree(caption_loss, naive_caption, [drawn(len(labels), 7)], torch.tensor(labels, dtype=torch.long))


FIRST, BINS, SIGMA = 2, 5, 0.8


def naive_location(logits: Tensor, coordinates: Tensor) -> Tensor:
    total = logits.new_zeros(())
    for row, place in zip(logits, coordinates.tolist(), strict=True):
        heights = [math.exp(-0.5 * ((bin_ + 0.5 - place * BINS) / SIGMA) ** 2) for bin_ in range(BINS)]
        chance = row.exp() / row.exp().sum()  # over the whole vocabulary, not over the bins alone
        for bin_, height in enumerate(heights):
            total = total - height / sum(heights) * chance[FIRST + bin_].log()
    return total / max(1, len(coordinates))


COORDINATES = [[], [0.5], [0.0, 0.31, 0.99, 1.0]]


@pytest.mark.parametrize("places", COORDINATES, ids=["none", "one", "four"])
def test_location_tokens(places: list[float]) -> None:
    loss = partial(location_token_loss, first=FIRST, bins=BINS, sigma=SIGMA)
    agree(loss, naive_location, [drawn(len(places), 9)], torch.tensor(places, dtype=torch.float64))


@pytest.mark.parametrize("count", [1, 4])
def test_expected_coordinates(count: int) -> None:
    def naive(logits: Tensor) -> Tensor:
        rows = []
        for row in logits:
            bins = [row[FIRST + bin_].exp() for bin_ in range(BINS)]
            rows.append(sum((b + 0.5) / BINS * value for b, value in enumerate(bins)) / sum(bins))
        return (torch.stack(rows) * torch.arange(1, count + 1)).sum()

    def fast(logits: Tensor) -> Tensor:
        return (losses.expected_coordinates(logits, FIRST, BINS) * torch.arange(1, count + 1)).sum()

    agree(fast, naive, [drawn(count, 9)])


# Places in chunks


@pytest.mark.parametrize("first", [None, FIRST], ids=["digits", "tokens"])
@pytest.mark.parametrize("chunk", [None, 2, 3, 64], ids=lambda size: f"chunks of {size}")
def test_places_in_chunks_are_the_losses_one_by_one(first: int | None, chunk: int | None) -> None:
    """Words and coordinates mixed; 7 places in chunks of 2 and 3 leave an uneven last chunk."""
    labels = torch.tensor([0, 6, 3, 1, 2, 8, 4])
    places = torch.full((7,), float("nan"))
    if first is not None:
        places[[1, 2, 5]] = torch.tensor([0.0, 0.31, 0.99])

    def fast(hidden: Tensor, weight: Tensor) -> Tensor:
        found, expected = losses.place_losses(
            hidden, lambda rows: rows @ weight, labels, places, first, BINS, SIGMA, chunk
        )
        return (found * torch.arange(1, 8)).sum() + (expected * torch.arange(7)).sum()

    def naive(hidden: Tensor, weight: Tensor) -> Tensor:
        total = hidden.new_zeros(())
        for number, (label, place) in enumerate(zip(labels, places, strict=True)):
            logits = (hidden[number] @ weight)[None]
            if place.isnan():
                total = total + (number + 1) * naive_caption(logits, label[None])
            else:
                total = total + (number + 1) * naive_location(logits, place[None])
            if first is not None:
                total = total + number * losses.expected_coordinates(logits, first, BINS)[0]
        return total

    agree(fast, naive, [drawn(7, 4), drawn(4, 9, seed=1)])


def test_chunked_places_keep_no_logits() -> None:
    hidden, weight = drawn(60, 4).requires_grad_(), drawn(4, 500, seed=1)
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    labels, places = torch.zeros(60, dtype=torch.long), torch.full((60,), float("nan"))
    for chunk in (None, 8):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            losses.place_losses(hidden, lambda rows: rows @ weight, labels, places, None, BINS, SIGMA, chunk)
        assert (max(kept) >= 60 * 500) == (chunk is None)


# Boxes

PAIRS = {
    "overlap": ([0.1, 0.1, 0.5, 0.6], [0.3, 0.2, 0.7, 0.9]),
    "apart": ([0.1, 0.1, 0.2, 0.2], [0.6, 0.7, 0.9, 0.8]),
    "inside": ([0.2, 0.3, 0.4, 0.5], [0.1, 0.1, 0.9, 0.8]),
    "inverted": ([0.5, 0.2, 0.3, 0.6], [0.1, 0.1, 0.62, 0.7]),
}


def naive_box(predicted: Tensor, target: Tensor) -> Tensor:
    total = predicted.new_zeros(())
    for p, t in zip(predicted, target, strict=True):
        zero = p.new_zeros(())
        size_p = torch.maximum(p[2] - p[0], zero) * torch.maximum(p[3] - p[1], zero)
        size_t = (t[2] - t[0]) * (t[3] - t[1])
        width = torch.maximum(torch.minimum(p[2], t[2]) - torch.maximum(p[0], t[0]), zero)
        height = torch.maximum(torch.minimum(p[3], t[3]) - torch.maximum(p[1], t[1]), zero)
        union = size_p + size_t - width * height
        across = torch.stack([p[0], p[2], t[2]]).max() - torch.stack([p[0], p[2], t[0]]).min()
        down = torch.stack([p[1], p[3], t[3]]).max() - torch.stack([p[1], p[3], t[1]]).min()
        giou = width * height / union - (across * down - union) / (across * down)
        total = total + (p - t).abs().sum() / 4 + 1 - giou
    return total / max(1, len(target))


@pytest.mark.parametrize(
    "names", [[], *([name] for name in PAIRS), list(PAIRS)], ids=lambda names: "+".join(names) or "none"
)
def test_box_loss(names: list[str]) -> None:
    rows = torch.tensor([PAIRS[name] for name in names], dtype=torch.float64).reshape(-1, 2, 4)
    agree(losses.box_loss, naive_box, [rows[:, 0]], rows[:, 1])


def test_box_loss_by_hand() -> None:
    # Halves of the unit square that do not touch: edges off by 0, 0.5, 0, 0.5; no overlap, no empty hull.
    upper, lower = torch.tensor([[0.0, 0, 1, 0.5]]), torch.tensor([[0.0, 0.5, 1, 1]])
    assert float(losses.box_loss(upper, lower)) == pytest.approx(0.25 + 1)
    assert float(losses.box_loss(upper, upper)) == pytest.approx(0)


# The sum of the parts


@pytest.mark.parametrize(
    ("reduction", "expected"), [("mean", 1 + 5 * (2 + 3.5)), ("sum", 1 + 5 * (2 + 7)), ("off", 1 + 5 * 2)]
)
def test_total(reduction: str, expected: float) -> None:
    parts = [torch.tensor(value) for value in (1.0, 2.0, 3.0, 4.0)]
    assert float(losses.total_loss(*parts, 5.0, reduction)) == expected


def test_total_refuses_another_word() -> None:
    with pytest.raises(ValueError, match='"mean", "sum" or "off"'):
        losses.total_loss(*[torch.tensor(1.0)] * 4, 5.0, "max")


# Mistakes: each is one that someone makes, and the comparison above must see it


def wrong_sign(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, -targets, log_temperature, bias)


def missing_bias(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, targets, log_temperature, bias * 0)


def plain_temperature(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, targets, log_temperature.log(), bias)


def unknown_is_false(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, targets + (targets == 0) * -1, log_temperature, bias)


def mean_over_pairs(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text, targets, log_temperature, bias) / len(text)


def last_chunk_dropped(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.chunked_sigmoid_loss(image, text[:4], targets[:, :4], log_temperature, bias, 2)


def detached_text(image: Tensor, text: Tensor, log_temperature: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return losses.sigmoid_loss(image, text.detach(), targets, log_temperature, bias)


@pytest.mark.parametrize(
    "mistake",
    [
        wrong_sign,
        missing_bias,
        plain_temperature,
        unknown_is_false,
        mean_over_pairs,
        last_chunk_dropped,
        detached_text,
    ],
    ids=lambda function: function.__name__.replace("_", " "),
)
def test_a_mistake_in_the_sigmoid_loss_is_seen(mistake: Loss) -> None:
    with pytest.raises(AssertionError):
        agree(mistake, naive_sigmoid, pair_inputs(), TARGETS)


def shifted_labels(logits: Tensor, labels: Tensor) -> Tensor:
    return caption_loss(logits[:-1], labels[1:])


def summed_tokens(logits: Tensor, labels: Tensor) -> Tensor:
    return caption_loss(logits, labels) * len(labels)


@pytest.mark.parametrize("mistake", [shifted_labels, summed_tokens], ids=["shifted labels", "summed tokens"])
def test_a_mistake_in_the_caption_loss_is_seen(mistake: Loss) -> None:
    with pytest.raises(AssertionError):
        agree(mistake, naive_caption, [drawn(4, 7)], torch.tensor([0, 6, 3, 1]))


@pytest.mark.parametrize(
    ("first", "bins"), [(FIRST + 1, BINS), (0, BINS), (FIRST, BINS - 1)], ids=["off by one", "no controls", "bin lost"]
)
def test_a_mistake_in_the_location_tokens_is_seen(first: int, bins: int) -> None:
    loss = partial(location_token_loss, first=first, bins=bins, sigma=SIGMA)
    with pytest.raises(AssertionError):
        agree(loss, naive_location, [drawn(4, 9)], torch.tensor(COORDINATES[2], dtype=torch.float64))


@pytest.mark.parametrize("order", [[1, 0, 3, 2], [2, 3, 0, 1]], ids=["yx for xy", "corners swapped"])
def test_a_mistake_in_the_order_of_edges_is_seen(order: list[int]) -> None:
    rows = torch.tensor([PAIRS["overlap"]], dtype=torch.float64)
    with pytest.raises(AssertionError):
        agree(
            lambda predicted, target: losses.box_loss(predicted[:, order], target), naive_box, [rows[:, 0]], rows[:, 1]
        )


# Heat maps

INSIDE = torch.tensor([[0.0, 0.5, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.25, 0.0]], dtype=torch.float64)


def naive_heat(logits: Tensor, inside: Tensor) -> Tensor:
    entropy, overlaps = logits.new_zeros(()), []
    for i in range(len(logits)):
        chances = [1 / (1 + torch.exp(-logit)) for logit in logits[i]]
        for chance, share in zip(chances, inside[i], strict=True):
            entropy = entropy - share * torch.log(chance) - (1 - share) * torch.log(1 - chance)
        if inside[i].sum() > 0:
            both = sum(chance * share for chance, share in zip(chances, inside[i], strict=True))
            overlaps.append(1 - (2 * both + 1e-3) / (sum(chances) + inside[i].sum() + 1e-3))
    return entropy / logits.numel() + (sum(overlaps) / len(overlaps) if overlaps else 0)


@pytest.mark.parametrize("rows", [[1], [0], [0, 1, 2]], ids=["absent only", "one", "mixed"])
def test_heat(rows: list[int]) -> None:
    agree(losses.heat_loss, naive_heat, [drawn(len(rows), 4)], INSIDE[rows])


def test_heat_prefers_the_right_place() -> None:
    right = (INSIDE[:1] - 0.5) * 8
    assert losses.heat_loss(right, INSIDE[:1]) < losses.heat_loss(right.flip(1), INSIDE[:1]) / 2
