"""Where reviews are kept: a folder of the setting LOFI_REVIEWS, else of the user's data or a Space's storage."""

import os
from collections.abc import Mapping
from pathlib import Path

from lofi.errors import LofiError
from lofi.space import STORAGE, in_space, storage

FILE = "reviews.sqlite"
OFF = "off"
NOT_KEPT = (
    "Reviews are not kept here: this is a public demo whose disk is shared by strangers and wiped. "
    "Run LoFi on your own machine, or attach storage to the Space."
)
SWITCHED_OFF = "Reviews are not kept here: LOFI_REVIEWS is off. Set it to a folder to keep them."


def review_file(setting: str = "", environ: Mapping[str, str] = os.environ, space_storage: Path = STORAGE) -> Path:
    """The database file for the setting LOFI_REVIEWS: "" for the usual folder, "off", or a folder.

    In a Space the usual folder is on its attached storage. Raises LofiError where reviews are not kept: switched off,
    or in a Space without storage and without a folder set by its owner.
    """
    if setting.strip().casefold() == OFF:
        raise LofiError(SWITCHED_OFF)
    if setting.strip():
        try:
            return Path(setting.strip()).expanduser() / FILE
        except RuntimeError:
            raise LofiError(
                "LOFI_REVIEWS begins with ~ and a user who is not known here: write the folder in full."
            ) from None
    if in_space(environ):
        attached = storage(environ, space_storage)
        if attached is None:
            raise LofiError(NOT_KEPT)
        return attached / "lofi" / FILE
    home = environ.get("XDG_DATA_HOME", "").strip()
    # The XDG rule: a relative path there counts as unset.
    data = Path(home) if home and Path(home).is_absolute() else Path("~/.local/share").expanduser()
    return data / "lofi" / FILE
