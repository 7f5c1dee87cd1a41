"""Pictures over plain HTTP: of films that were opened, of studies and their thumbnails."""

from collections.abc import Callable

from fastapi import APIRouter, Response

from lofi.errors import LofiError
from lofi.ui.audit import note
from lofi.ui.holdings import Holdings
from lofi.ui.packed import Packed

_HEADERS = {"Cache-Control": "private, max-age=600", "X-Content-Type-Options": "nosniff"}


def routes(holdings: Holdings) -> APIRouter:
    """The routes below ``lofi/``; ids travel as query values, because an id may hold anything."""
    router = APIRouter(prefix="/lofi", include_in_schema=False)

    @router.get("/film")
    def film(sha256: str) -> Response:
        note("picture", sha256)
        return _picture(lambda: holdings.film_picture(sha256))

    @router.get("/study")
    def study(study_id: str) -> Response:
        return _picture(lambda: holdings.study_picture(study_id))

    @router.get("/pixels")
    def pixels(sha256: str) -> Response:
        note("pixels", sha256)
        return _full(lambda: holdings.film_pixels(sha256))

    @router.get("/study_pixels")
    def study_pixels(study_id: str) -> Response:
        return _full(lambda: holdings.study_pixels(study_id))

    @router.get("/thumbnail")
    def thumbnail(study_id: str) -> Response:
        return _picture(lambda: holdings.thumbnail(study_id))

    return router


def _picture(make: Callable[[], bytes | None]) -> Response:
    try:
        data = make()
    except (LofiError, OSError):
        data = None
    if data is None:
        return Response(status_code=404)
    return Response(data, media_type="image/webp" if data[:4] == b"RIFF" else "image/jpeg", headers=_HEADERS)


def _full(make: Callable[[], Packed | None]) -> Response:
    try:
        packed = make()
    except (LofiError, OSError):
        packed = None
    if packed is None:
        return Response(status_code=404)
    return Response(packed.body, media_type="application/octet-stream", headers={**_HEADERS, **packed.headers()})
