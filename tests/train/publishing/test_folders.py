"""What goes into a model's and a gallery's folder, and what is refused."""

import shutil
from pathlib import Path

import pytest
import torch

from lofi.errors import CheckpointError
from lofi.network import checkpoint
from tests import tiny
from tests.network.test_hearing import write_dense
from train.publishing.card import model_card
from train.publishing.folders import Unpublishable, checkpoint_of, gallery_folder, model_folder, space_folder, told

REPOSITORY = Path(__file__).resolve().parents[3]
GALLERY = REPOSITORY / "assets" / "gallery"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a checkpoint that holds a dense network, and with what is nobody's business."""
    made = tmp_path / "run" / "checkpoint"
    files = tiny.tokenizer_files()
    checkpoint.save(made, tiny.network(local=True), files, data={}, metrics={}, threshold=0.5, dtype=torch.float32)
    write_dense(made)
    checkpoint.add_dense(made)
    (made / "notes.txt").write_text("of a person")
    return made.parent


def test_a_dense_network_is_published_and_nothing_that_the_manifest_does_not_name(run: Path, tmp_path: Path) -> None:
    out = model_folder(checkpoint_of(run), tmp_path / "out", model_card("# A model", "owner/model", None))
    wanted = {"README.md", checkpoint.MANIFEST, *checkpoint.FILES, *checkpoint.DENSE_FILES[:2]}
    assert {path.name for path in out.iterdir()} == wanted
    assert checkpoint.load(out, "cpu").eyes is not None
    assert told(out).startswith("7 files, ")


def test_a_space_asks_an_index_for_the_cpu_build_only_where_that_is_said(tmp_path: Path) -> None:
    plain = (space_folder(tmp_path / "plain") / "requirements.txt").read_text("utf-8")
    asked = (space_folder(tmp_path / "asked", torch_index="https://a.example/cpu") / "requirements.txt").read_text(
        "utf-8"
    )
    assert asked == f"--extra-index-url https://a.example/cpu\n{plain}"
    assert "--" not in plain


def test_a_damaged_checkpoint_is_not_published(run: Path) -> None:
    with (run / "checkpoint" / checkpoint.WEIGHTS).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(CheckpointError):
        checkpoint_of(run)


def test_a_folder_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unpublishable, match="No manifest"):
        checkpoint_of(tmp_path)


def test_a_card_keeps_its_text_and_loses_a_header_that_it_had() -> None:
    card = model_card("---\nlicense: mit\n---\n# Mine\n\nWords.\n", "owner/model", None)
    assert card.count("license:") == 1
    assert "# Mine\n\nWords." in card


def test_a_gallery_whose_films_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    copied = tmp_path / "gallery"
    shutil.copytree(GALLERY, copied)
    manifest = copied / "gallery.json"
    written = manifest.read_text("utf-8").replace('"image_root": ""', f'"image_root": "{tmp_path}"')
    manifest.write_text(written, "utf-8")
    with pytest.raises(Unpublishable, match="--copy-images"):
        gallery_folder(copied, tmp_path / "out", "card")
