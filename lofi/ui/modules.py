"""The page's ES modules: the scripts of assets/viewer, read once and served under the hash of them all.

The hash is part of the path, so that a module's own relative imports carry it too and every file can be kept for ever.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fastapi import APIRouter, Response

from lofi.settings import ASSETS

FOLDER = ASSETS / "viewer"
STYLES = sorted(FOLDER.glob("*.css"))
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_MOUNT = """
const root = new URL(window.gradio_config?.root || "/", window.location.href).pathname.replace(/\\/$/, "");
import(`${root}/lofi/viewer/VERSION/MODULE`).then(
  (module) => module.MOUNT(element, props),
  () => { element.textContent = "A part of the page did not arrive: reload the page."; },
);
"""


@cache
def modules() -> Mapping[str, bytes]:
    """The only files that are served, by name; read once, so that no request reaches the disk."""
    return MappingProxyType({path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.js"))})


@cache
def version() -> str:
    """Hash of the names and contents of all modules: another one after any change."""
    digest = hashlib.sha256()
    for name, content in modules().items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def mount_script(module: str, mount: str) -> str:
    """The ``js_on_load`` of a ``gr.HTML`` that the exported function ``mount`` of ``module`` draws.

    ``mount`` is called with Gradio's element and its props. Raises KeyError where there is no such module.
    """
    if module not in modules():
        raise KeyError(module)
    return _MOUNT.replace("VERSION", version()).replace("MODULE", module).replace("MOUNT", mount)


def module_routes() -> APIRouter:
    """``/lofi/viewer/<version>/<name>``: the present version's modules, nothing else."""
    router = APIRouter(prefix="/lofi/viewer", include_in_schema=False)

    @router.get("/{asked}/{name}")
    def module(asked: str, name: str) -> Response:
        content = modules().get(name) if asked == version() else None
        if content is None:
            return Response(status_code=404)
        return Response(content, media_type="text/javascript; charset=utf-8", headers=_HEADERS)

    return router
