"""The stage that makes embeddings rank films with the same findings first."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

import lofi
from train import alike
from train.data.records import NIH_LABELS


def test_shared_labels_by_hand() -> None:
    labels = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    expected = torch.tensor([[0, 0.5, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    assert torch.equal(alike.shared_labels(labels), expected)


def test_neighbour_loss_by_hand() -> None:
    # Three unit vectors, the first two equal: row 0 wants row 1 at cosine 1 against row 2 at cosine 0.
    rows = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    wanted = torch.tensor([[0.0, 2, 0], [0, 0, 0], [0, 0, 0]])
    expected = math.log(math.exp(1 / 0.5) + 1) - 1 / 0.5
    assert float(alike.neighbour_loss(rows, wanted, 0.5)) == pytest.approx(expected, rel=1e-5)
    assert float(alike.neighbour_loss(rows, torch.zeros(3, 3), 0.5)) == 0


def test_a_teacher_wants_the_film_that_it_finds_alike() -> None:
    wanted = alike.taught_neighbours(torch.tensor([[3.0, -3], [2.5, -2], [-3, 3], [-2, 1]]), 0.2)
    assert wanted.diagonal().tolist() == pytest.approx([0] * 4)
    assert wanted.argmax(1).tolist() == [1, 0, 3, 2]
    assert wanted.sum(1).tolist() == pytest.approx([1] * 4)


def test_training_brings_together_what_shares_a_label_and_leaves_other_films() -> None:
    # The label is in the third feature; the first two, which are large, say nothing of it.
    torch.manual_seed(0)
    label = (torch.arange(64) % 2).float()
    pooled = torch.cat([3 * torch.randn(64, 2), 0.5 * (2 * label[:, None] - 1), torch.zeros(64, 1)], 1)
    others = torch.tensor([[0.0, 0, 0, 1]] * 8)
    head = nn.Linear(4, 4, bias=False)
    head.weight.data = torch.eye(4)
    facts = alike.Known(
        torch.cat([label[:, None], torch.zeros(64, 13)], 1), torch.full((64, len(NIH_LABELS)), torch.nan)
    )
    films = alike.Features(pooled, nn.functional.normalize(pooled, dim=1))
    numbers = alike.Numbers(steps=150, films=64, others=8, rate=0.05, phrases=0.0, dropout=0.0, average=0.5)
    kept = alike.Features(others, others.clone())
    learnt = alike.train(head, films, facts, kept, torch.zeros(14, 4), numbers)

    def right(projection: nn.Module) -> float:
        unit = nn.functional.normalize(projection(pooled), dim=1)
        near = (unit @ unit.T).fill_diagonal_(-2).argmax(1)
        return float((label[near] == label).float().mean())

    assert torch.equal(head.weight, torch.eye(4)), "the old projection is not touched"
    assert right(learnt) > 0.95 > right(head)
    moved = nn.functional.normalize(learnt(others), dim=1)
    assert float((moved * others).sum(1).min()) > 0.9


def test_a_teacher_without_a_column_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "teacher.csv").write_text("Image Index,prob_Hernia\n1.png,0.5\n", "utf-8")
    with pytest.raises(ValueError, match="lacks the columns prob_Mass"):
        alike.read_teacher(tmp_path / "teacher.csv", ("Hernia", "Mass"))


@pytest.mark.shared
def test_only_the_projection_changes(shared: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (shared / "cxr" / "records.jsonl").read_text("utf-8").splitlines()]
    training = [row for row in rows if row["split"] == "train"]
    chosen = [row for row in training if row["source"] == "nih_labelled"][:6]
    chosen += [row for row in training if not row["source"].startswith("nih")][:3]
    for row in chosen:
        row["image"] = str(shared / "cxr" / row["image"])
    (tmp_path / "records.jsonl").write_text("\n".join(map(json.dumps, chosen)), "utf-8")
    source, out = Path("assets/lofi-mini"), tmp_path / "alike"
    teacher = shared / "cxr" / "nih_teacher.csv"
    arguments = ["--model", str(source), "--records", str(tmp_path / "records.jsonl"), "--teacher", str(teacher)]
    assert alike.main([*arguments, "--out", str(out), "--smoke"]) == 0
    before, after = lofi.load(source), lofi.load(out)
    old, new = before.network.state_dict(), after.network.state_dict()
    assert [name for name in old if not torch.equal(old[name], new[name])] == ["image.visual.head.proj.weight"]
    assert (after.threshold, after.calibration) == (before.threshold, before.calibration)
