"""What vectors have in common: measured on films of train, taken away in use, kept beside the weights."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lofi.errors import CheckpointError
from lofi.film.radiograph import Radiograph
from lofi.network import checkpoint
from lofi.network.centre import MEANS, SOURCES, TOWER, Centre
from lofi.network.dense import DenseConfig, DenseNet
from tests import tiny
from train.centre import main, telling
from train.densely.normals import normal_films

REPORTS = ("Clear lungs.", "Large left effusion.", "Clear lungs.", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose dense network makes vectors, and films with reports."""
    made = tmp_path_factory.mktemp("centre")
    network = tiny.network(local=True)
    checkpoint.save(made, network, tiny.tokenizer_files(), data={}, metrics={}, dtype=torch.float32)
    torch.manual_seed(1)
    config = DenseConfig(("effusion",), side=64, pyramid=16, width=16, embed=network.config.embed_dim)
    save_file(DenseNet(config).state_dict(), made / "dense.safetensors")
    (made / "dense.json").write_text(json.dumps({"config": asdict(config), "share": 0.9}))
    checkpoint.add_dense(made)
    rows = []
    for number, report in enumerate(REPORTS):
        pixels = np.random.default_rng(number).integers(0, 255, (80, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(made / f"{number}.png")
        split = "val" if number == 3 else "train"
        row = {"image": f"{number}.png", "patient_id": f"p{number}", "source": f"s{number % 2}", "split": split}
        rows.append(row | {"report": report, "findings": ["No Finding"]})
    (made / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def copied(folder: Path, out: Path) -> Path:
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def centred(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied(folder, out)
    arguments = ["train.centre", "--model", str(out), "--records", str(out / "records.jsonl")]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    return out


def films(folder: Path, numbers: range) -> list[Radiograph]:
    return [Radiograph.read(folder / f"{number}.png") for number in numbers]


def test_films_of_train_no_longer_point_one_way(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each half of a vector is what it was, less the mean of train, of unit length; texts by their own mean."""
    before = checkpoint.load(folder, "cpu")
    after = checkpoint.load(centred(folder, tmp_path, monkeypatch), "cpu")
    width = before.text_dim
    plain, now = before.embed(films(folder, range(3))), after.embed(films(folder, range(3)))
    for half in (slice(0, width), slice(width, 2 * width)):
        rest = plain[:, half] - plain[:, half].mean(0)
        rest /= np.linalg.norm(rest, axis=1, keepdims=True) * math.sqrt(2)
        np.testing.assert_allclose(now[:, half], rest, atol=2e-4)
    assert np.linalg.norm(now, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    np.testing.assert_allclose(after.encode(films(folder, range(1))[0]).embedding, now[0], atol=1e-5)
    # Two different reports stand in train, whatever is said twice: less their mean they are opposite, in both halves.
    texts = after.embed_query(sorted(set(REPORTS[:3])))
    assert float(texts[0, :width] @ texts[1, :width]) == pytest.approx(-(TOWER**2) / (1 + TOWER**2), abs=1e-3)
    assert float(texts[0, width:] @ texts[1, width:]) == pytest.approx(-1 / (1 + TOWER**2), abs=1e-3)
    part = after.embed_parts(films(folder, range(1))[0], np.array([[0.1, 0.1, 0.6, 0.6]]))
    assert np.linalg.norm(part) == pytest.approx(1, abs=1e-5)


def test_a_gallery_of_before_is_another_models(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = checkpoint.load(folder, "cpu").fingerprint
    assert checkpoint.load(centred(folder, tmp_path, monkeypatch), "cpu").fingerprint != before


def test_measured_twice_it_is_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is measured on what vectors were before anything was taken away."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    centred(folder, first, monkeypatch)
    centred(first, second, monkeypatch)
    once, twice = (load_file(place / "dense.safetensors") for place in (first, second))
    for name in (*MEANS, *SOURCES):
        torch.testing.assert_close(once[f"centre.{name}"], twice[f"centre.{name}"])
    assert float(once["centre.dense"].norm()) > 0.1


@pytest.mark.parametrize("mean", [torch.full((3,), 0.1), torch.full((256,), torch.nan), torch.full((256,), 1.0)])
def test_a_mean_that_can_be_none_is_refused(folder: Path, tmp_path: Path, mean: torch.Tensor) -> None:
    """Of another width, not finite, longer than the unit vectors that it is of."""
    copied(folder, tmp_path)
    width = checkpoint.load(folder, "cpu").text_dim
    wrong = mean if len(mean) == 3 else mean[:1].expand(width)
    checkpoint.centre_vectors(tmp_path, Centre(wrong.clone(), *torch.zeros(3, width), *torch.zeros(2, 2, 0, width)))
    with pytest.raises(CheckpointError, match="missing or damaged"):
        checkpoint.load(tmp_path, "cpu")


@pytest.mark.parametrize("shape", [(1, 1, 0), (2, 17, 0), (2, 1, 1), (2, 2)])
def test_what_tells_no_source_is_refused(folder: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    """One half only, more directions than there may be, another width, no rows."""
    copied(folder, tmp_path)
    width = checkpoint.load(folder, "cpu").text_dim
    wrong = torch.zeros(*shape[:-1], shape[-1] + width)
    checkpoint.centre_vectors(tmp_path, Centre(*torch.zeros(4, width), wrong, torch.zeros(2, 0, width)))
    with pytest.raises(CheckpointError, match="missing or damaged"):
        checkpoint.load(tmp_path, "cpu")


def test_no_linear_probe_finds_the_source_in_what_it_was_measured_on() -> None:
    """Groups have one mean after; what does not tell them apart stays."""
    torch.manual_seed(0)
    spread = torch.randn(16, 16)
    groups = [torch.randn(200, 16) @ spread + 3 * torch.randn(16) for _ in range(3)]
    read, away = telling(groups, 16)
    assert read.shape == away.shape == (2, 16)
    mean = torch.cat(groups).mean(0)
    left = [group - (group - mean) @ read.T @ away for group in groups]
    before, after = (torch.stack([group.mean(0) for group in some]).std(0).max().item() for some in (groups, left))
    assert after < 0.02 * before
    kept = torch.cat(left) - mean
    assert torch.linalg.matrix_rank(kept, rtol=1e-3) == 14, "two directions are gone"


def test_sources_of_train_are_measured_and_taken_away(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.centre.FEWEST", 1)
    before = checkpoint.load(folder, "cpu")
    after = checkpoint.load(centred(folder, tmp_path, monkeypatch), "cpu")
    width = before.text_dim
    assert after.eyes is not None
    plain, now = before.embed(films(folder, range(3))), after.embed(films(folder, range(3)))
    sources = (after.eyes.centre.tower_source, after.eyes.centre.dense_source)
    for half, (read, away) in zip((slice(0, width), slice(width, 2 * width)), sources, strict=True):
        assert read.shape == away.shape == (1, width)
        rest = (plain[:, half] - plain[:, half].mean(0)) * math.sqrt(2)
        rest -= rest @ read.numpy().T @ away.numpy()
        rest /= np.linalg.norm(rest, axis=1, keepdims=True) * math.sqrt(2)
        # the film between them is all of its source: nothing is left of it but rounding
        np.testing.assert_allclose(now[::2, half], rest[::2], atol=2e-4)


def test_one_source_tells_nothing() -> None:
    assert telling([torch.randn(50, 8)], 8).shape == (2, 0, 8)


def test_normal_films_by_hospital(tmp_path: Path) -> None:
    """Collections of one hospital count as one source; those with a finding, from the side or of val are left."""
    rows = [
        {"source": source, "findings": findings, "split": split, "view": view}
        for source, findings, split, view in (
            *[("nih_bbox", ["No Finding"], "train", "PA")] * 2,
            *[("nih_labelled", ["No Finding"], "train", "AP")] * 2,
            *[("openi", ["No Finding"], "train", "PA")] * 3,
            ("openi", ["No Finding"], "train", "L"),
            ("openi", ["No Finding"], "val", "PA"),
            ("nih_bbox", ["Effusion"], "train", "PA"),
            ("jsrt", ["No Nodule"], "train", "PA"),
        )
    ]
    lines = [json.dumps(row | {"image": f"{n}.png", "patient_id": f"{n}"}) for n, row in enumerate(rows)]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    found = normal_films(tmp_path / "records.jsonl", "train", [], 3, 0, fewest=2)
    assert {source: len(films) for source, films in found.items()} == {"nih": 3, "openi": 3}
    assert set(normal_films(tmp_path / "records.jsonl", "train", ["openi"], 3, 0, fewest=2)) == {"openi"}


@pytest.mark.parametrize(
    ("saved", "said"), [(True, "makes no vectors of films"), (False, "No readable LoFi checkpoint there")]
)
def test_what_cannot_be_centred_is_told_in_a_sentence(
    saved: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if saved:
        checkpoint.save(tmp_path, tiny.network(local=True), tiny.tokenizer_files(), data={}, metrics={})
    (tmp_path / "records.jsonl").write_text("")
    monkeypatch.setattr(
        "sys.argv", ["train.centre", "--model", str(tmp_path), "--records", str(tmp_path / "records.jsonl")]
    )
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().err
