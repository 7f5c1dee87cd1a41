"""The answers of the API and the command line as JSON values: one contract for both. Never a file's name."""

from typing import TYPE_CHECKING, Any

from lofi.boxes import parse_boxes
from lofi.film.radiograph import Radiograph
from lofi.report.query import parse_count, parse_phrases, parse_text

if TYPE_CHECKING:  # Reading a film needs no model, so it should not wait for torch.
    from lofi.engine import Engine

Answer = dict[str, Any]


def film_card(film: Radiograph) -> Answer:
    """What an answer says of the film itself."""
    height, width = film.size_hw
    return {
        "size": {"height": height, "width": width},
        "view": film.view,
        "kind": film.kind,
        "flags": list(film.flags),
        "sides": film.sides,
        "unfit": film.unfit,
        "spacing_at": film.spacing_at,
        "sha256": film.sha256,
    }


def read(film: Radiograph) -> Answer:
    """Everything safely known of a film, without a model."""
    spacing = None if film.spacing_mm is None else list(film.spacing_mm)
    return {"film": {**film_card(film), "bits": film.bits, "spacing_mm": spacing, "tags": dict(film.tags)}}


def search(engine: "Engine", film: Radiograph, k: object = None, where: str = "") -> Answer:
    """Similar studies."""
    hits = engine.search(film, parse_count(k), where or "")
    return {"film": film_card(film), "hits": [hit.to_json() for hit in hits]}


def search_text(engine: "Engine", text: str, k: object = None, where: str = "") -> Answer:
    """Studies that fit a text."""
    wanted = engine.wanted(parse_text(text))
    hits = engine.search_text(wanted.text, parse_count(k), where or "")
    return {"hits": [hit.to_json() for hit in hits], "notes": list(wanted.notes)}


def ground(engine: "Engine", film: Radiograph, phrases: str, anyway: bool = False) -> Answer:
    """Boxes for each phrase, one a line or between commas; of no frontal chest film only ``anyway``."""
    found = engine.ground(film, parse_phrases(phrases), anyway)
    return {"film": film_card(film), "groundings": [grounding.to_json() for grounding in found]}


def describe(engine: "Engine", film: Radiograph, boxes: str, anyway: bool = False) -> Answer:
    """A phrase for each box of a JSON list; ``anyway`` as for ``ground``."""
    regions = parse_boxes(boxes)
    phrases = engine.describe(film, regions, anyway)
    return {"film": film_card(film), "boxes": regions.tolist(), "phrases": list(phrases)}


def report(engine: "Engine", film: Radiograph) -> Answer:
    """A drafted report, sentence by sentence."""
    return {"film": film_card(film), "sentences": [sentence.to_json() for sentence in engine.report(film)]}
