from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lofi.errors import BadQuery, GalleryMismatch, NotAChestFilm
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, Where, joined, parse_where, tuning
from lofi.gallery.hnsw import Costs, HnswIndex
from lofi.gallery.index_file import EXACT_BELOW
from lofi.results import Study
from tests.doubles import TinyEmbedder, clustered, noise_film

# To (1, 0): similarities 1, 0, −1 and 0.6.
FOUR = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
STUDIES = (
    Study("a", "Clear.", ("No Finding",), "PA", "nih", "F", 40.0, "p1"),
    Study("b", "Effusion.", ("Effusion",), "AP", "nih", "M", 50.0, "p2"),
    Study("c", "Mass.", ("Mass",), "PA", "covid", "F", None, "p3"),
    Study("d", "Both.", ("Mass", "Effusion"), "PA", "covid", "M", 70.0, "p1"),
)


@pytest.fixture
def four() -> Gallery:
    return Gallery(STUDIES, FOUR, "f" * 64)


def returning(film: Radiograph) -> Callable[[], Radiograph]:
    return lambda: film


def raising(error: BaseException) -> Callable[[], Radiograph]:
    def read() -> Radiograph:
        raise error

    return read


def ids(gallery: Gallery, k: int, where: str = "") -> list[str]:
    return [hit.study.study_id for hit in gallery.search([2, 0], k, parse_where(where))]


@pytest.mark.parametrize(
    ("k", "where", "expected"),
    [
        pytest.param(1, "", "a", id="nearest"),
        pytest.param(4, "", "adbc", id="all, in order"),
        pytest.param(10**9, "", "adbc", id="k beyond the gallery"),
        pytest.param(2, "view=PA", "ad", id="filtered"),
        pytest.param(9, "label=Mass", "dc", id="k beyond what the filter leaves"),
        pytest.param(9, "not_patient=p1", "bc", id="a patient left out, with both films"),
        pytest.param(9, "age=90-", "", id="filter leaves none"),
    ],
)
def test_search(four: Gallery, k: int, where: str, expected: str) -> None:
    assert "".join(ids(four, k, where)) == expected


def test_hits_carry_rank_and_cosine(four: Gallery) -> None:
    hits = four.search(np.array([30.0, 0.0]), 4)  # The length of a query does not matter.
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert [hit.similarity for hit in hits] == pytest.approx([1, 0.6, 0, -1])


@pytest.mark.parametrize(
    ("vector", "k", "message"),
    [
        pytest.param([1, 0], 0, "at least 1", id="k zero"),
        pytest.param([1, 0], -3, "at least 1", id="k negative"),
        pytest.param([1, 0], 2.5, "whole number", id="k with a fraction"),
        pytest.param([1, 0], True, "whole number", id="k a truth value"),
        pytest.param([float("nan"), 0], 1, "finite", id="NaN"),
        pytest.param([float("inf"), 0], 1, "finite", id="infinite"),
        pytest.param([0, 0], 1, "zero", id="no direction"),
        pytest.param([1, 0, 0], 1, "2 numbers", id="wrong dimension"),
        pytest.param([[1, 0]], 1, "2 numbers", id="a batch"),
        pytest.param([], 1, "2 numbers", id="empty"),
        pytest.param(["left", "right"], 1, "numbers", id="text"),
        pytest.param([[1], [1, 2]], 1, "numbers", id="ragged"),
        pytest.param([10**400, 0], 1, "numbers", id="beyond any float"),
        pytest.param([1e300, 0], 1, "finite", id="beyond 32 bits"),
    ],
)
def test_unusable_queries(four: Gallery, vector: list[float], k: int, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        four.search(vector, k)


def test_empty_gallery_gives_no_hits(tmp_path: Path) -> None:
    empty = Gallery.build([], TinyEmbedder()).save(tmp_path)
    assert len(empty) == 0
    assert empty.search(np.ones(16), 5, Where(view=("PA",))) == []


def test_saved_and_opened_is_the_same(four: Gallery, tmp_path: Path) -> None:
    saved = replace(four, dropped={"The file is empty.": 2}).save(tmp_path / "new" / "gallery")
    opened = Gallery.open(str(tmp_path / "new" / "gallery"), "f" * 64)
    for gallery in (saved, opened):
        assert gallery.studies == STUDIES
        assert gallery.dropped == {"The file is empty.": 2}
        np.testing.assert_array_equal(gallery.vectors, FOUR)
        assert not gallery.vectors.flags.writeable
    assert sorted(path.name for path in (tmp_path / "new" / "gallery").iterdir()) == [
        ".lock", "gallery.json",
        f"records-{opened.manifest.records_sha256[:16]}.arrow",
        f"vectors-{opened.manifest.vectors_sha256[:16]}.safetensors",
    ]  # fmt: skip


def test_half_precision_takes_half_the_space_and_stays_unit(tmp_path: Path) -> None:
    vectors = clustered(300, 64)
    full = Gallery([Study(str(row), "") for row in range(300)], vectors, "f")
    halved = full.save(tmp_path / "half", half=True)
    full.save(tmp_path / "full")
    sizes = [next((tmp_path / name).glob("vectors-*")).stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.51 * sizes[1]
    assert np.linalg.norm(halved.vectors, axis=1) == pytest.approx(np.ones(300), abs=1e-6)
    assert halved.vectors == pytest.approx(vectors, abs=1e-3)


@pytest.fixture
def _graph_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and short vectors are searched more quickly without a graph: here it is the graph that is looked at."""
    monkeypatch.setattr(tuning, "measured", lambda index, probes=None: (Costs(), True))


@pytest.mark.usefixtures("_graph_wins")
@pytest.mark.parametrize("where", ["", "view=PA", "source=rare", "view=AP source=rare"])
def test_large_gallery_agrees_with_the_oracle(tmp_path: Path, where: str) -> None:
    count = EXACT_BELOW + 1_000
    studies = [
        Study(str(row), "", view="PA" if row % 10 else "AP", source="rare" if row % 50 == 0 else "usual")
        for row in range(count)
    ]
    saved = Gallery(studies, clustered(count, 32), "f").save(tmp_path)
    assert saved.index is not None
    oracle = replace(saved, index=None)
    queries = clustered(50, 32, seed=9)
    shared_hits = 0
    for query in queries:
        fast, exact = (g.search(query, 10, parse_where(where)) for g in (saved, oracle))
        assert len(fast) == len(exact)
        shared_hits += len({hit.study.study_id for hit in fast} & {hit.study.study_id for hit in exact})
    assert shared_hits >= 0.95 * len(exact) * len(queries)


@pytest.mark.usefixtures("_graph_wins")
@pytest.mark.parametrize(
    ("k", "where", "by_graph"),
    [
        pytest.param(10, "", True, id="no filter"),
        pytest.param(10, "view=PA", True, id="light filter"),
        pytest.param(10, "view=AP", False, id="a tenth left"),
        pytest.param(1_000, "", False, id="a third of all asked"),
    ],
)
def test_cheaper_way_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, where: str, by_graph: bool
) -> None:
    studies = [Study(str(row), "", view="PA" if row % 10 else "AP") for row in range(EXACT_BELOW + 1_000)]
    gallery = Gallery(studies, clustered(len(studies), 16), "f").save(tmp_path)
    asked = []
    search = HnswIndex.search
    monkeypatch.setattr(HnswIndex, "search", lambda *arguments: asked.append(1) or search(*arguments))
    assert len(gallery.search(gallery.vectors[0], k, parse_where(where))) == min(k, 300 if where == "view=AP" else k)
    assert bool(asked) is by_graph


@pytest.mark.usefixtures("_graph_wins")
def test_filter_opposite_to_the_query_still_fills_k(tmp_path: Path) -> None:
    # The nearest half is all filtered out, so the graph alone would come back with too few.
    count = 2 * EXACT_BELOW + 200
    vectors = clustered(count, 16)
    near = np.argsort(-(vectors @ vectors[0]))[: count // 2]
    studies = [Study(str(row), "", view="PA") for row in range(count)]
    for row in near:
        studies[row] = replace(studies[row], view="AP")
    gallery = Gallery(studies, vectors, "f").save(tmp_path)
    assert len(gallery.search(vectors[0], 10, Where(view=("PA",)))) == 10


def test_build_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    films = [noise_film(seed, view="AP") for seed in range(5)]
    records = [(Study(f"s{n}", "text"), returning(film)) for n, film in enumerate(films)]
    records.insert(1, (Study("ct", ""), raising(NotAChestFilm("This is a CT."))))
    records.insert(2, (Study("gone", ""), raising(FileNotFoundError("/films/DOE^JANE.dcm"))))
    records.insert(3, (Study("bug", ""), raising(RuntimeError("DOE^JANE"))))
    records.append((Study("s0", "again"), returning(noise_film(9))))
    model = TinyEmbedder()
    gallery = Gallery.build(records, model, batch=2)
    assert [study.study_id for study in gallery.studies] == ["s0", "s1", "s2", "s3", "s4"]
    assert gallery.dropped == {
        "This is a CT.": 1,
        "The film's file cannot be read.": 1,
        "The film cannot be read (RuntimeError).": 1,
        "Another film has the same study_id.": 1,
    }
    assert gallery.vectors == pytest.approx(model.embed(films), abs=1e-6)
    assert {study.view for study in gallery.studies} == {"AP"}  # Taken from the film where the record has none.
    assert gallery.search(model.embed([films[3]])[0], 1)[0].study.study_id == "s3"


def test_build_leaves_out_a_film_without_finite_embedding() -> None:
    class Unsound(TinyEmbedder):
        def embed(self, radiographs: list[Radiograph]) -> np.ndarray:
            vectors = super().embed(radiographs)
            vectors[0] = np.nan
            return vectors

    gallery = Gallery.build([(Study(name, ""), returning(noise_film(1))) for name in "ab"], Unsound())
    assert [study.study_id for study in gallery.studies] == ["b"]
    assert gallery.dropped == {"The model gave no finite embedding.": 1}


def test_interrupt_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        Gallery.build([(Study("a", ""), raising(KeyboardInterrupt()))], TinyEmbedder())


def test_thumbnails(tmp_path: Path) -> None:
    tall, small = noise_film(1, (600, 400)), noise_film(2, (60, 40))
    records = [(Study("../../tall", ""), returning(tall)), (Study("small", ""), returning(small))]
    gallery = Gallery.build(records, TinyEmbedder(), thumbs_in=tmp_path).save(tmp_path)
    sizes = []
    for study in gallery.studies:
        path = gallery.thumbnail_path(study)
        assert path is not None
        assert path.parent == tmp_path.resolve() / "thumbs"
        with Image.open(path) as picture:
            assert picture.format == "WEBP"
            sizes.append(picture.size)
    assert sizes == [(128, 192), (40, 60)]  # Never enlarged.


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file beside the gallery's folder that no record may reach."""
    (tmp_path / "gallery" / "films").mkdir(parents=True)
    (tmp_path / "gallery" / "films" / "a.png").write_bytes(b"film")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "gallery" / "link.png").symlink_to(tmp_path / "secret.png")
    return tmp_path / "secret.png"


@pytest.mark.parametrize("field", ["image", "thumbnail"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../secret.png", id="climbs"),
        pytest.param("films/../../secret.png", id="climbs from inside"),
        pytest.param("{secret}", id="absolute"),
        pytest.param("link.png", id="symbolic link"),
        pytest.param("films", id="a folder"),
        pytest.param("films/none.png", id="missing"),
        pytest.param("films/a.png\0.txt", id="null byte"),
        pytest.param("x" * 5_000, id="endless"),
        pytest.param("", id="empty"),
    ],
)
def test_no_path_leads_out(four: Gallery, secret: Path, field: str, path: str) -> None:
    folder = secret.parent / "gallery"
    study = replace(STUDIES[0], **{field: path.format(secret=secret)})
    gallery = replace(four, studies=(study, *STUDIES[1:])).save(folder)
    for opened in (gallery, replace(gallery, image_root=folder / "films"), replace(four, folder=None)):
        assert opened.image_path(study) is None
        assert opened.thumbnail_path(study) is None


def test_image_is_found_in_the_folder_or_the_image_root(four: Gallery, secret: Path) -> None:
    folder = secret.parent / "gallery"
    inside, outside = replace(STUDIES[0], image="films/a.png"), replace(STUDIES[1], image="secret.png")
    gallery = replace(four, image_root=secret.parent).save(folder)
    assert gallery.image_path(inside) == (folder / "films" / "a.png").resolve()
    assert gallery.image_path(outside) == secret.resolve()
    assert Gallery.open(folder, image_root=folder).image_path(outside) is None


def test_saved_elsewhere_still_finds_its_pictures(four: Gallery, secret: Path, tmp_path: Path) -> None:
    here = four.save(secret.parent / "gallery")
    there = here.save(tmp_path / "copy")
    assert there.image_path(replace(STUDIES[0], image="films/a.png")) is not None


def test_join_keeps_order_and_leaves_out_repeated_ids(four: Gallery) -> None:
    first = replace(four, studies=STUDIES[:3], vectors=FOUR[:3], dropped={"x": 1})
    whole = joined([first, replace(four, dropped={"x": 2})])
    assert whole.studies == STUDIES
    np.testing.assert_array_equal(whole.vectors, FOUR)
    assert whole.dropped == {"x": 3, "Another film has the same study_id.": 3}


def test_join_refuses_galleries_of_two_models(four: Gallery) -> None:
    with pytest.raises(GalleryMismatch, match="one model"):
        joined([four, replace(four, fingerprint="e" * 64)])
