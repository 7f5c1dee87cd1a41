"""An export as a file that is not written yet."""

from dataclasses import dataclass

from lofi.export.case import Case


@dataclass(frozen=True)
class Written:
    """A finished export: its bytes, a file name without anything of the film's own, and its media type."""

    data: bytes
    name: str
    media_type: str


def named(case: Case, data: bytes, what: str, ending: str, media_type: str) -> Written:
    """``data`` under a name such as lofi-1a2b3c4d-case.json: the first digits of the film's hash and no more."""
    return Written(data, f"lofi-{case.film.sha256[:8] or 'film'}-{what}.{ending}", media_type)
