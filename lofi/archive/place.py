"""Where the archive is and who asks it: what LOFI_DICOMWEB says."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lofi.errors import LofiError
from lofi.gallery.login import login_line

HOW = (
    "LOFI_DICOMWEB must be the address of a DICOMweb service, such as https://pacs.example/dicom-web, and may go on "
    "with a space and file:PATH: a file of one line, USER:PASSWORD or a token."
)
_PATH = re.compile(r"[A-Za-z0-9_.~/-]*", re.ASCII)


@dataclass(frozen=True)
class Place:
    """``address`` without a slash at its end; ``user`` with ``password``, or ``token``, where the archive asks for one.

    ``authorities`` is a file of certificates to trust instead of the usual ones.
    """

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    authorities: str = ""

    @classmethod
    def of(cls, setting: str, environ: Mapping[str, str] = os.environ) -> "Place":
        """The place that a setting names. Raises LofiError, which never shows what was set."""
        address, _, rest = setting.strip().partition(" ")
        return cls(_address(address), *_credentials(rest.strip()), authorities=_authorities(environ))


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise LofiError(HOW) from None
    if parts.username is not None or parts.password is not None:
        raise LofiError("LOFI_DICOMWEB holds a user or password in its address: put them into a file (file:PATH).")
    known = parts.scheme in ("http", "https") and parts.hostname and port != 0
    if not known or parts.query or parts.fragment or not _PATH.fullmatch(parts.path) or ".." in parts.path:
        raise LofiError(HOW)
    return text.rstrip("/")


def _credentials(text: str) -> tuple[str, str, str]:
    """User, password and token in the file that is named."""
    said = login_line(text, "The file that LOFI_DICOMWEB names", HOW)
    user, colon, password = said.partition(":")
    return (user, password, "") if colon else ("", "", said.removeprefix("Bearer ").strip())


def _authorities(environ: Mapping[str, str]) -> str:
    return environ.get("REQUESTS_CA_BUNDLE", "") or environ.get("SSL_CERT_FILE", "")
