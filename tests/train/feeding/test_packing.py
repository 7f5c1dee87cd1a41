"""Packing must not change anything: each packed question equals the same question asked alone after the cache."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lofi.network.network import LofiNetwork
from lofi.network.text import BEGIN, END, LocationGrammar
from tests import tiny
from tests.network.places import caption_loss
from train.feeding import packing
from train.feeding.episodes import DESCRIBE, GROUND, Segment, Target, Writer
from train.feeding.packing import fitted, pack
from train.pretraining.step import answer_logits

BOXES = np.array([[0.1, 0.2, 0.4, 0.6], [0.5, 0.5, 0.9, 0.8]])


@pytest.fixture(scope="module")
def writer() -> Writer:
    _, language = tiny.tokenizers()
    return Writer(language, LocationGrammar("tokens", tiny.BINS, 3), language.id(END))


def asked(writer: Writer) -> list[list[Segment]]:
    """Four films, of which the two short ones share a row."""
    return [
        [writer.describe(Target("pleural effusion", BOXES[:1]))],
        [
            writer.ground(Target("left mass", BOXES)),
            writer.report("the lungs are clear."),
            *[writer.describe(Target("pleural effusion", BOXES))] * 3,
            writer.ground(Target("mass", BOXES[:0])),
        ],
        [writer.ground(Target("mass", BOXES[:0]))],
        [writer.report("the lungs are clear."), *[writer.ground(Target("left mass", BOXES))] * 4],
    ]


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
def test_packed_equals_alone(writer: Writer, kind: str) -> None:
    network = tiny.network(kind=kind)
    films = asked(writer)
    begin = writer.tokens.id(BEGIN)
    with torch.no_grad():
        patches, _ = network.encode_images(torch.rand(4, 64, 64, generator=torch.manual_seed(3)))
        prefix = network.prefix(patches)
        packed = pack(films, 1 + prefix.shape[1], 0)
        together = answer_logits(network, prefix, packed, begin)
        assert len(packed.ids) == 3
        assert packed.starts[[0, 2]].diff() > 0
        at, order = 0, sorted(range(4), key=lambda film: int(packed.starts[film]))
        for row in order:
            start = network.language.embed(torch.tensor([[begin]]))
            cache = network.language.start(torch.cat([start, prefix[row : row + 1]], dim=1))
            for segment in films[row]:
                own = network.language.branch(cache)
                logits = network.language.step(torch.tensor(segment.prompt), own)
                for token in segment.answer:
                    torch.testing.assert_close(together[at], logits, atol=2e-4, rtol=1e-3)
                    logits = network.language.step(torch.tensor([token]), own)
                    at += 1
        assert at == len(together) == len(packed.labels)


@pytest.mark.parametrize(
    ("lengths", "rows"),
    [
        ([], []),
        ([5], [[0]]),
        ([5, 5, 5], [[0], [1], [2]]),
        ([3, 9, 4, 2, 5], [[0], [1], [2, 4]]),
        ([4, 9, 5, 3, 6], [[0, 2], [1], [3, 4]]),
    ],
)
def test_films_share_rows_no_longer_than_the_longest(lengths: list[int], rows: list[list[int]]) -> None:
    found = fitted(lengths)
    assert sorted(number for row in found for number in row) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= max(lengths) for row in found)
    assert len(found) == len(rows)


def naive_loss(network: LofiNetwork, prefix: torch.Tensor, films: list[list[Segment]], begin: int) -> float:
    """Mean negative log likelihood of all answer tokens, each question alone, one token after the other."""
    found: list[float] = []
    start = network.language.embed(torch.tensor([[begin]]))
    for row, segments in enumerate(films):
        cache = network.language.start(torch.cat([start, prefix[row : row + 1]], dim=1))
        for segment in segments:
            own = network.language.branch(cache)
            logits = network.language.step(torch.tensor(segment.prompt), own)
            for token in segment.answer:
                found.append(-float(torch.log_softmax(logits.float(), 0)[token]))
                logits = network.language.step(torch.tensor([token]), own)
    return float(np.mean(found))


PLANTED = {
    "labels are the token at the place itself": lambda p: replace(p, places=p.places + 1),
    "labels are the token after the next": lambda p: replace(p, places=p.places - 1),
    "labels rolled by one": lambda p: replace(p, labels=p.labels.roll(1)),
    "a question sees the one before": lambda p: replace(p, question=p.question.clamp(max=0)),
    "a film sees its neighbour in the row": lambda p: replace(p, film=p.film.clamp(max=0)),
    "positions count through": lambda p: replace(
        p, positions=torch.arange(p.positions.shape[1]).expand_as(p.positions)
    ),
}


@pytest.mark.parametrize("planted", [None, *PLANTED], ids=["as it is", *PLANTED])
def test_the_loss_is_that_of_each_question_asked_alone(
    writer: Writer, planted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a mistake planted in the packing (shifted labels, a leak between questions) changes it: this test sees it."""
    network = tiny.network()
    films = asked(writer)
    if planted is not None:
        true_pack = packing.pack
        monkeypatch.setattr(packing, "pack", lambda *given: PLANTED[planted](true_pack(*given)))
    begin = writer.tokens.id(BEGIN)
    with torch.no_grad():
        for parameter in network.language.parameters():
            parameter *= 3  # far from uniform, so that another place or position is another loss
        patches, _ = network.encode_images(torch.rand(4, 64, 64, generator=torch.manual_seed(4)))
        prefix = network.prefix(patches)
        packed = packing.pack(films, 1 + prefix.shape[1], 0)
        loss = float(caption_loss(answer_logits(network, prefix, packed, begin), packed.labels))
        expected = naive_loss(network, prefix, films, begin)
    assert (loss == pytest.approx(expected, rel=1e-4)) == (planted is None)


def test_labels_tasks_and_coordinates_by_hand() -> None:
    nan = float("nan")
    first = Segment(GROUND, (7, 8), (3, 20, 2), (nan, 0.25, nan))
    second = Segment(DESCRIBE, (9,), (5, 2), (nan, nan))
    packed = pack([[first, second]], prefix=2, padding=0)
    assert packed.ids.tolist() == [[0, 0, 7, 8, 3, 20, 2, 9, 5, 2]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 4, 5, 6, 2, 3, 4]]
    assert packed.places.tolist() == [3, 4, 5, 7, 8]
    assert packed.labels.tolist() == [3, 20, 2, 5, 2]
    assert packed.task.tolist() == [GROUND] * 3 + [DESCRIBE] * 2
    assert packed.coordinates.isnan().tolist() == [True, False, True, True, True]
    assert packed.corners.tolist() == [1]
    assert packed.visible()[0, 7].nonzero().flatten().tolist() == [0, 1, 7]  # the second question sees no first


def test_a_film_without_questions_gives_no_labels() -> None:
    packed = pack([[], [Segment(GROUND, (7,), (2,), (float("nan"),))]], prefix=2, padding=0)
    assert packed.labels.tolist() == [2]
    assert packed.visible().any(2).all()


def test_coordinates_follow_the_sorted_boxes(writer: Writer) -> None:
    segment = writer.ground(Target("mass", BOXES[::-1]))
    corners = [value for value in segment.coordinates if not np.isnan(value)]
    assert corners == pytest.approx(BOXES.ravel().tolist())
    assert len(segment.coordinates) == len(segment.answer)


def test_boxes_beyond_the_budget_are_counted(writer: Writer) -> None:
    before = writer.left_out
    writer.ground(Target("mass", np.array([[n / 10, 0.1, n / 10 + 0.05, 0.3] for n in range(5)])))
    assert writer.left_out == before + 2
