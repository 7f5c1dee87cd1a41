"""JSON that nobody vouches for: read whole or not at all, every check says no to what is almost right."""

import json
from pathlib import Path

import pytest

from lofi.files import plain


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"3", b"null", b'"a"', b"\xff\xfe{}", b'{"a": 1, "a": 1}', b'{"b": [{"a": 1, "a": 2}]}',
        b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b"[" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"a": ' + b"9" * 5_000 + b"}", b'{"a": 1} x',
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(plain.Unfit):
        plain.parse_object(data)


def test_an_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, 2.5, null, {"ä": true}]}', "utf-8")
    assert plain.read_object(path, 100) == {"a": [1, 2.5, None, {"ä": True}]}
    with pytest.raises(plain.Unfit, match="long"):
        plain.read_object(path, 10)
    with pytest.raises(OSError, match="such"):
        plain.read_object(tmp_path / "b.json", 10)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [], -1, 11, 10**400], ids=str)
def test_whole_numbers(value: object) -> None:
    assert plain.whole(0, "a", 0, 10) == 0
    with pytest.raises(plain.Unfit, match="a must be"):
        plain.whole(value, "a", 0, 10)


@pytest.mark.parametrize("value", [True, "1", None, [], -0.1, 1.1, float("nan"), float("inf"), 10**400], ids=str)
def test_numbers(value: object) -> None:
    assert plain.number(1, "a", 0, 1) == 1.0
    with pytest.raises(plain.Unfit, match="a must be"):
        plain.number(value, "a", 0, 1)


def test_text_objects_and_hashes() -> None:
    assert plain.text("x", "a") == "x"
    assert plain.mapping({}, "a") == {}
    assert plain.sha256("0" * 64, "a") == "0" * 64
    for refused in (lambda: plain.text("x" * 201, "a"), lambda: plain.text(3, "a"), lambda: plain.mapping([], "a"),
                    lambda: plain.sha256("0" * 63, "a"), lambda: plain.sha256("G" * 64, "a")):  # fmt: skip
        with pytest.raises(plain.Unfit, match="a must be"):
            refused()


def test_no_value_reaches_the_message() -> None:
    with pytest.raises(plain.Unfit) as caught:
        plain.parse_object(json.dumps({"DOE^JANE": 1})[:-1])
    assert "DOE" not in str(caught.value)
