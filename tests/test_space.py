"""What changes in a Space, and that nothing does elsewhere."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from lofi import space
from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.study.place import review_file
from lofi.ui.proxies import Hosts, Proxies

SPACE = {"SPACE_ID": "owner/lofi", "SPACE_HOST": "owner-lofi.hf.space"}
ZERO = {**SPACE, "SPACES_ZERO_GPU": "true"}


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A package ``spaces`` that notes what is asked of it."""
    asked: list[str] = []
    package, zero = ModuleType("spaces"), ModuleType("spaces.zero")

    def gpu(duration: int):  # type: ignore[no-untyped-def]
        asked.append(f"GPU for {duration} s")
        return lambda work: lambda *given: asked.append("lent") or work(*given)

    package.GPU, zero.startup = gpu, lambda: asked.append("ready")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", package)
    monkeypatch.setitem(sys.modules, "spaces.zero", zero)
    return asked


def test_a_space_listens_to_its_proxy_and_limits_each_visitor() -> None:
    settings = Settings.from_environment(SPACE)
    assert (settings.host, settings.port, settings.hosts) == ("0.0.0.0", 7860, "owner-lofi.hf.space")
    assert (settings.rate, settings.quota, settings.device) == (space.RATE, space.QUOTA, None)
    assert not settings.api_is_on
    hosts = Hosts(settings.hosts, settings.host)
    assert "owner-lofi.hf.space" in hosts
    assert "elsewhere.example" not in hosts


def test_what_is_set_goes_before_what_suits_a_space() -> None:
    given = {
        "LOFI_HOST": "127.0.0.1",
        "LOFI_PORT": "80",
        "LOFI_RATE": "0",
        "LOFI_QUOTA": "5",
        "LOFI_HOSTS": "a.example",
    }
    settings = Settings.from_environment({**ZERO, **given, "LOFI_DEVICE": "cuda:1"})
    assert (settings.host, settings.port, settings.rate, settings.quota) == ("127.0.0.1", 80, 0, 5)
    assert (settings.hosts, settings.device) == ("a.example", "cuda:1")


def test_a_visitor_is_whom_the_proxy_saw_and_not_whom_it_says_it_is() -> None:
    proxies = Proxies.of("", SPACE)
    said = [(b"host", b"owner-lofi.hf.space"), (b"x-forwarded-for", b"198.51.100.9, 203.0.113.4, 10.20.1.7")]
    seen = proxies.seen({"client": ("10.20.9.9", 1), "headers": said, "scheme": "http"})
    assert seen.address == "203.0.113.4"


@pytest.mark.parametrize(
    ("environ", "kept"), [(SPACE, True), ({}, False)], ids=["a Space with storage", "a folder /data elsewhere"]
)
def test_reviews_are_kept_on_attached_storage(environ: dict[str, str], kept: bool, tmp_path: Path) -> None:
    file = review_file("", environ, tmp_path)
    assert file.is_relative_to(tmp_path) is kept


def test_without_storage_a_space_keeps_no_reviews(tmp_path: Path) -> None:
    with pytest.raises(LofiError, match="attach storage"):
        review_file("", SPACE, tmp_path / "absent")


@pytest.mark.parametrize("environ", [{}, SPACE, {"SPACES_ZERO_GPU": "true"}], ids=["at home", "CPU Space", "no Space"])
def test_where_no_card_is_lent_work_is_what_it_was(environ: dict[str, str], lending: list[str]) -> None:
    assert space.with_lent_gpu(len, environ) is len
    space.begin_lending(environ)
    space.weights_are_ready(environ)
    assert lending == []


def test_on_zerogpu_a_card_is_lent_for_each_call(lending: list[str]) -> None:
    work = space.with_lent_gpu(lambda text: text.upper(), ZERO)
    assert (work("a"), work("b")) == ("A", "B")
    space.weights_are_ready(ZERO)
    assert lending == [f"GPU for {space.LENT_SECONDS} s", "lent", "lent", "ready"]


def test_on_zerogpu_the_small_model_stays_on_the_processor() -> None:
    """There torch says that it sees a card, and each use of it outside a lent call fails."""
    assert Settings.from_environment(ZERO).device == "cpu"
