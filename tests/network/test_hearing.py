"""A dense network beside the language model: opened, asked, heard about presence and place; damage in a sentence."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lofi.errors import CheckpointError
from lofi.network import checkpoint
from lofi.network.centre import TOWER
from lofi.network.dense import DenseConfig, DenseNet, Place, Seen
from lofi.network.eyes import OUTSIDE, DenseEyes, load_dense
from lofi.network.hearing import Heard, Hearing, _seen_on_both, hear
from lofi.network.pair import SeenByBoth
from tests import tiny
from tests.doubles import noise_film

CONCEPTS = ("effusion", "consolidation", "lung", "lower lung zone")
CONFIG = DenseConfig(CONCEPTS, side=64, pyramid=16, width=16)


def write_dense(folder: Path) -> DenseNet:
    torch.manual_seed(1)
    network = DenseNet(CONFIG).eval()
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "dense.safetensors")
    (folder / "dense.json").write_text(json.dumps({"config": asdict(CONFIG), "share": 0.9}))
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a dense network that nobody hears yet."""
    made = tmp_path_factory.mktemp("checkpoint")
    network = tiny.network(local=True)
    checkpoint.save(made, network, tiny.tokenizer_files(), data={}, metrics={}, threshold=0.5, dtype=torch.float32)
    write_dense(made)
    checkpoint.add_dense(made)
    return made


def copied(folder: Path, out: Path) -> Path:
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def hearing(**more: Any) -> Hearing:
    return Hearing({"effusion": (0.5, 1.0, -0.25), "consolidation": (0.0, 1.0, 0.5)}, **more)


def test_unheard_it_changes_nothing(folder: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    manifest = json.loads((copied(folder, plain) / "manifest.json").read_text())
    del manifest["hearing"]
    (plain / "manifest.json").write_text(json.dumps(manifest))
    with_eyes, without = checkpoint.load(folder, "cpu"), checkpoint.load(plain, "cpu")
    assert without.eyes is None
    assert with_eyes.fingerprint == without.fingerprint
    for phrase in ("pleural effusion", "consolidation", "pacemaker"):
        assert with_eyes.locate(noise_film(0), phrase) == without.locate(noise_film(0), phrase)


def test_presence_is_the_weighed_sum_of_both(folder: Path, tmp_path: Path) -> None:
    checkpoint.hear_dense(copied(folder, tmp_path), hearing(), threshold=0.5, unsure=0.2)
    model, before = checkpoint.load(tmp_path, "cpu"), checkpoint.load(folder, "cpu")
    assert (model.threshold, model.unsure_from) == (0.5, 0.2)
    film = model.encode(noise_film(0))
    assert model.eyes is not None
    assert film.seen is not None
    (place,) = model.eyes.ask(film.seen, [("effusion", "left")])
    language = before.locate(noise_film(0), "left pleural effusion").confidence  # calibrated by nothing: its own word
    odds = 0.5 * np.log(language / (1 - language)) + np.log(place.presence / (1 - place.presence)) - 0.25
    assert model.locate(film, "left pleural effusion").confidence == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-4)
    # What the dense network does not know is the language model's alone.
    alone = before.locate(before.encode(noise_film(0)), "left mass")
    assert model.locate(film, "left mass").confidence == alone.confidence


def test_what_the_language_model_never_learnt_is_answered_by_the_dense_network(folder: Path, tmp_path: Path) -> None:
    checkpoint.hear_dense(copied(folder, tmp_path), hearing(), threshold=0.0, unsure=0.0)
    model = checkpoint.load(tmp_path, "cpu")
    film = model.encode(noise_film(0))
    assert model.eyes is not None
    assert film.seen is not None
    (place,) = model.eyes.ask(film.seen, [("consolidation", "left")])
    found = model.locate(film, "left consolidation")
    expected = film.frame.to_film(place.boxes[:1].numpy().astype(np.float64)).clip(0, 1)
    assert np.array(found.boxes) == pytest.approx(expected, abs=1e-5)
    half = (0.0, 0.0, 0.5, 1.0)
    assert all(box[2] <= 0.5 for box in model.locate(film, "left consolidation", within=half).boxes)


def test_shares_move_the_box_towards_what_the_dense_network_says(folder: Path, tmp_path: Path) -> None:
    film = noise_film(0)
    boxes = []
    for share in (0.0, 0.9):
        out = tmp_path / str(share)
        out.mkdir()
        checkpoint.hear_dense(copied(folder, out), hearing(dense_box=share), threshold=0.0, unsure=0.0)
        model = checkpoint.load(out, "cpu")
        model.grammar = type(model.grammar)(model.grammar.kind, model.grammar.bins, 1)
        boxes.append(model.locate(film, "left pleural effusion").boxes)
    assert model.eyes is not None
    seen = model.encode(film).seen
    assert seen is not None
    (place,) = model.eyes.ask(seen, [("effusion", "left")], most=1)
    dense = model.encode(film).frame.to_film(place.boxes.numpy().astype(np.float64)).clip(0, 1)
    assert np.abs(np.array(boxes[1]) - dense).max() < 0.03
    assert boxes[0] != boxes[1]


def test_a_third_of_the_lung_confines_the_heat() -> None:
    torch.manual_seed(1)
    eyes = DenseEyes(DenseNet(CONFIG))
    seen = eyes.look(torch.rand(64, 64))
    whole = hear(eyes, hearing(), seen, "right consolidation")
    third = hear(eyes, hearing(), seen, "right lower lobe consolidation")
    assert whole is not None
    assert third is not None
    assert third.place.presence == whole.place.presence
    taken = whole.place.heat - third.place.heat
    (zone,) = eyes.ask(seen, [("lower lung zone", "right")], most=1)
    assert (
        torch.isclose(taken, torch.zeros(()), atol=1e-4).logical_or(torch.isclose(taken, torch.tensor(OUTSIDE))).all()
    )
    x0, y0, x1, y1 = zone.boxes[0].tolist()
    centre = (torch.arange(8) + 0.5) / 8
    inside = ((centre >= y0) & (centre <= y1))[:, None] & ((centre >= x0) & (centre <= x1))
    assert torch.equal(taken > OUTSIDE / 2, ~inside)
    for unknown in ("no consolidation", "pacemaker", "nodule"):
        assert hear(eyes, hearing(), seen, unknown) is None


def change(name: str, value: object) -> Callable[[Path], None]:
    def of(folder: Path) -> None:
        described = json.loads((folder / "dense.json").read_text())
        described["config"][name] = value
        (folder / "dense.json").write_text(json.dumps(described))

    return of


def not_finite(folder: Path) -> None:
    weights = load_file(folder / "dense.safetensors")
    weights["prior.bias"][0] = float("nan")
    save_file(weights, folder / "dense.safetensors")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "no description": lambda folder: (folder / "dense.json").unlink(),
    "no weights": lambda folder: (folder / "dense.safetensors").unlink(),
    "half the weights": lambda f: (f / "dense.safetensors").write_bytes((f / "dense.safetensors").read_bytes()[:90000]),
    "no JSON": lambda folder: (folder / "dense.json").write_text("{"),
    "no share": lambda folder: (folder / "dense.json").write_text(json.dumps({"config": asdict(CONFIG)})),
    "another tower": change("tower", "hf_hub:a/b"),
    "a tower of numbers": change("tower", 5),
    "a giant": change("width", 10**9),
    "a side of a giant": change("side", 10**9),
    "an uneven side": change("side", 65),
    "another width": change("width", 32),
    "no concepts": change("concepts", []),
    "concepts of numbers": change("concepts", [1, 2, 3, 4]),
    "other levels": change("levels", [1, 2]),
    "a setting unknown": change("surplus", 1),
    "a weight that is no number": not_finite,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_one_sentence(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    write_dense(tmp_path)
    load_dense(tmp_path)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match="fetch the checkpoint again"):
        load_dense(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        {"presence": {}, "language_heat": 0.5, "dense_heat": 0.5, "dense_box": 0.5},
        {"presence": {}, "language_heat": -0.5, "dense_heat": 0.5, "dense_box": 0.5},
        {"presence": {"mass": [1, 2]}, "language_heat": 0, "dense_heat": 0, "dense_box": 0},
        {"presence": {"mass": [1, 2, "3"]}, "language_heat": 0, "dense_heat": 0, "dense_box": 0},
        {"presence": [], "language_heat": 0, "dense_heat": 0, "dense_box": 0},
    ],
)
def test_a_manifest_that_hears_wrongly_is_refused(folder: Path, tmp_path: Path, values: object) -> None:
    manifest = json.loads((copied(folder, tmp_path) / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"hearing": values}))
    with pytest.raises(CheckpointError, match="fetch it again"):
        checkpoint.load(tmp_path, "cpu")


def test_another_dense_network_than_the_manifest_names_is_refused(folder: Path, tmp_path: Path) -> None:
    (copied(folder, tmp_path) / "dense.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"dense\.json of the checkpoint is missing or damaged"):
        checkpoint.load(tmp_path, "cpu")


def test_a_softened_film_makes_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((copied(folder, tmp_path) / "manifest.json").read_text())
    manifest["config"]["preprocessing"]["detail"] = 48
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    soft, plain = checkpoint.load(tmp_path, "cpu"), checkpoint.load(folder, "cpu")
    assert soft.fingerprint != plain.fingerprint
    assert not np.allclose(soft.embed([noise_film(0)]), plain.embed([noise_film(0)]), atol=1e-3)


def test_films_may_be_embedded_by_the_dense_network(folder: Path, tmp_path: Path) -> None:
    """Put in place of a network of before; galleries of before are then another model's."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    before = checkpoint.load(tmp_path, "cpu")
    config = replace(CONFIG, embed=before.text_dim)
    torch.manual_seed(2)
    save_file(DenseNet(config).state_dict(), tmp_path / "dense.safetensors")
    (tmp_path / "dense.json").write_text(json.dumps({"config": asdict(config), "share": 0.9}))
    checkpoint.add_dense(tmp_path)
    model = checkpoint.load(tmp_path, "cpu")
    assert model.fingerprint != before.fingerprint
    film = noise_film(seed=3)
    vector = model.embed([film])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(model.encode(film).embedding, vector, atol=1e-5)
    part = model.embed_parts(film, np.array([[0.1, 0.1, 0.4, 0.4]]))
    assert part.shape == (1, model.embed_dim)
    assert model.embed_dim == 2 * before.embed_dim
    np.testing.assert_allclose(vector[: before.embed_dim] * 2**0.5, before.embed([film])[0], atol=1e-5)
    words, own = model.embed_query(["effusion"]), before.embed_text(["effusion"])
    np.testing.assert_allclose(words, np.concatenate([TOWER * own, own], 1) / (1 + TOWER**2) ** 0.5, atol=1e-5)
    assert model.embed_query([]).shape == (0, model.embed_dim)
    lied = json.loads((tmp_path / "manifest.json").read_text()) | {"vectors": "tower"}
    (tmp_path / "manifest.json").write_text(json.dumps(lied))
    with pytest.raises(CheckpointError, match="of another one"):
        checkpoint.load(tmp_path, "cpu")


def test_a_partner_is_asked_too_and_galleries_stay(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    torch.manual_seed(4)
    save_file(DenseNet(CONFIG).state_dict(), tmp_path / "partner.safetensors")
    described = json.loads((tmp_path / "dense.json").read_text())
    (tmp_path / "dense.json").write_text(json.dumps(described | {"partner": {"config": asdict(CONFIG), "share": 0.5}}))
    checkpoint.add_dense(tmp_path)
    checkpoint.hear_dense(tmp_path, hearing(), threshold=0.5, unsure=0.2)
    model, alone = checkpoint.load(tmp_path, "cpu"), checkpoint.load(folder, "cpu")
    assert model.eyes is not None
    assert model.eyes.paired
    assert model.fingerprint == alone.fingerprint
    film = noise_film(2)
    encoded = model.encode(film)
    np.testing.assert_array_equal(encoded.embedding, alone.encode(film).embedding)
    seen = encoded.seen
    assert isinstance(seen, SeenByBoth)
    assert "second" not in vars(seen)  # similar studies do not wait for it
    before = encoded.nbytes
    model.locate(encoded, "effusion")
    assert "second" in vars(seen)
    assert encoded.nbytes == before  # it was counted all along
    with pytest.raises(TypeError, match="seen itself"):
        model.eyes.ask(Seen(*seen), [("effusion", "")])
    assert model.locate(film, "effusion") != alone.locate(film, "effusion")
    (tmp_path / "partner.safetensors").write_bytes(b"other weights")
    with pytest.raises(CheckpointError, match=r"partner\.safetensors of the checkpoint is missing or damaged"):
        checkpoint.load(tmp_path, "cpu")


def test_a_partner_that_the_manifest_does_not_vouch_for_is_refused(folder: Path, tmp_path: Path) -> None:
    """Only the description of the dense network was taken in with it: whatever lies there as a partner is refused."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    save_file(DenseNet(CONFIG).state_dict(), tmp_path / "partner.safetensors")
    described = json.loads((tmp_path / "dense.json").read_text())
    (tmp_path / "dense.json").write_text(json.dumps(described | {"partner": {"config": asdict(CONFIG), "share": 0.5}}))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["sha256"]["dense.json"] = checkpoint.sha256_of(tmp_path / "dense.json")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="of another one"):
        checkpoint.load(tmp_path, "cpu")


def placed(presence: float, heat: float, box: tuple[float, float, float, float]) -> Place:
    """A side's answer: heat of that strength inside its box."""
    cells = torch.full((8, 8), -8.0)
    x0, y0, x1, y1 = (round(8 * value) for value in box)
    cells[y0:y1, x0:x1] = heat
    return Place(presence, cells, torch.tensor([box]), torch.tensor([heat]).sigmoid())


LEFT, RIGHT = (0.625, 0.5, 0.875, 0.75), (0.125, 0.25, 0.375, 0.75)


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ((0.8, 3.0), (0.8, 2.5), True),
        ((0.8, 3.0), (0.55, 2.5), False),
        ((0.8, 3.0), (0.8, 1.0), False),
        ((0.3, 2.9), (0.3, 3.0), False),
    ],
    ids=["alike", "one hardly there", "one fainter", "neither there"],
)
def test_seen_on_both_sides(left: tuple[float, float], right: tuple[float, float], both: bool) -> None:
    assert _seen_on_both(placed(*left, LEFT), placed(*right, RIGHT)) is both


def test_a_box_on_each_side_and_what_was_written_counts_on_its_own() -> None:
    """The patient's left is on the viewer's right; what was written there moves that box and no other."""
    sides = (("left", placed(0.9, 3.0, LEFT)), ("right", placed(0.9, 2.5, RIGHT)))
    heard = Heard(sides[0][1], (0.5, 1.0, 0.0), sides)
    shares = Hearing(dense_heat=0.1, dense_box=0.1)
    wide = np.array([[0.55, 0.4, 0.95, 0.9]])
    boxes, heats = heard.on_sides(shares, wide)
    assert heats == pytest.approx((1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(-2.5))))
    assert boxes[0] == pytest.approx(wide[0], abs=0.03)
    assert boxes[1] == pytest.approx(RIGHT, abs=0.03)
    narrow, _ = heard.on_sides(shares, np.array([[0.65, 0.5, 0.85, 0.7]]))
    assert narrow[0] == pytest.approx((0.65, 0.5, 0.85, 0.7), abs=0.03)
    assert narrow[1] == pytest.approx(boxes[1])
    assert heard.heat.shape == (8, 8)
    assert (heard.heat > 0).sum() == (sides[0][1].heat > 0).sum() + (sides[1][1].heat > 0).sum()


def test_what_is_asked_on_both_sides_is_answered_on_both(folder: Path, tmp_path: Path) -> None:
    """In words, or because everybody has two; a side or a third that is named is not asked beyond."""
    checkpoint.hear_dense(copied(folder, tmp_path), hearing(), threshold=0.0, unsure=0.0)
    model = checkpoint.load(tmp_path, "cpu")
    film = model.encode(noise_film(0))
    assert model.eyes is not None
    assert film.seen is not None
    for phrase, count in (
        ("bilateral consolidation", 2),
        ("lung", 2),
        ("left lung", 0),
        ("consolidation", 0),
        ("right consolidation", 0),
        ("lower lobe consolidation", 0),
        ("bibasilar consolidation", 2),
    ):
        heard = hear(model.eyes, model.hearing, film.seen, phrase)
        assert heard is not None
        assert len(heard.sides) == count, phrase
    found = model.locate(film, "bilateral consolidation")
    sides = model.eyes.ask(film.seen, [("consolidation", side) for side in ("left", "right")])
    expected = film.frame.to_film(np.stack([place.boxes[0].numpy() for place in sides]).astype(np.float64)).clip(0, 1)
    np.testing.assert_allclose(sorted(found.boxes), sorted(map(tuple, expected.tolist())), atol=1e-5)
    assert len(found.scores) == 2
    assert found.scores[0] >= found.scores[1]


def test_there_is_what_is_on_the_left_or_on_the_right() -> None:
    """Asked without a side, log-odds are the mean of the network's own and of both sides' summed odds."""
    torch.manual_seed(1)
    eyes = DenseEyes(DenseNet(CONFIG))
    seen = eyes.look(torch.rand(64, 64))
    questions = [("effusion", ""), ("effusion", "left"), ("effusion", "right"), ("lung", "")]
    plain = eyes._asked(seen, questions)[2].tolist()
    bare, left, right, lung = (np.log(p.presence / (1 - p.presence)) for p in eyes.ask(seen, questions))
    assert (left, right, lung) == pytest.approx(plain[1:], abs=1e-5)
    assert bare == pytest.approx((plain[0] + np.logaddexp(plain[1], plain[2])) / 2, abs=1e-5)
    (alone,) = eyes.ask(seen, [("effusion", "")])
    assert np.log(alone.presence / (1 - alone.presence)) == pytest.approx(bare, abs=1e-6)
