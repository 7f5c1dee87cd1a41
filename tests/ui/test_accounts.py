"""The user file and its commands."""

import io
import stat
import time
from pathlib import Path

import pytest

from lofi.cli import main
from lofi.errors import LofiError
from lofi.ui.accounts import Accounts, hashed, read_users, write_users


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str, typed: str = "") -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    main(["user", *words])
    out, err = capsys.readouterr()
    return (out + err).strip()


def test_users_are_added_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ("--file", str(tmp_path / "users"))
    typed = "several words\n"
    assert command(capsys, monkeypatch, "add", "anna", *file, typed=typed) == "anna may log in."
    assert command(capsys, monkeypatch, "list", *file) == "anna"
    text = (tmp_path / "users").read_text()
    assert text.startswith("anna:$argon2id$")
    assert "several" not in text
    assert stat.S_IMODE((tmp_path / "users").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["users"]
    assert command(capsys, monkeypatch, "remove", "anna", *file) == "anna may no longer log in."
    assert command(capsys, monkeypatch, "list", *file) == "There are no users yet."
    assert command(capsys, monkeypatch, "remove", "anna", *file) == "There is no such user."


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (("add", "anna"), "short\n", "8 to 500 characters"),
        (("add", "an:na"), "several words\n", "1 to 64 letters"),
        (("add", ""), "several words\n", "1 to 64 letters"),
        (("list",), "", "cannot be read"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    typed: str,
    told: str,
) -> None:
    assert told in command(capsys, monkeypatch, *words, "--file", str(tmp_path / "users"), typed=typed)
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize("text", ["anna", "anna:plain password", "an na:$argon2id$x", ":$argon2id$x"])
def test_a_line_that_is_no_user_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "users").write_text(text)
    with pytest.raises(LofiError, match="a line that is no user"):
        read_users(tmp_path / "users")


def test_a_password_fits_its_user_only(tmp_path: Path) -> None:
    write_users(tmp_path / "users", {"anna": hashed("several words"), "ben": hashed("other words")})
    accounts = Accounts(tmp_path / "users")
    assert accounts.check("anna", "several words")
    assert accounts.check("anna", "other words") is None
    assert accounts.check("nobody", "several words") is None
    assert accounts.check("anna", "") is None
    assert accounts.check("anna", "x" * 10**6) is None


def test_an_unknown_name_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    write_users(tmp_path / "users", {"anna": hashed("several words")})
    accounts = Accounts(tmp_path / "users")

    def quickest(name: str) -> float:
        took = []
        for _ in range(7):
            began = time.process_time()
            accounts.check(name, "wrong words")
            took.append(time.process_time() - began)
        return min(took[1:])

    known, unknown = quickest("anna"), quickest("nobody")
    assert 0.5 < known / unknown < 2
