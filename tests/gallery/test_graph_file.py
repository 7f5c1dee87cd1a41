"""Index files with any byte changed, their hash renewed: opened and searched in a process whose death would be seen."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lofi.gallery import Gallery, tuning
from lofi.gallery.graph_file import HEADER, is_sound
from lofi.gallery.hnsw import EF_CONSTRUCTION, Costs, HnswIndex, M
from lofi.results import Study
from tests.doubles import clustered

REPOSITORY = Path(__file__).resolve().parent.parent.parent
COUNT, DIM = 2_100, 8
SIZE = 4 * (1 + 2 * M) + 4 * DIM + 8

_OPENED = """
import json, random, sys
from pathlib import Path
from lofi.errors import GalleryMismatch
from lofi.gallery import Gallery, tuning
from lofi.gallery.hnsw import Costs
from lofi.gallery.storage import sha256_of

folder, seed, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
(path,), (about,) = folder.glob("index-*.hnsw"), folder.glob("index-*.json")
tuning.measured = lambda index, probes=None: (Costs(), True)
sound, manifest, chance = path.read_bytes(), json.loads(about.read_text()), random.Random(seed)
regions = ((0, 96), (96, 40_000), (96, len(sound)), (len(sound) - 9_000, len(sound)))
outcomes = {"opened": 0, "refused": 0}
for number in range(times):
    data = bytearray(sound)
    for _ in range(chance.choice((1, 1, 1, 4, 64))):
        data[chance.randrange(*regions[number % 4])] ^= chance.randrange(1, 256)
    if number % 9 == 0:
        data = data[: chance.randrange(len(data))]
    path.write_bytes(data)
    about.write_text(json.dumps(manifest | {"sha256": sha256_of(bytes(data))}))
    try:
        gallery = Gallery.open(folder)
        for row in range(0, len(gallery), 50):
            near = [hit.study.study_id for hit in gallery.search(gallery.vectors[row], 3)]
            assert str(row) in near, "a study does not find itself"
        outcomes["opened"] += 1
    except GalleryMismatch as error:
        assert str(error).count(".") == 1
        outcomes["refused"] += 1
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(COUNT, DIM)


@pytest.fixture(scope="module")
def sound(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("index") / "index"
    HnswIndex.build(vectors).write(path)
    return path.read_bytes()


def test_sixty_four_damaged_indexes_with_renewed_hashes(
    vectors: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """59 of 200 ended the process when only the hash was looked at."""
    monkeypatch.setattr(tuning, "measured", lambda index, probes=None: (Costs(), True))
    Gallery([Study(str(row), "") for row in range(COUNT)], vectors, "f" * 64).save(tmp_path)
    assert list(tmp_path.glob("index-*.hnsw"))
    command = [sys.executable, "-c", _OPENED, str(tmp_path), "7", "64"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr}"
    outcomes = json.loads(done.stdout)
    assert sum(outcomes.values()) == 64
    assert outcomes["opened"] == 64  # a damaged index is made anew


def test_the_untouched_file_is_sound(sound: bytes, vectors: np.ndarray) -> None:
    assert is_sound(sound, vectors, M, EF_CONSTRUCTION)
    assert not is_sound(sound, vectors[:-1], M, EF_CONSTRUCTION)
    assert not is_sound(sound, vectors[:, :-1], M, EF_CONSTRUCTION)
    assert not is_sound(sound, vectors[::-1], M, EF_CONSTRUCTION)
    assert not is_sound(sound, np.zeros((0, DIM), np.float32), M, EF_CONSTRUCTION)


@pytest.mark.parametrize("at", range(HEADER.size))
def test_every_byte_of_the_header_matters(sound: bytes, vectors: np.ndarray, at: int) -> None:
    data = bytearray(sound)
    data[at] ^= 0x80
    ends_of_the_scale = range(80, 84)  # the last digits of a number that only building uses
    assert at in ends_of_the_scale or not is_sound(bytes(data), vectors, M, EF_CONSTRUCTION)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(HEADER.size, 2 * M + 1, id="more links than there is room for"),
        pytest.param(HEADER.size, 1 + (1 << 16), id="marked as deleted"),
        pytest.param(HEADER.size + 4, COUNT, id="a link one beyond the last"),
        pytest.param(HEADER.size + 4, 2**32 - 1, id="a link far beyond"),
        pytest.param(HEADER.size + SIZE - 8, 1, id="another's label"),
        pytest.param(HEADER.size + SIZE - 12, 0x7FC00000, id="NaN in a vector"),
        pytest.param(HEADER.size + COUNT * SIZE, 4 * (1 + M), id="a level that is not there"),
        pytest.param(HEADER.size + COUNT * SIZE, 2**32 - 1, id="levels beyond the end"),
    ],
)
def test_numbers_that_hnswlib_would_follow(sound: bytes, vectors: np.ndarray, at: int, value: int) -> None:
    data = bytearray(sound)
    assert struct.unpack_from("<I", data, at)[0] != value
    struct.pack_into("<I", data, at, value)
    assert not is_sound(bytes(data), vectors, M, EF_CONSTRUCTION)


def test_a_link_to_an_element_that_does_not_reach_the_level(sound: bytes, vectors: np.ndarray) -> None:
    """Hnswlib would read the levels of that element from nowhere."""
    data, at, low = bytearray(sound), HEADER.size + COUNT * SIZE, None
    for row in range(COUNT):
        (size,) = struct.unpack_from("<I", data, at)
        if size == 0:
            low = row
        elif low is not None and struct.unpack_from("<I", data, at + 4)[0]:
            struct.pack_into("<I", data, at + 8, low)
            break
        at += 4 + size
    assert data != sound
    assert not is_sound(bytes(data), vectors, M, EF_CONSTRUCTION)
