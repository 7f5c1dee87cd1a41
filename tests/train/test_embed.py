"""An archive embedded by several processes: each content once, whoever is killed; train.index takes it from there."""

import json
import os
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from lofi.results import Study
from tests.doubles import TinyEmbedder, noise_film
from tests.train.watched import Watched
from train.embed import main
from train.indexing.arguments import studies_of_records
from train.indexing.building import Options
from train.indexing.changes import index
from train.indexing.pieces import Piece, waves, with_earlier
from train.indexing.spread import Done, Job, check_workers, spread

OPTIONS = Options(shard=3, quiet=True, thumbs=True)
COPIED = {7: 0, 8: 0, 10: 9}
"""Films whose files are copies of others."""


def write_films(folder: Path, count: int = 12) -> list[Study]:
    records = []
    for number in range(count):
        path = folder / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = noise_film(COPIED.get(number, number)).pixels
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path)
        box = {"phrase": f"mass {number % 3}", "label": "Mass", "kind": "finding", "box": [0.1, 0.1, 0.4, 0.3]}
        records.append({"study_id": f"s{number}", "image": path.name, "report": "A mass.", "boxes": [box]})
    (folder / "5.png").write_bytes(b"no film")
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return studies_of_records(folder / "records.jsonl", None, None)


class Refuses(TinyEmbedder):
    """What is kept needs no network."""

    def embed(self, radiographs: list[Radiograph]) -> np.ndarray:
        raise AssertionError("a film is embedded again")

    embed_text = embed_query = embed_regions = embed


@pytest.fixture(scope="module")
def ray_here() -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("ray", reason="ray is not installed: pip install 'lofi[scale]'")


@pytest.mark.filterwarnings("ignore")  # ray's own
def test_each_content_is_embedded_once_though_a_process_is_killed(ray_here: None, tmp_path: Path) -> None:
    studies = write_films(tmp_path / "films")
    out, log = tmp_path / "out", tmp_path / "log"
    job = Job(partial(Watched, log, 7), TinyEmbedder.fingerprint, tmp_path / "films", out, OPTIONS)
    done = spread(studies, job, "ray://local:2")
    assert log.with_suffix(".died").exists()
    times = Counter(line.split()[0] for line in log.read_text().splitlines())
    assert len(times) == 8
    # The process that was killed had a piece of three films in hand, of which nothing was kept.
    assert times.total() <= 8 + 3
    assert done == Done(films=12, embedded=8, left_out=1)

    assert spread(studies, job, "ray://local:2") == Done(films=12, embedded=0, left_out=1)  # all is there
    gallery = index(studies, tmp_path / "films", Refuses(), out, OPTIONS)
    alone = index(studies, tmp_path / "films", TinyEmbedder(), tmp_path / "alone", OPTIONS)
    assert [study.study_id for study in gallery.studies] == [f"s{number}" for number in range(12) if number != 5]
    assert gallery.studies == alone.studies
    np.testing.assert_array_equal(gallery.vectors, alone.vectors)
    assert gallery.manifest is not None
    assert alone.manifest is not None
    assert gallery.manifest.regions_sha256 == alone.manifest.regions_sha256
    assert not (out / ".partial").exists()
    assert [gallery.thumbnail_path(study) for study in gallery.studies].count(None) == 0


def test_a_known_film_is_not_embedded_again_under_another_name(tmp_path: Path) -> None:
    studies = write_films(tmp_path / "films")
    model = TinyEmbedder()
    first = index(studies, tmp_path / "films", model, tmp_path / "out", OPTIONS)
    assert sum(model.batches) == 8  # copies, in the same piece and in others, once
    moved = tmp_path / "moved"
    moved.mkdir()
    for number in range(12):
        shutil.copyfile(tmp_path / "films" / f"{number}.png", moved / f"film {number}.png")
    renamed = [Study(**{**study.__dict__, "image": f"film {study.image}"}) for study in studies]
    again = index(renamed[::-1], moved, Refuses(), tmp_path / "out", OPTIONS)
    np.testing.assert_array_equal(again.vectors, first.vectors[::-1])


def test_pieces_that_share_a_film_wait_for_its_first(tmp_path: Path) -> None:
    contents = ["a", "b", "a", "c", "bb", "b"]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_text(content)
    studies = [Study(str(number), "", image=str(number)) for number in range(len(contents))]
    pieces = [Piece(tuple(studies[at : at + 2]), tmp_path / f"piece {at}") for at in (0, 2, 4)]
    first, second, third = with_earlier(pieces, tmp_path)
    assert (first.earlier, second.earlier, third.earlier) == ((), (pieces[0],), (pieces[0],))
    assert waves([first, second, third]) == [[first], [second, third]]


@pytest.mark.parametrize(
    "workers", ["", "local:2", "ray://", "ray://local", "ray://local:0", "ray://HOST", "http://HOST:1", "ray://a:1/x"]
)
def test_workers_that_are_none(workers: str) -> None:
    with pytest.raises(BadQuery, match="ray://HOST:PORT"):
        check_workers(workers)


def test_a_wrong_folder_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ray_here: None
) -> None:
    write_films(tmp_path / "films", 2)
    for film in (tmp_path / "films").glob("*.png"):
        film.unlink()
    records, out = tmp_path / "films" / "records.jsonl", tmp_path / "out"
    assert main(["--records", str(records), "--out", str(out), "--workers", "ray://local:1"]) == 1
    assert "None of the 2 films" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(SystemExit):
        main(["--records", str(records), "--out", str(out)])


def test_what_it_makes_is_a_gallery_of_its_own(tmp_path: Path) -> None:
    """Each piece can be opened as a gallery, so that nothing else needs to know of pieces."""
    studies = write_films(tmp_path / "films", 3)
    job = Job(TinyEmbedder, TinyEmbedder.fingerprint, tmp_path / "films", tmp_path / "out", OPTIONS)
    assert spread([], job, "ray://local:1") == Done(0, 0, 0)
    assert len(Gallery.open(index(studies, job.root, TinyEmbedder(), job.out, OPTIONS).folder or "")) == 3
