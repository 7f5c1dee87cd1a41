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
