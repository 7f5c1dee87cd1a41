"""Pushed to a hub and pulled from it again, by huggingface_hub's own client, over real HTTP."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard

from lofi.network.checkpoint import DENSE_FILES, FILES, MANIFEST, fingerprint, read_manifest
from tests.hub import TOKEN, Hub, local_hub
from train.publish import main

REPOSITORY = Path(__file__).resolve().parents[3]
MODEL, GALLERY = REPOSITORY / "assets" / "lofi-mini", REPOSITORY / "assets" / "gallery"
ESTIMATE = {"value": 0.41, "low": 0.36, "high": 0.46, "n": 118, "patients": 69}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with local_hub() as hub:
        yield hub


def python(hub: Hub, place: Path, *arguments: str, token: str = TOKEN) -> "subprocess.CompletedProcess[str]":
    """Run Python with the hub's address: the client reads it once, when it is imported. Large files go by LFS: the
    other way, Xet, speaks to storage that only the real hub has.
    """
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(place / "hf"), "HF_TOKEN": token, "HF_HUB_DISABLE_TELEMETRY": "1"}
    own |= {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **own}, cwd=place, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A metrics.json as train.evaluate writes it, of the bundled model."""
    about = {
        "fingerprint": fingerprint(read_manifest(MODEL)),
        "records_sha256": "ab" * 32,
        "split": "val",
        "films": 701,
    }
    file = tmp_path_factory.mktemp("figures") / "metrics.json"
    bare = {"mean IoU": {**ESTIMATE, "value": 0.35}}
    grounding = {"side": {"model": {"mean IoU": ESTIMATE, "IoU≥0.5": ESTIMATE}}, "bare": {"model": bare}}
    zero = {"NIH films, negated prompts": {"mean of 8 boxed findings": ESTIMATE, "Mass": ESTIMATE}}
    values = {"about": {**about, "patients": 639}, "grounding": grounding, "zero-shot AUROC": zero}
    file.write_text(json.dumps(values), "utf-8")
    return file


@pytest.fixture(scope="module")
def pushed(hub: Hub, figures: Path, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    place = tmp_path_factory.mktemp("push")
    command = ("-m", "train.publish", "model", str(MODEL), "owner/lofi-mini", "--figures", str(figures))
    done = python(hub, place, *command)
    assert done.returncode == 0, done.stderr
    assert hub.newest("owner/lofi-mini") in done.stdout
    return hub


def test_a_model_is_pushed_whole_its_weights_by_lfs(pushed: Hub) -> None:
    files = pushed.files("owner/lofi-mini")
    assert files is not None
    names = {MANIFEST, *FILES, *(name for name in DENSE_FILES if (MODEL / name).is_file())}
    assert set(files) == {*names, "README.md", ".gitattributes"}
    for name in names:
        assert files[name] == (MODEL / name).read_bytes(), name
    assert hashlib.sha256(files["model.safetensors"]).hexdigest() in pushed.large
    assert "PUT lfs" in pushed.asked


def test_the_card_carries_the_figures_and_the_words_on_data_and_limits(pushed: Hub) -> None:
    files = pushed.files("owner/lofi-mini")
    assert files is not None
    card = ModelCard(files["README.md"].decode())
    results = [result for result in card.data.eval_results if result.dataset_split == "val"]
    assert [(r.task_name, r.metric_type, r.metric_value) for r in results] == [
        ("phrase grounding, with side", "mean_iou", 0.41),
        ("phrase grounding, with side", "iou_at_least_0_5", 0.41),
        ("phrase grounding, bare phrase", "mean_iou", 0.35),
        ("zero-shot classification, NIH films, negated prompts", "auroc_mean_of_8_boxed_findings", 0.41),
    ]
    assert "[0.36, 0.46], n 118" in str(results[0].metric_name)
    for words in ("Research use only", "## Where it fails", "## Data and terms", 'lofi.load("owner/lofi-mini")'):
        assert words in card.text


def test_the_card_carries_what_the_checkpoint_says_of_each_finding(pushed: Hub) -> None:
    files = pushed.files("owner/lofi-mini")
    assert files is not None
    card = ModelCard(files["README.md"].decode())
    told = {(r.task_name, r.metric_type): r.metric_value for r in card.data.eval_results if r.dataset_split is None}
    concepts = read_manifest(MODEL)["concepts"].values()
    wanted = {(c["name"], "auroc"): c["figures"]["AUROC"][0] for c in concepts if "AUROC" in c.get("figures", {})}
    assert len(wanted) > 8
    assert {key: value for key, value in told.items() if key[1] == "auroc"} == wanted
    assert told["cardiomegaly", "mean_iou"] > 0.5


LOAD = "import sys, lofi; print(lofi.load(sys.argv[1]).fingerprint)"


def test_a_model_is_pulled_pinned_and_answers_as_the_one_pushed(pushed: Hub, tmp_path: Path) -> None:
    name = f"owner/lofi-mini@{pushed.newest('owner/lofi-mini')}"
    done = python(pushed, tmp_path, "-c", LOAD, name, token="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == fingerprint(read_manifest(MODEL))


def test_a_file_that_changed_at_the_hub_is_not_loaded(pushed: Hub, tmp_path: Path) -> None:
    files = pushed.files("owner/lofi-mini")
    assert files is not None
    weights = bytearray(files["model.safetensors"])
    weights[-1] ^= 1
    pushed.commits["owner/changed"] = [{**files, "model.safetensors": bytes(weights)}]
    done = python(pushed, tmp_path, "-c", LOAD, "owner/changed", token="")
    assert done.returncode != 0
    assert "CheckpointError" in done.stderr.splitlines()[-1]


def test_a_commit_that_is_not_there_is_told_in_a_sentence(pushed: Hub, tmp_path: Path) -> None:
    done = python(pushed, tmp_path, "-c", LOAD, f"owner/lofi-mini@{'0' * 40}", token="")
    assert "neither a local folder nor a model that the hub gave" in done.stderr


def test_a_gallery_is_pushed_as_a_data_set_and_a_second_push_takes_old_files_away(hub: Hub, tmp_path: Path) -> None:
    hub.commits["datasets/owner/gallery"] = [{".gitattributes": b"", "old.bin": b"old"}]
    done = python(hub, tmp_path, "-m", "train.publish", "gallery", str(GALLERY), "owner/gallery")
    assert done.returncode == 0, done.stderr
    files = hub.files("datasets/owner/gallery")
    assert files is not None
    wanted = {path.relative_to(GALLERY).as_posix() for path in GALLERY.rglob("*") if path.is_file()}
    assert set(files) == wanted | {"README.md", ".gitattributes"}
    (named,) = DatasetCard(files["README.md"].decode()).data.configs  # type: ignore[attr-defined]
    assert named["data_files"] in wanted, "the hub shows this file as a table"


def test_without_a_token_it_is_said_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    done = python(hub, tmp_path, "-m", "train.publish", "model", str(MODEL), "owner/other", token="hf_wrong")
    assert done.returncode == 1
    assert "check the name and HF_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_figures_of_another_model_are_refused(
    figures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = json.loads(figures.read_text("utf-8"))
    values["about"]["fingerprint"] = "0" * 64
    (tmp_path / "metrics.json").write_text(json.dumps(values), "utf-8")
    given = ["--figures", str(tmp_path / "metrics.json"), "--dry-run", str(tmp_path / "out")]
    assert main(["model", str(MODEL), "owner/lofi-mini", *given]) == 1
    assert "figures are of another model" in capsys.readouterr().err


def test_nothing_is_written_into_a_folder_that_is_not_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret.txt").write_text("not for the hub")
    assert main(["model", str(MODEL), "owner/lofi-mini", "--dry-run", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err
