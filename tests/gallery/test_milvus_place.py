"""How a gallery in Milvus is named, and what becomes of one that cannot be reached. No client is needed for a name."""

from pathlib import Path

import pytest

from lofi.errors import LofiError
from lofi.gallery import Where
from lofi.gallery.milvus_place import MilvusPlace, is_milvus
from lofi.gallery.milvus_rows import expression, words
from lofi.settings import Settings


@pytest.mark.parametrize(
    ("text", "uri", "collection"),
    [
        pytest.param(
            "milvus://archive.example:19531/films", "http://archive.example:19531", "films", id="host and port"
        ),
        pytest.param(
            "milvus://archive.example/films_2", "http://archive.example:19530", "films_2", id="its usual port"
        ),
        pytest.param("milvus+tls://archive.example/films", "https://archive.example:19530", "films", id="TLS"),
        pytest.param("milvus://[::1]:7/films", "http://[::1]:7", "films", id="IPv6"),
        pytest.param("milvus:///srv/a b/all.db/films", "", "", id="a space ends the address"),
        pytest.param("milvus:///srv/all.db/films", "/srv/all.db", "films", id="Milvus Lite in a file"),
        pytest.param("milvus:///srv/all/films", "", "", id="a file without .db"),
        pytest.param("milvus://host", "", "", id="no collection"),
        pytest.param("milvus://host/a/b", "", "", id="two names"),
        pytest.param("milvus://host/fi-lms", "", "", id="a hyphen"),
        pytest.param("milvus://host:x/films", "", "", id="no port"),
        pytest.param("milvus://host/films?a=b", "", "", id="a query"),
        pytest.param("milvus://host/films key:abc", "", "", id="a login that is no file"),
        pytest.param("milvus://DOE:SECRET@host/films", "", "", id="a password in the address"),
    ],
)
def test_a_place_has_one_spelling(text: str, uri: str, collection: str) -> None:
    assert is_milvus(text)
    if uri:
        place = MilvusPlace.of(text)
        assert (place.uri, place.collection, place.token) == (uri, collection, "")
        return
    with pytest.raises(LofiError) as caught:
        MilvusPlace.of(text)
    assert "SECRET" not in str(caught.value)
    assert "host" not in str(caught.value)


def test_a_login_stands_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("root:SECRET\n")
    place = MilvusPlace.of(f"milvus://host/films file:{tmp_path / 'login'}")
    assert place.token == "root:SECRET"
    assert "SECRET" not in repr(place)
    (tmp_path / "login").write_text("\n")
    for path in (tmp_path / "login", tmp_path / "none"):
        with pytest.raises(LofiError, match="file with the login"):
            MilvusPlace.of(f"milvus://host/films file:{path}")


def test_the_setting_is_a_folder_or_an_address() -> None:
    assert Settings.from_environment({"LOFI_GALLERY": "milvus://host/films"}).gallery == "milvus://host/films"
    assert Settings.from_environment({"LOFI_GALLERY": "some/folder"}).gallery == Path("some/folder")
    assert not is_milvus("some/milvus")


def test_filters_become_expressions_that_no_word_breaks_out_of() -> None:
    assert expression(None) == expression(Where()) == ""
    hostile = 'a" or key > 0 or view == "'
    found = expression(Where(("PA", "AP"), ("F",), (40.5, 60.0), (hostile,), (), ("p1", "")))
    assert found == (
        'view in ["pa", "ap"] and sex in ["f"] and array_contains_any(labels, ["a\\" or key > 0 or view == \\""]) '
        'and years >= 41 and years <= 60 and patient not in ["p1"]'
    )
    assert expression(Where(age=(-1.0, float("inf")))) == "years >= 0"


def test_terms_are_words_that_an_analyser_leaves_whole() -> None:
    one, two = words(["pleural effusion", "no:mass"]).split()
    assert (one.isalnum(), two.isalnum(), words(["pleural effusion", ""])) == (True, True, one)
