"""Settings come from the environment once; wrong ones are told in a sentence."""

from pathlib import Path

import pytest

from lofi.errors import LofiError
from lofi.settings import BUNDLED_GALLERY, Settings


def test_defaults_are_the_bundled_model_and_gallery() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.gallery) == ("127.0.0.1", 7860, BUNDLED_GALLERY)


def test_every_variable_is_read() -> None:
    names = {"MODEL": "m", "GALLERY": "g", "DEVICE": "cpu", "HOST": "0.0.0.0", "PORT": "80", "ROOT_PATH": "/x"}
    names |= {"REVIEWS": "off", "STUDY": "s.json", "SHOTS": "2", "GROUNDER": "owner/name@4bit"}
    settings = Settings.from_environment({f"LOFI_{name}": value for name, value in names.items()})
    assert settings == Settings("m", Path("g"), "cpu", "0.0.0.0", 80, "/x", "off", Path("s.json"), 2, "owner/name@4bit")


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment({"LOFI_PORT": " ", "LOFI_GALLERY": ""}) == Settings()


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "78.5", "²"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(LofiError, match="LOFI_PORT must be"):
        Settings.from_environment({"LOFI_PORT": port})


@pytest.mark.parametrize("shots", ["9", "-1", "two", "²", "04"])
def test_a_number_of_shots_beyond_eight_is_refused(shots: str) -> None:
    with pytest.raises(LofiError, match="LOFI_SHOTS must be"):
        Settings.from_environment({"LOFI_SHOTS": shots})


def test_the_doors_variables_are_read() -> None:
    names = {"API": "off", "HOSTS": "a.example", "PROXIES": "10.0.0.1", "AUTH": "file:u", "AUDIT": "a", "RATE": "0"}
    settings = Settings.from_environment({f"LOFI_{name}": value for name, value in {**names, "QUOTA": "5"}.items()})
    assert (settings.api, settings.hosts, settings.proxies) == ("off", "a.example", "10.0.0.1")
    assert (settings.auth, settings.audit, settings.rate, settings.quota) == ("file:u", Path("a"), 0, 5)


@pytest.mark.parametrize(
    ("host", "api", "on"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("localhost", "", True),
        ("127.0.0.1", "off", False),
        ("0.0.0.0", "", False),
        ("192.0.2.1", "", False),
        ("0.0.0.0", "on", True),
    ],
)
def test_programs_are_served_where_only_this_machine_can_ask_or_where_it_is_said(host: str, api: str, on: bool) -> None:
    assert Settings(host=host, api=api).api_is_on is on


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("API", value) for value in ("yes", "1", "ON ON")),
        *(("ROOT_PATH", value) for value in ("x", "/x/", "//x", "/../x", "/x y", "http://h/x", '/x"')),
        *((name, value) for name in ("RATE", "QUOTA") for value in ("-1", "many", "1.5", "²", "9" * 10)),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(LofiError, match=f"LOFI_{name} must be"):
        Settings.from_environment({f"LOFI_{name}": value})
