"""Training with shots, on the tiny model and a few noise films: packing, frozen towers, resuming, the checkpoint."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from lofi.boxes import clip, set_iou
from lofi.film.radiograph import Radiograph
from lofi.grounding import InContext, Shot, ShotFinder, ground
from lofi.grounding.incontext import shot_ids
from lofi.network import checkpoint
from lofi.network.model import LofiModel
from lofi.network.text import END, PAD, grounding_prompt
from tests import tiny
from tests.doubles import noise_film
from train import incontext
from train.data.records import read
from train.feeding.episodes import Target, Writer
from train.feeding.film_bank import FilmBank
from train.incontext import main
from train.shots.episodes import Episode, Examples, episodes, pack_shots
from train.shots.run import ShotRecipe, ShotRun, prepare, shot_logits
from train.shots.validation import encoded

BOX = [0.1, 0.1, 0.5, 0.5]
RECIPE = ShotRecipe(
    steps=4,
    minutes=60,
    batch=3,
    questions=3,
    versions=2,
    warmup=1,
    films={"finding_boxes": 9, "nih": 2},
    shares={"finding_boxes": 0.7, "nih": 0.3},
    validated=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the tiny model and a record file of nine noise films of nine patients."""
    place = tmp_path_factory.mktemp("incontext")
    data: dict[str, object] = {"recipe": "tiny"}
    checkpoint.save(place / "tiny", tiny.network(), tiny.tokenizer_files(), data=data, metrics={}, threshold=0.0)
    rows = []
    for number in range(9):
        Image.fromarray(np.round(noise_film(number).pixels * 255).astype(np.uint8)).save(place / f"{number}.png")
        box = {"phrase": "mass", "label": "Mass", "kind": "finding", "side": "right", "box": BOX}
        rows.append(
            {
                "image": f"{number}.png",
                "patient_id": f"p{number}",
                "source": "nih_bbox",
                "split": "val" if number == 8 else "train",
                "findings": ["Mass"],
                "boxes": [box] if number != 7 else [],
            }
        )
    (place / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> LofiModel:
    return checkpoint.load(folder / "tiny", "cpu")


@pytest.fixture(scope="module")
def bank(folder: Path, model: LofiModel) -> FilmBank:
    records = [record for record in read(folder / "records.jsonl") if record.split == "train"]
    return FilmBank.open(records, model, folder / "films", 2, 0, folder / "cache")


@pytest.fixture(scope="module")
def examples(model: LofiModel, bank: FilmBank) -> Examples:
    tokens = model.language_tokens
    writer = Writer(tokens, model.grammar, tokens.id(END), tokens.id(PAD))
    return Examples(ShotFinder(model, bank.regions(model)), writer)


def test_the_bank_holds_what_the_towers_say(folder: Path, model: LofiModel, bank: FilmBank) -> None:
    film = Radiograph.read(folder / "3.png")
    ready = model.encode(film)
    assert bank.prefix.shape[:2] == (8, 2)
    assert bank.embeddings[3] == pytest.approx(ready.embedding, abs=2e-2)
    assert bank.patches[3] == pytest.approx(ready.patches[0].numpy(), abs=5e-2)
    here = encoded(model, bank, 3)
    assert model.locate(here, "mass").confidence == pytest.approx(model.locate(ready, "mass").confidence, abs=1e-2)


def test_a_bank_is_made_once(folder: Path, model: LofiModel, bank: FilmBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.feeding.film_bank._write", lambda *given: pytest.fail("it is there already"))
    again = FilmBank.open(bank.records, model, folder / "films", 2, 0, folder / "cache")
    assert np.array_equal(again.prefix, bank.prefix)


def test_own_patient_never_serves(bank: FilmBank, examples: Examples) -> None:
    rng = np.random.default_rng(0)
    for film, record in enumerate(bank.records):
        for _ in range(20):
            assert str(film) not in {shot.study_id for shot in examples.draw(bank.encoded(film), record, "mass", rng)}


def test_shots_come_in_all_numbers_and_some_lie(bank: FilmBank, examples: Examples) -> None:
    rng = np.random.default_rng(0)
    drawn = [examples.draw(bank.encoded(0), bank.records[0], "lung mass", rng) for _ in range(300)]
    counts = {len(shots) for shots in drawn}
    assert {0, 1, 6} <= counts
    assert 0.15 < np.mean([not shots for shots in drawn]) < 0.45
    assert any(shot.phrase == "lung mass" for shots in drawn for shot in shots)  # planted: no record says so


def test_packed_questions_read_as_if_asked_alone(model: LofiModel, bank: FilmBank, examples: Examples) -> None:
    """The layout in training is the layout in use: same logits for the same question, whoever is packed beside it."""
    rng = np.random.default_rng(1)
    record, film = bank.records[0], bank.encoded(0)
    shots = examples.finder.shots(film, "mass", 3)
    target = Target("mass", np.array([[0.25, 0.25, 0.5, 0.5]]))
    while len((one := examples.episode(film, record, target, rng)).shots) < 2:
        pass
    asked = episodes(record, film, [target], examples, rng, 4)
    prefix = torch.from_numpy(bank.prefix[:1, 0].astype(np.float32))
    width, places, count = prefix.shape[2], 1 + prefix.shape[1], len(one.segment.answer)

    def logits(film: list[Episode]) -> torch.Tensor:
        packed = pack_shots([film], places, model.language_tokens.id(PAD), width)
        with torch.no_grad():
            return shot_logits(model, prefix, packed)

    alone = logits([one])
    assert alone.shape[0] == count
    assert logits([*asked, one])[-count:] == pytest.approx(alone, abs=1e-4)
    assert logits([Episode(one.segment, one.shots[::-1])]) == pytest.approx(alone, abs=1e-4)
    assert (logits([Episode(one.segment)]) - alone).abs().max() > 1e-4
    assert len(shots) == 3


def test_training_and_use_agree(model: LofiModel, bank: FilmBank, examples: Examples) -> None:
    """The first answer place of a packed question gives the logits that InContext gives."""
    film = bank.encoded(0)
    shots = examples.finder.shots(film, "mass", 2)
    written = tuple(
        (shot.tokens, tuple(shot_ids(shot.phrase, shot.canvas, model.language_tokens, model.grammar))) for shot in shots
    )
    target = Target("left mass", np.array([[0.25, 0.25, 0.5, 0.5]]))
    prefix = torch.from_numpy(bank.prefix[:1, 0].astype(np.float32))
    episode = Episode(examples.writer.ground(target), written)
    with torch.no_grad():
        packed = pack_shots([[episode]], 1 + prefix.shape[1], model.language_tokens.id(PAD), prefix.shape[2])
        logits = shot_logits(model, prefix, packed)[0]
        prompt = model.language_tokens.encode(grounding_prompt("left mass"))
        context = InContext(model)._context(encoded(model, bank, 0), shots, prompt, along=True)
    assert context.logits is not None
    assert context.logits[0].numpy() == pytest.approx(logits.numpy(), abs=1e-4)


def run_in(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(incontext, "SMOKE", RECIPE)
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    common = ["--model", folder / "tiny", "--records", folder / "records.jsonl", "--cache", folder / "cache"]
    return main([str(word) for word in (*common, "--out", out, "--smoke", *options)])


def test_a_run_leaves_the_towers_alone_and_says_that_shots_may_be_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_in(folder, tmp_path, monkeypatch) == 0
    before = checkpoint.load(folder / "tiny", "cpu").network.state_dict()
    trained = checkpoint.load(tmp_path / "checkpoint", "cpu")
    after = trained.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("language.") for name in changed)
    assert trained.config.shots == 8
    assert trained.fingerprint != checkpoint.load(folder / "tiny", "cpu").fingerprint
    line = json.loads((tmp_path / "validation.jsonl").read_text().splitlines()[-1])
    assert set(line) == {"step", *(f"iou_{name}_{count}_shots" for name in ("bare", "side") for count in (0, 4))}
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4


def test_a_stopped_run_goes_on_to_the_same_end(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_in(folder, whole, monkeypatch) == 0
    # The schedule is a matter of the planned length, so the first part stops early instead of being planned shorter.
    calls = {"left": 2}
    step = ShotRun.step

    def limited(self: ShotRun, number: int, progress: float) -> dict[str, float]:
        if calls["left"] == 0:
            incontext.save_state(self, parts, number, 0.0)
            raise ValueError("power cut")
        calls["left"] -= 1
        return step(self, number, progress)

    monkeypatch.setattr(ShotRun, "step", limited)
    assert run_in(folder, parts, monkeypatch) == 1
    monkeypatch.setattr(ShotRun, "step", step)
    assert run_in(folder, parts, monkeypatch, "--resume") == 0
    first, second = (checkpoint.load(place / "checkpoint", "cpu").network.state_dict() for place in (whole, parts))
    for name, value in first.items():
        assert torch.allclose(value, second[name], atol=1e-3), name


def test_looking_is_not_training_time(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the validation films before the first step once took its time off the minutes of the run."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    def an_hour_and_more(*given: object) -> dict[str, float]:
        clock.now += 61 * 60
        return {}

    monkeypatch.setattr(incontext, "time", clock)
    monkeypatch.setattr(incontext, "quick_shots", an_hour_and_more)
    assert RECIPE.minutes == 60
    assert run_in(folder, tmp_path, monkeypatch) == 0
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == RECIPE.steps


def test_a_threshold_keeps_the_calibration_that_it_belongs_to(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calibrated start once lost slope and offset and kept the threshold, which then meant something else."""
    start = shutil.copytree(folder / "tiny", tmp_path / "calibrated")
    checkpoint.calibrate(start, 0.25, (2.0, -0.5), 0.0)
    assert run_in(folder, tmp_path / "run", monkeypatch, "--model", str(start)) == 0
    trained = checkpoint.load(tmp_path / "run" / "checkpoint", "cpu")
    assert (trained.calibration, trained.threshold) == ((2.0, -0.5), 0.25)


def test_another_models_state_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_in(folder, tmp_path, monkeypatch) == 0
    monkeypatch.setattr(incontext, "SMOKE", replace(RECIPE, rate=1e-5))
    common = ["--model", folder / "tiny", "--records", folder / "records.jsonl", "--cache", folder / "cache"]
    assert main([str(word) for word in (*common, "--out", tmp_path, "--smoke", "--resume")]) == 1
    assert "other settings" in capsys.readouterr().err


def test_without_boxes_there_is_nothing_to_teach(folder: Path, tmp_path: Path) -> None:
    plain = [record for record in read(folder / "records.jsonl") if not record.boxes]
    with pytest.raises(ValueError, match="no film of the train split has a box"):
        prepare(RECIPE, folder / "tiny", plain, tmp_path, tmp_path)


def learnt_to_copy(model: LofiModel, bank: FilmBank, examples: Examples, shots: list[Shot]) -> LofiModel:
    """The model after a short training in which each answer is the box of the one shot and the film tells nothing."""
    network = copy.deepcopy(model.network).requires_grad_(True)
    learner = LofiModel(network, model.text_tokens, model.language_tokens, "copy", torch.device("cpu"), 0.0)
    prefix = torch.from_numpy(bank.prefix[:1, 0].astype(np.float32)).repeat(16, 1, 1)
    tokens = model.language_tokens
    rng, adam = np.random.default_rng(0), torch.optim.Adam(network.language.parameters(), lr=3e-3)
    for _ in range(180):
        chosen = [shots[number] for number in rng.integers(len(shots), size=16)]
        films = []
        for shot in chosen:
            words = tuple(shot_ids(shot.phrase, shot.canvas, tokens, model.grammar))
            target = Target("mass", shot.canvas.astype(np.float64))
            films.append([Episode(examples.writer.ground(target), ((shot.tokens, words),))])
        packed = pack_shots(films, 1 + prefix.shape[1], tokens.id(PAD), prefix.shape[2])
        loss = torch.nn.functional.cross_entropy(shot_logits(learner, prefix, packed), packed.packed.labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return learner


def test_a_wrong_shot_shows_up_in_the_evidence(model: LofiModel, bank: FilmBank, examples: Examples) -> None:
    """A model that follows its shots follows a wrong one too: the evidence must name it as what moved the answer."""
    shot = examples.finder.shots(bank.encoded(0), "mass", 1)[0]
    shots = [replace(shot, canvas=np.array([[x, 0.2, x + 0.25, 0.8]], dtype=np.float32)) for x in (0.2, 0.55)]
    answerer = InContext(learnt_to_copy(model, bank, examples, shots))
    answerer.most = 1
    film = encoded(answerer.model, bank, 0)
    moved = []
    for planted in shots:
        answer = ground(answerer, film, "mass", [planted])
        seen = film.frame.to_film(planted.canvas.astype(np.float64))
        assert set_iou(np.array(answer.boxes), clip(seen)) > 0.6
        moved.append(answer.evidence[0].moved)
    # Without a shot the answer is one and the same box, which can be like one of the two at most.
    assert max(moved) > 0.5
