"""Where a gallery lies that an engine holds: what ``milvus://…`` in LOFI_GALLERY and ``--to`` says."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lofi.errors import LofiError
from lofi.gallery.login import login_line

SCHEMES = ("milvus", "milvus+tls")
HOW = (
    "A gallery in Milvus is named milvus://HOST:PORT/COLLECTION (milvus+tls:// through TLS), or milvus:///FILE.db/"
    "COLLECTION for Milvus Lite in a file; after a space may follow file:PATH, a file of one line, USER:PASSWORD or a "
    "token. A collection's name has letters, digits and _."
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)


def is_milvus(text: str) -> bool:
    """Whether a text names a gallery in Milvus, rightly or not, and no folder."""
    return text.strip().partition("://")[0] in SCHEMES and "://" in text


@dataclass(frozen=True)
class MilvusPlace:
    """``uri`` as pymilvus takes it, the ``collection``, and the ``token`` of whoever asks ("" for nobody)."""

    uri: str
    collection: str
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str) -> "MilvusPlace":
        """The place that a text names. Raises LofiError, which never shows what was written."""
        address, _, rest = text.strip().partition(" ")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise LofiError(HOW) from None
        if parts.username is not None or parts.password is not None:
            raise LofiError("The address in Milvus holds a user or password: put them into a file (file:PATH).")
        path, _, name = parts.path.rpartition("/")
        if parts.scheme not in SCHEMES or parts.query or parts.fragment or not _NAME.fullmatch(name):
            raise LofiError(HOW)
        if parts.hostname and not path and port != 0:
            kind = "https" if parts.scheme == "milvus+tls" else "http"
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return cls(
                f"{kind}://{host}:{port or 19530}",
                name,
                login_line(rest.strip(), "The file with the login to Milvus", HOW),
            )
        if not parts.netloc and path.endswith(".db") and parts.scheme == "milvus":
            return cls(path, name)
        raise LofiError(HOW)
