"""Studies as rows of a collection in Milvus: Study ↔ row, Where → expression. No client in here.

What a filter asks for is kept folded beside the record, so that the engine compares what lofi.gallery.filters would.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lofi.errors import GalleryMismatch
from lofi.gallery.table import study_of
from lofi.gallery.text import fold
from lofi.gallery.vector_index import Vectors
from lofi.gallery.where import Where
from lofi.results import Study

TEXT_BYTES = 65_535
"""Of one text in a collection, in UTF-8."""
SHORT_BYTES = 1_200
MOST_LABELS = 256
MOST_TERMS = 3_500
UNKNOWN_AGE = -1
_SHOWN = {"report", "terms"}
"""Fields of a study that have a field of their own."""


def key_of(study_id: str) -> int:
    """The key of a study, 63 bits of a hash of its id: the same at each load, so that loading twice changes nothing.

    That a million studies hold two of one key has a chance of one in 18 million; hundred million, one in 1,800.
    """
    return int.from_bytes(hashlib.sha256(study_id.encode("utf-8", "surrogatepass")).digest()[:8]) >> 1


def row_of(study: Study, vector: Vectors, terms: Sequence[str]) -> dict[str, Any]:
    """The row of a study with its (E,) vector. Boxes that are too many for one text are left out, and only they."""
    record = {name: value for name, value in asdict(study).items() if name not in _SHOWN}
    text = _json(record)
    if len(text.encode()) > TEXT_BYTES:
        text = _json({**record, "boxes": []})
    row: dict[str, Any] = {
        "key": key_of(study.study_id),
        "record": text,
        "report": study.report,
        "words": words(terms[:MOST_TERMS]),
        "labels": [fold(label) for label in study.labels[:MOST_LABELS]],
        "view": fold(study.view),
        "sex": fold(study.sex),
        "source": fold(study.source),
        "patient": study.patient_key,
        "years": UNKNOWN_AGE if study.age is None else math.floor(study.age),
        "simulated": study.simulated,
    }
    numbers = np.asarray(vector, dtype=np.float32)
    state = hashlib.sha256(_json(row).encode() + numbers.tobytes()).hexdigest()[:32]
    return {**row, "state": state, "vector": numbers}


def words(terms: Iterable[str]) -> str:
    """Terms as words that every analyser leaves whole: of a term with spaces it would make several."""
    return " ".join(f"t{hashlib.sha256(term.encode()).hexdigest()[:15]}" for term in terms if term)


def study_of_row(row: Mapping[str, Any]) -> Study:
    """The study in a row, cleaned as one from a file is. Raises GalleryMismatch where it is none."""
    try:
        record = dict(json.loads(row["record"]))
        hashes = {name: bytes.fromhex(record[name]) for name in ("film_sha256", "film_print")}
        lists = {name: record[name] if isinstance(record[name], list) else [] for name in ("labels", "boxes")}
        return study_of({**record, **hashes, **lists, "report": row["report"]})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GalleryMismatch("The gallery's records in Milvus are damaged: load it again with --to.") from error


def expression(where: Where | None) -> str:
    """What Milvus is asked to filter by; "" for nothing."""
    if where is None:
        return ""
    parts = [
        f"{name} in {_json([fold(value) for value in wanted])}"
        for name in ("view", "sex", "source")
        if (wanted := getattr(where, name))
    ]
    if where.label:
        parts.append(f"array_contains_any(labels, {_json([fold(label) for label in where.label])})")
    if where.age is not None:
        low, high = where.age
        parts.append(f"years >= {max(0, math.ceil(low))}")
        if math.isfinite(high):
            parts.append(f"years <= {math.floor(high)}")
    if hidden := [key for key in where.not_patient if key]:
        parts.append(f"patient not in {_json(hidden)}")
    return " and ".join(parts)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
