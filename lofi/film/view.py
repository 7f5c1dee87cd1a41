"""Values made visible: a film as a small picture, an answer as a table of text. Pixels exist only here."""

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph

PREVIEW_BYTES = 200_000

COLOURS = ("#56b4e9", "#e69f00", "#f0e442", "#cc79a7", "#2fc49a", "#ff7f3f")
"""Okabe and Ito's palette for all kinds of colour vision, green and vermilion lightened to stand out on a film."""

DASHES = ("", "9 5", "2 4", "12 4 2 4", "5 3")
"""Dash patterns in screen pixels. Five dashes and six colours: the pair repeats after thirty phrases."""


def line_of(number: int) -> tuple[str, str]:
    """Colour (#rrggbb) and dash (as SVG's stroke-dasharray, "" for solid) of the phrase with this number, from 0."""
    return COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]


def preview(film: Radiograph, side: int = 1600) -> bytes:
    """A JPEG of the film, its longer side at most ``side`` pixels, and at most 200 kB where JPEG can."""
    height, width = film.size_hw
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = film.pixels if scale == 1.0 else cv2.resize(film.pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    for quality in (90, 80, 65):
        encoded = _jpeg(grey, quality)
        if len(encoded) <= PREVIEW_BYTES:
            return encoded
    return _jpeg(grey, 40)


def _jpeg(grey: NDArray[np.uint8], quality: int) -> bytes:
    done, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("The picture could not be encoded.")
    return encoded.tobytes()


def table(answer: dict[str, Any]) -> str:
    """An answer (lofi.answers) as plain text for a terminal."""
    parts = []
    if "film" in answer:
        parts.append(_film_lines(answer["film"]))
    if "hits" in answer:
        rows = [
            (
                hit["rank"],
                f"{hit['similarity']:.3f}",
                hit["study_id"],
                hit["view"],
                ", ".join(hit["labels"]),
                hit["report"],
            )
            for hit in answer["hits"]
        ]
        parts.append(_grid(("rank", "similarity", "study", "view", "labels", "report"), rows))
    if "groundings" in answer:
        parts.append(_grid(("phrase", "found", "confidence", "box", "score"), _grounding_rows(answer["groundings"])))
    if "sentences" in answer:
        found = [(s["sentence"], "; ".join(_box(box) for box in s["boxes"])) for s in answer["sentences"]]
        parts.append(_grid(("sentence", "boxes"), found))
    if "phrases" in answer:
        regions = [(_box(box), phrase) for box, phrase in zip(answer["boxes"], answer["phrases"], strict=True)]
        parts.append(_grid(("box", "phrase"), regions))
    return "\n\n".join(parts)


def _film_lines(film: dict[str, Any]) -> str:
    size = film["size"]
    facts = [film["view"], film["kind"], f"{size['width']} × {size['height']} pixels"]
    lines = [" · ".join(fact for fact in facts if fact), *film["flags"]]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in film.get("tags", {}).items())])


def _grounding_rows(groundings: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for found in groundings:
        confidence = f"{found['confidence']:.2f}"
        if not found["found"]:
            rows.append((found["phrase"], "not found", confidence, "", ""))
        for box, score in zip(found["boxes"], found["scores"], strict=True):
            rows.append((found["phrase"], "yes", confidence, _box(box), f"{score:.2f}"))
    return rows


def _box(box: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in box)


def _grid(head: Sequence[str], rows: Sequence[Sequence[object]], widest: int = 72) -> str:
    """Columns of text, two spaces apart, long cells cut with an ellipsis."""
    if not rows:
        return "nothing found"
    cells = [[_cut(" ".join(str(cell).split()), widest) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"
