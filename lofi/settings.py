"""Where the app finds its model and gallery and where it listens: from the environment, once, then frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lofi.errors import LofiError

ASSETS = Path(__file__).resolve().parent.parent / "assets"
BUNDLED_MODEL = ASSETS / "lofi-mini"
BUNDLED_GALLERY = ASSETS / "gallery"


@dataclass(frozen=True)
class Settings:
    """Every setting a user may turn, each an environment variable ``LOFI_<NAME>``.

    ``model`` is a folder or a hub id; ``device`` None takes a GPU when torch sees one; ``root_path`` is the path
    under which a proxy serves the app ("" for none). ``reviews`` is a folder, "off", or "" for the usual place
    (lofi.study.place); ``study`` is the definition file of a reader study to serve. ``shots`` examples from the gallery
    stand in context when a phrase is grounded (0: none); ``grounder`` names a vision-language model of transformers
    that answers instead of LoFi, with "@8bit" or "@4bit" behind it to load it so.
    """

    model: str = str(BUNDLED_MODEL)
    gallery: Path = BUNDLED_GALLERY
    device: str | None = None
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    reviews: str = ""
    study: Path | None = None
    shots: int = 4
    grounder: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from the variables of an environment.

        ``LOFI_MODEL``, ``LOFI_GALLERY``, ``LOFI_DEVICE``, ``LOFI_HOST``, ``LOFI_PORT``, ``LOFI_ROOT_PATH``,
        ``LOFI_REVIEWS``, ``LOFI_STUDY``, ``LOFI_SHOTS`` and ``LOFI_GROUNDER`` are read. An empty variable counts as
        unset. Raises LofiError on a port that is none and on another number of shots than 0 to 8.
        """
        words = ("model", "device", "host", "root_path", "reviews", "grounder")
        given = {name: value for name in words if (value := _value(environ, name))}
        gallery, port, study, shots = (_value(environ, name) for name in ("gallery", "port", "study", "shots"))
        return cls(
            **given,
            gallery=_path("LOFI_GALLERY", gallery) if gallery else BUNDLED_GALLERY,
            port=_port(port) if port else cls.port,
            study=_path("LOFI_STUDY", study) if study else None,
            shots=_shots(shots) if shots else cls.shots,
        )


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"LOFI_{name.upper()}", "").strip()


def _path(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise LofiError(f"{name} begins with ~ and a user who is not known here: write the path in full.") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise LofiError("LOFI_PORT must be a port number from 1 to 65535.")
    return int(text)


def _shots(text: str) -> int:
    if text not in tuple("012345678"):
        raise LofiError("LOFI_SHOTS must be a number from 0 to 8.")
    return int(text)
