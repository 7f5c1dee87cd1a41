"""What the pages are made of: the modules of assets/viewer as one script for each page, and their styles as one sheet.

The modules are the source and are served as well, for whoever looks into them. All is read once, made when first asked
for, and served under the hash of it all, so that a browser may keep it for ever.
"""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

from lofi.settings import ASSETS
from lofi.ui.bundle import bundle

FOLDER = ASSETS / "viewer"
STYLES = (FOLDER / "film.css", FOLDER / "room.css", FOLDER / "archive.css")
"""Of the reading room; a study has film.css and study.css."""
PAGES = {"room.bundle.js": "page.js", "study.bundle.js": "study.js"}
"""Script of a page → the module that it begins with."""
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


@cache
def modules() -> Mapping[str, bytes]:
    """The modules by name; read once, so that no request reaches the disk."""
    return MappingProxyType({path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.js"))})


@cache
def served() -> Mapping[str, bytes]:
    """The only files that are served, by name: scripts, the sheet, modules."""
    scripts = {name: bundle(entry, modules()) for name, entry in PAGES.items()}
    return MappingProxyType({**modules(), **scripts, "room.css": b"\n".join(path.read_bytes() for path in STYLES)})


@cache
def packed(name: str) -> bytes:
    """A served file, as it goes to a browser that unpacks it. Raises KeyError."""
    return gzip.compress(served()[name], mtime=0)


@cache
def version() -> str:
    """Hash of the names and contents of all that is served: another one after any change."""
    digest = hashlib.sha256()
    for name, content in served().items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def module_routes() -> APIRouter:
    """``/lofi/viewer/<version>/<name>``: the present version's files, nothing else."""
    router = APIRouter(prefix="/lofi/viewer", include_in_schema=False)

    @router.get("/{asked}/{name}")
    def file(asked: str, name: str, request: Request) -> Response:
        if asked != version() or name not in served():
            return Response(status_code=404)
        media = _TYPES[name.rpartition(".")[2]]
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed(name), media_type=media, headers={**_HEADERS, "Content-Encoding": "gzip"})
        return Response(served()[name], media_type=media, headers=_HEADERS)

    return router
