"""Where the app finds its model and gallery and where it listens: from the environment, once, then frozen."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lofi import space
from lofi.errors import LofiError

_PACKAGE = Path(__file__).resolve().parent
ASSETS = _PACKAGE / "assets" if (_PACKAGE / "assets").is_dir() else _PACKAGE.parent / "assets"
"""Viewer, bundled model and gallery: inside the package where it was installed, beside it in the source tree."""
BUNDLED_MODEL = ASSETS / "lofi-mini"
BUNDLED_GALLERY = ASSETS / "gallery"
BUNDLED_EXAMPLES = ASSETS / "examples.json"

_PATH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


@dataclass(frozen=True)
class Settings:
    """Every setting a user may turn, each an environment variable ``LOFI_<NAME>``.

    ``gallery`` is a folder, or milvus://… (lofi.gallery.milvus_place); ``image_root`` is where its films lie, if not
    where it says.
    ``model`` is a folder or a hub id; ``device`` None takes a GPU when torch sees one; ``root_path`` is the path
    under which a proxy serves the app ("" for none). ``reviews`` is a folder, "off", or "" for the usual place
    (lofi.study.place); ``study`` is the definition file of a reader study to serve. ``shots`` examples from the gallery
    stand in context when a phrase is grounded (0: none; None: as lofi.engine has it); ``grounder`` names a
    vision-language model of transformers that answers instead of LoFi, with "@8bit" or "@4bit" behind it to load it so.
    ``api`` is "on", "off" or "" (on where only this machine can ask); ``hosts`` and ``proxies`` are lists
    (lofi.ui.proxies);
    ``auth`` says how somebody logs in (lofi.ui.login), ``dicomweb`` is a picture archive (lofi.archive.place),
    ``audit`` is a file (lofi.ui.audit). ``rate`` questions a minute
    and ``quota`` megabytes an hour are answered for each user or address; 0: as many as come.
    """

    model: str = str(BUNDLED_MODEL)
    gallery: Path | str = BUNDLED_GALLERY
    device: str | None = None
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    reviews: str = ""
    study: Path | None = None
    shots: int | None = None
    grounder: str = ""
    api: str = ""
    hosts: str = ""
    proxies: str = ""
    auth: str = ""
    dicomweb: str = ""
    audit: Path | None = None
    rate: int = 1200
    quota: int = 8000
    image_root: Path | None = None

    @property
    def local(self) -> bool:
        """Whether only this machine can ask."""
        return self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def api_is_on(self) -> bool:
        """Whether programs may ask, and not the page alone."""
        return self.api == "on" or (self.local and self.api != "off")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from the variables of an environment.

        Each field's variable is read; an empty one counts as unset, and stands in a Space for what suits one (_usual).
        Raises LofiError on a port that is none, on another
        number of shots than 0 to 8 and on a path, a word or a count that cannot be.
        """
        words = (
            *("model", "device", "host", "root_path", "reviews", "grounder", "api", "hosts", "proxies", "auth"),
            "dicomweb",
        )
        given = {name: value for name in words if (value := _value(environ, name))}
        _check(given)
        gallery, image_root, port, study, shots, audit, rate, quota = (
            _value(environ, name)
            for name in ("gallery", "image_root", "port", "study", "shots", "audit", "rate", "quota")
        )
        usual = _usual(environ)
        return replace(
            usual,
            **given,
            gallery=place_of("LOFI_GALLERY", gallery) if gallery else BUNDLED_GALLERY,
            image_root=_path("LOFI_IMAGE_ROOT", image_root) if image_root else None,
            port=_port(port) if port else usual.port,
            study=_path("LOFI_STUDY", study) if study else None,
            shots=_shots(shots) if shots else None,
            audit=Path(audit).expanduser() if audit else None,
            rate=_count("RATE", rate) if rate else usual.rate,
            quota=_count("QUOTA", quota) if quota else usual.quota,
        )


def _usual(environ: Mapping[str, str]) -> Settings:
    """What holds where nothing is set: for this machine alone, or for strangers in a Space.

    On ZeroGPU the small model stays on the CPU, since a card is lent to single calls only.
    """
    if not space.in_space(environ):
        return Settings()
    device = "cpu" if space.lends_gpu(environ) else None
    hosts = environ.get("SPACE_HOST", "")
    return Settings(device=device, host=space.HOST, port=space.PORT, hosts=hosts, rate=space.RATE, quota=space.QUOTA)


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"LOFI_{name.upper()}", "").strip()


def _path(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise LofiError(f"{name} begins with ~ and a user who is not known here: write the path in full.") from None


def place_of(name: str, text: str) -> Path | str:
    """Where a gallery lies: a folder, or an address (…://…) as it is written. Raises LofiError."""
    return text if "://" in text else _path(name, text)


def _check(given: Mapping[str, str]) -> None:
    if given.get("api", "on") not in ("on", "off"):
        raise LofiError("LOFI_API must be on or off.")
    if not _PATH.fullmatch(given.get("root_path", "")):
        raise LofiError("LOFI_ROOT_PATH must be a path such as /imaging/lofi, without a slash at its end.")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise LofiError("LOFI_PORT must be a port number from 1 to 65535.")
    return int(text)


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise LofiError(f"LOFI_{name} must be a whole number, 0 for no limit.")
    return int(text)


def _shots(text: str) -> int:
    if text not in tuple("012345678"):
        raise LofiError("LOFI_SHOTS must be a number from 0 to 8.")
    return int(text)
