"""Galleries that are added to, updated and cut down; killed at every moment; read meanwhile."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lofi.errors import BadQuery, GalleryMismatch
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.turns import writing
from lofi.results import Study
from tests.doubles import TinyEmbedder, noise_film
from train.indexing.arguments import studies_of_records
from train.indexing.building import Options
from train.indexing.changes import add, index, remove

REPOSITORY = Path(__file__).resolve().parent.parent.parent
COUNT = 6
QUIET = Options(quiet=True)
WHOLE = Options(thumbs=True, copy_images=True, shard=2, quiet=True)


def write_film(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(noise_film(seed).pixels * 255).astype(np.uint8)).save(path)


def write_records(films: Path, text: str = "A mass.") -> list[Study]:
    records = [
        {
            "study_id": f"s{number}",
            "image": f"images/{number}.png",
            "patient_id": f"p{number}",
            "report": text if number == 1 else "A mass.",
            "boxes": [{"phrase": f"mass {number}", "label": "Mass", "kind": "finding", "box": [0.1, 0.1, 0.4, 0.3]}],
        }
        for number in range(COUNT)
    ]
    (films / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return studies_of_records(films / "records.jsonl", None, None)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for number in range(COUNT):
        write_film(tmp_path / "films" / "images" / f"{number}.png", number)
    write_records(tmp_path / "films")
    return tmp_path / "films"


@pytest.fixture
def studies(films: Path) -> list[Study]:
    return write_records(films)


def ids(gallery: Gallery) -> str:
    return " ".join(study.study_id for study in gallery.studies)


def check(gallery: Gallery, names: str) -> None:
    """Each study is found by its film, with its box and its pictures; nothing else is there."""
    assert ids(gallery) == names
    regions = RegionIndex.open(gallery)
    assert regions is not None
    assert [gallery.studies[row].study_id for row in regions.study] == names.split()
    for study, vector in zip(gallery.studies, regions.vectors, strict=True):
        path = gallery.image_path(study)
        assert path is not None
        film = Radiograph.read(path)
        assert gallery.search(TinyEmbedder().embed([film])[0], 1)[0].study == study
        pooled = TinyEmbedder().embed_regions(film, np.array([study.boxes[0].box]))
        assert vector == pytest.approx(pooled.vectors[0], abs=2e-3)
        if study.thumbnail:
            assert gallery.thumbnail_path(study)


@pytest.mark.parametrize("options", [QUIET, WHOLE], ids=["films outside", "films inside"])
def test_added_then_removed(studies: list[Study], films: Path, tmp_path: Path, options: Options) -> None:
    out, model = tmp_path / "out", TinyEmbedder()
    index(studies[:3], films, model, out, options)
    asked = sum(model.batches)
    change = add(studies[1:], films, model, out, QUIET)
    assert (change.added, change.updated, change.kept) == (3, 0, 3)
    assert sum(model.batches) == asked + 3  # nothing is embedded twice
    check(change.gallery, "s0 s1 s2 s3 s4 s5")
    assert add(studies, films, model, out, QUIET).added == 0
    change = remove(["s1", "s4", "nobody"], out)
    assert (change.removed, change.kept) == (2, 4)
    check(Gallery.open(out), "s0 s2 s3 s5")
    change = add(studies, films, model, out, QUIET)
    check(Gallery.open(out), "s0 s2 s3 s5 s1 s4")
    assert remove([f"s{number}" for number in range(COUNT)], out).removed == COUNT
    assert len(Gallery.open(out)) == 0
    add(studies[:2], films, model, out, options)
    check(Gallery.open(out), "s0 s1")


def test_pictures_of_removed_studies_go(studies: list[Study], films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    index(studies, films, TinyEmbedder(), out, WHOLE)
    remove(["s0"], out)
    assert [len(list((out / place).iterdir())) for place in ("films", "thumbs")] == [COUNT - 1] * 2
    assert {path.name.split("-")[0] for path in out.glob("*-*")} == {"records", "vectors", "regions"}
    assert len(list(out.glob("*-*"))) == 3


def test_updated_are_those_whose_record_or_film_changed(films: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out", TinyEmbedder()
    index(write_records(films), films, model, out, WHOLE)
    asked = sum(model.batches)
    assert add(write_records(films), films, model, out, QUIET, update=True).updated == 0
    write_film(films / "images" / "3.png", 99)
    changed = add(write_records(films, "Two masses."), films, model, out, QUIET, update=True)
    assert (changed.added, changed.updated, changed.kept) == (0, 2, 4)
    assert sum(model.batches) == asked + 1  # the other film has other words, and the same content
    check(changed.gallery, "s0 s2 s4 s5 s1 s3")
    assert changed.gallery.studies[4].report == "Two masses."
    assert add(write_records(films), films, model, out, QUIET).updated == 0  # not asked for


def test_half_precision_and_root_stay(studies: list[Study], films: Path, tmp_path: Path) -> None:
    out = tmp_path / "films" / "out"
    index(studies[:3], films, TinyEmbedder(), out, Options(half=True, quiet=True))
    add(studies, films, TinyEmbedder(), out, QUIET)
    assert next(out.glob("vectors-*")).stat().st_size < 1_000
    assert json.loads((out / "gallery.json").read_text())["image_root"] == ".."
    (tmp_path / "films").rename(tmp_path / "moved")  # with the gallery in it
    check(Gallery.open(tmp_path / "moved" / "out"), "s0 s1 s2 s3 s4 s5")


def test_films_of_another_folder(studies: list[Study], films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    index(studies[:3], films, TinyEmbedder(), out, QUIET)
    shutil.copytree(films, tmp_path / "more")
    with pytest.raises(BadQuery, match="folder above both"):
        add(studies, tmp_path / "more", TinyEmbedder(), out, QUIET)
    moved = [Study(**{**study.__dict__, "image": f"more/{study.image}"}) for study in studies]
    check(add(moved, tmp_path, TinyEmbedder(), out, QUIET).gallery, "s0 s1 s2 s3 s4 s5")


def test_regions_that_are_damaged_cost_the_old_studies_examples(
    studies: list[Study], films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    index(studies[:3], films, TinyEmbedder(), out, QUIET)
    next(out.glob("regions-*")).write_bytes(b"")
    gallery = add(studies, films, TinyEmbedder(), out, QUIET).gallery
    assert ids(gallery) == "s0 s1 s2 s3 s4 s5"
    assert len(RegionIndex.open(gallery)) == 3


@pytest.mark.parametrize("force", [False, True])
def test_a_gallery_is_not_replaced_by_one_without_films(
    studies: list[Study], films: Path, tmp_path: Path, force: bool
) -> None:
    out = tmp_path / "out"
    index(studies, films, TinyEmbedder(), out, QUIET)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (tmp_path / "empty").mkdir()
    forced = Options(quiet=True, force=force)
    for root in (tmp_path / "empty", tmp_path / "misspelt"):
        if force:
            assert len(index(studies, root, TinyEmbedder(), out, forced)) == 0
            continue
        with pytest.raises(BadQuery, match=r"None of the 6 films .* nothing was changed.*--force"):
            index(studies, root, TinyEmbedder(), out, forced)
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"no film")], ids=["gone", "unreadable"])
def test_fewer_than_half_are_refused(
    studies: list[Study], films: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    for number in range(4):
        spoil(films / "images" / f"{number}.png")
    with pytest.raises(BadQuery, match="Only 2 of the 6 films"):
        index(studies, films, TinyEmbedder(), tmp_path / "out", QUIET)
    with pytest.raises(GalleryMismatch):
        Gallery.open(tmp_path / "out")
    assert len(index(studies, films, TinyEmbedder(), tmp_path / "out", Options(quiet=True, force=True))) == 2


def test_one_writer_at_a_time(studies: list[Study], films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    index(studies, films, TinyEmbedder(), out, QUIET)
    code = f"from pathlib import Path; from train.indexing.changes import remove; remove(['s0'], Path({str(out)!r}))"
    with writing(out):
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "Another run is writing this gallery" in done.stderr
    check(Gallery.open(out), "s0 s1 s2 s3 s4 s5")


class Zygote:
    """A process that has everything imported and forks one for each change that is to be killed."""

    def __init__(self, out: Path, films: Path) -> None:
        command = [sys.executable, "-m", "tests.train.killed", str(out), str(films)]
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, word: str, moment: int | float) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word} {moment}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture
def zygote(films: Path, tmp_path: Path) -> Iterator[Zygote]:
    made = Zygote(tmp_path / "out", films)
    yield made
    made.close()


STATES = {
    "build": ("", "s0 s1 s2 s3"),
    "add": ("s0 s1 s2 s3", "s0 s1 s2 s3 s4 s5"),
    "update": ("s0 s1 s2 s3", "s0 s2 s3 s4 s5 s1"),
    "remove": ("s0 s1 s2 s3", "s1 s3"),
}
"""What is there before and after each change."""


@pytest.mark.parametrize("word", ["build", "add", "update", "remove"])
@pytest.mark.parametrize("how", ["each operation", "moments"])
def test_killed_it_is_the_old_state_or_the_new(
    word: str, how: str, films: Path, tmp_path: Path, zygote: Zygote
) -> None:
    old, new = STATES[word]
    pristine, out = tmp_path / "pristine", tmp_path / "out"
    if old:
        index(write_records(films)[:4], films, TinyEmbedder(), pristine, WHOLE)
    write_records(films, "Two masses." if word == "update" else "A mass.")
    chance = random.Random(word)
    outcomes = {"killed": 0, "done": 0}
    steps = range(1, 400, {"build": 23, "add": 17, "update": 19, "remove": 4}[word])
    moments = steps if how == "each operation" else [chance.uniform(0.01, 0.4) for _ in range(4)]
    for number, moment in enumerate(moments):
        shutil.rmtree(out, ignore_errors=True)
        if old:
            shutil.copytree(pristine, out)
        reader = Gallery.open(out) if old and number % 2 else None  # without one, what is old is removed
        outcome = zygote(word, moment)
        outcomes[outcome.split()[0]] += 1
        if old or (out / "gallery.json").exists():
            found = ids(Gallery.open(out))
            assert found in (old, new)
            check(Gallery.open(out), found)
        if reader is not None:
            check(reader, old)
            del reader
        assert zygote(word, 100_000) == "done 0"  # the same command goes on
        check(Gallery.open(out), new)
        if outcome == "done 0":
            break
    # How far a command is after so many seconds is up to the machine; operations are counted.
    assert outcomes["killed"] >= 2 or how == "moments"
