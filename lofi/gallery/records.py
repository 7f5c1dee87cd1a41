"""Study records: lines of a records.jsonl file → Study. Records are data and may be hostile."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lofi.errors import BadQuery
from lofi.gallery.text import REPORT_LIMIT, age_in_years, clean, clean_line, sex_letter, view_position
from lofi.results import RegionBox, Study

MOST_BOXES = 256
PATH_LIMIT = 1_000
_FAR = 1e300
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NOT_LABELS = {"todo", ""}


def opaque_key(text: str) -> str:
    """16 hex digits that stand for a file name or a patient number without showing it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def region_boxes(values: object) -> tuple[RegionBox, ...]:
    """Boxes of a record, clipped to the film; a malformed one is left out, the others stay."""
    found: list[RegionBox] = []
    for value in values[:MOST_BOXES] if isinstance(values, list) else ():
        if not isinstance(value, Mapping):
            continue
        corners = value.get("box")
        if not isinstance(corners, list | tuple) or len(corners) != 4:
            continue
        # Compared, for a whole number may be larger than any float; NaN and infinity fail as well.
        if not all(isinstance(c, int | float) and abs(c) < _FAR for c in corners):
            continue
        x0, y0, x1, y1 = (min(1.0, max(0.0, float(c))) for c in corners)
        if x0 < x1 and y0 < y1:
            names = {name: clean_line(value.get(name)) for name in ("phrase", "label", "kind", "quality")}
            names["kind"] = names["kind"] or "finding"
            found.append(RegionBox(box=(x0, y0, x1, y1), **names))
    return tuple(found)


def study_from_record(record: Mapping[str, Any]) -> Study:
    """One line of a records.jsonl file as a Study: ``report`` where there is one, else ``label_text``.

    ``study_id`` is the record's own where it has a plain one, else derived from the image's path so that it
    is stable and shows no file name. Unknown fields are ignored, malformed ones become "not known".
    """
    image = record.get("image")
    image = image if isinstance(image, str) and len(image) <= PATH_LIMIT else ""
    own_id = record.get("study_id")
    plain = isinstance(own_id, str) and _SAFE_ID.fullmatch(own_id)
    findings = record.get("findings")
    labels = [clean_line(label) for label in findings] if isinstance(findings, list) else []
    return Study(
        study_id=str(own_id) if plain else opaque_key(image),
        report=clean(record.get("report"), REPORT_LIMIT) or clean(record.get("label_text"), REPORT_LIMIT),
        labels=tuple(dict.fromkeys(label for label in labels if label.casefold() not in _NOT_LABELS)),
        view=view_position(record.get("view")),
        source=clean_line(record.get("source")),
        sex=sex_letter(record.get("sex")),
        age=age_in_years(record.get("age")),
        patient_key=clean_line(record.get("patient_id")),
        image=image,
        boxes=region_boxes(record.get("boxes")),
        simulated=record.get("simulated") is True,
    )


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file. Raises BadQuery with the line's number, never with its text."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    raise BadQuery(f"Line {number} of the record file is not JSON.") from None
                if not isinstance(record, dict):
                    raise BadQuery(f"Line {number} of the record file is not a JSON object.")
                yield record
    except OSError:
        raise BadQuery("The record file cannot be read.") from None
    except UnicodeDecodeError:
        raise BadQuery("The record file is not UTF-8 text.") from None
