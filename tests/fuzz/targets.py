"""What is fuzzed: each target reads bytes that anybody may have written, and nothing but LofiError may come out."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lofi.boxes import parse_boxes
from lofi.errors import BadQuery, LofiError, UnreadableFilm
from lofi.files.sheet import cell
from lofi.film import codestream, jpeg
from lofi.film.origin import read_origin
from lofi.film.radiograph import Radiograph
from lofi.gallery.filters import Columns
from lofi.gallery.hnsw import HnswIndex
from lofi.gallery.manifest import read_manifest
from lofi.gallery.records import read_jsonl, study_from_record
from lofi.gallery.regions import RegionIndex
from lofi.gallery.storage import map_vectors
from lofi.gallery.table import from_parquet, map_records
from lofi.gallery.where import Where, parse_where
from lofi.report.phrasing import phrases_of
from lofi.report.query import checked_phrase, parse_count, parse_phrases, parse_text
from lofi.report.statements import groundable_phrases, split_report
from lofi.report.understanding import understood
from lofi.report.wanted import wanted
from lofi.study.asking import ModelAnswer
from lofi.study.definition import Definition
from lofi.study.marking import Desk, verdicts_of
from lofi.study.verdict import Decision, Verdict
from lofi.ui.asked import Asked
from tests.fuzz import seeds

PLACE = Path(tempfile.mkdtemp(prefix="fuzz-"))
"""Where targets that read files have them."""


@dataclass(frozen=True)
class Target:
    """``read`` bytes, starting from ``seeds``; ``structured`` ones are JSON, ``native`` ones reach foreign code."""

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    structured: bool = False
    native: bool = False


def film(data: bytes) -> None:
    """Films. Compressed ones beyond baseline JPEG are decoded in workers that may die, never here."""
    if data.startswith(b"\xff\xd8\xff"):
        head = jpeg.jpeg_head(data)
        if head.marker not in codestream.LOSSY or head.bits != 8:
            return
    elif any(sign in data for sign in (b"1.2.840.10008.1.2.4", b"1.2.840.10008.1.2.5", *codestream.SIGNATURES)):
        return
    Radiograph.read(data)


def stream(data: bytes) -> None:
    """The checks of a compressed image that come before its decoder: a size that cannot be stops there."""
    for syntax in (codestream.JPEG_BASELINE, codestream.JPEG_LS, "1.2.840.10008.1.2.4.90"):
        try:
            codestream.decode(data, syntax, (-1, -1), samples_per_pixel=1)
        except UnreadableFilm:
            continue
        raise AssertionError("a stream of no size was decoded")


def origin(data: bytes) -> None:
    """The header of a DICOM file as an export repeats it."""
    read_origin(data)


def records(data: bytes) -> None:
    """A file of study records."""
    (PLACE / "records.jsonl").write_bytes(data)
    for record in read_jsonl(PLACE / "records.jsonl"):
        study_from_record(record)


def parquet(data: bytes) -> None:
    """The records of a gallery of format 1, whatever hash vouches for them."""
    list(from_parquet(data, 2))


def arrow(data: bytes) -> None:
    """A gallery's records: opened, filtered, searched for a name, and each looked at."""
    found = map_records(_written("arrow", data), 2)
    columns = Columns(found)
    for name in ("view", "label"):
        columns.values(name)
    columns.select(Where(age=(0, 90), not_patient=("p1",)))
    found.row_of("s1")
    list(found)


def vectors(data: bytes) -> None:
    """A gallery's vectors."""
    map_vectors(_written("vectors", data), 40, 4)


def _written(name: str, data: bytes) -> Path:
    """A new file each time: one that is mapped must not be cut."""
    path = PLACE / name
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def index(data: bytes) -> None:
    """A gallery's index: opened and searched."""
    (PLACE / "index").write_bytes(data)
    graph = HnswIndex.load(PLACE / "index", seeds.VECTORS)
    for row in (0, 17, 39):
        graph.search(seeds.VECTORS[row], 5)


def regions(data: bytes) -> None:
    """A gallery's regions: opened and searched."""
    found = RegionIndex.map(seeds.GALLERY, _written("regions", data))
    found.search(np.ones(found.vectors.shape[1], dtype=np.float32), 3)


def gallery_manifest(data: bytes) -> None:
    """gallery.json."""
    (PLACE / "gallery.json").write_bytes(data)
    read_manifest(PLACE)


def checkpoint_manifest(data: bytes) -> None:
    """manifest.json of a checkpoint and the configuration in it; no network is built."""
    from lofi.network import checkpoint
    from lofi.network.config import ModelConfig, from_dict

    (PLACE / "checkpoint" / "manifest.json").write_bytes(data)
    from_dict(ModelConfig, checkpoint.read_manifest(PLACE / "checkpoint")["config"])


def boxes(data: bytes) -> None:
    """Boxes as the API takes them."""
    parse_boxes(data.decode("utf-8", "replace"))


def report(data: bytes) -> None:
    """A report, and everything a reader may type."""
    text = data.decode("utf-8", "replace")
    groundable_phrases(split_report(text))
    phrases_of(text)
    cell(text)
    understood(text)
    for reader in (checked_phrase, parse_phrases, parse_text, parse_count, parse_where, searched):
        try:
            reader(text)
        except BadQuery:
            continue


def searched(text: str) -> None:
    """A line to search with."""
    wanted(text, str.isascii)


def question(data: bytes) -> None:
    """A question of the page."""
    values = _loaded(data)
    if not isinstance(values, dict):
        raise BadQuery("A JSON object was expected.")
    asked = Asked(values)
    for read in (
        asked.film, asked.search_text, asked.phrases, asked.box, asked.count, asked.offset,
        lambda: asked.texts("like"), lambda: asked.text("reader"), lambda: parse_where(asked.text("where")),
        lambda: asked.part("search"),
    ):  # fmt: skip
        try:
            read()
        except LofiError:
            continue


def mark(data: bytes) -> None:
    """A mark of a reader study, on an answer with one box."""
    answer = ModelAnswer.from_text(json.dumps(seeds.ANSWER))
    verdicts_of(Desk(seeds.FILM, "AB", "f", "reading", answer), _loaded(data), {})


def verdict(data: bytes) -> None:
    """A verdict as a browser or a database row brings it."""
    values: Any = _loaded(data)
    if not isinstance(values, dict) or not set(values) <= set(seeds.VERDICT) or "decision" not in values:
        return
    if {"film", "reader", "fingerprint", "kind"} <= set(values):
        made = Verdict(**values)
        json.dumps(made.to_json())
        assert made.decision in Decision


def definition(data: bytes) -> None:
    """The file of a reader study."""
    (PLACE / "study.json").write_bytes(data)
    Definition.read(PLACE / "study.json")


def answer(data: bytes) -> None:
    """A model's answer as the database of reviews holds it."""
    json.dumps(ModelAnswer.from_text(data.decode("utf-8", "replace")).to_text())


def _loaded(data: bytes) -> Any:
    """What a JSON request brings. Raises BadQuery, as the routes do."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BadQuery("JSON was expected.") from None


def targets() -> dict[str, Target]:
    """All of them, by name."""
    return {
        "film": Target(film, seeds.films, native=True),
        "stream": Target(stream, seeds.streams),
        "origin": Target(origin, lambda: [seeds.dicom()]),
        "records": Target(records, lambda: [seeds.as_json(seeds.RECORD)], structured=True),
        "parquet": Target(parquet, lambda: [seeds.parquet()], native=True),
        "arrow": Target(arrow, lambda: [seeds.arrow(PLACE)], native=True),
        "vectors": Target(vectors, lambda: [seeds.vectors(PLACE)], native=True),
        "index": Target(index, lambda: [seeds.index(PLACE)], native=True),
        "regions": Target(regions, lambda: [seeds.regions()], native=True),
        "gallery_manifest": Target(gallery_manifest, lambda: [seeds.as_json(seeds.MANIFEST)], structured=True),
        "checkpoint_manifest": Target(checkpoint_manifest, _checkpoint, structured=True),
        "boxes": Target(boxes, lambda: [b"[[0.1, 0.2, 0.5, 0.6]]", b"[0, 0, 1, 1]"], structured=True),
        "report": Target(report, lambda: [text.encode() for text in seeds.REPORTS]),
        "question": Target(question, lambda: [seeds.as_json(seeds.QUESTION)], structured=True),
        "mark": Target(mark, lambda: [seeds.as_json(seeds.MARK), seeds.as_json(seeds.ABSENT)], structured=True),
        "verdict": Target(verdict, lambda: [seeds.as_json(seeds.VERDICT)], structured=True),
        "definition": Target(definition, lambda: [seeds.as_json(seeds.STUDY)], structured=True),
        "answer": Target(answer, lambda: [seeds.as_json(seeds.ANSWER)], structured=True),
    }


def _checkpoint() -> list[bytes]:
    """The bundled manifest, vouching for three files of no content: weights are not this target's."""
    from lofi.network import checkpoint
    from lofi.settings import BUNDLED_MODEL

    (PLACE / "checkpoint").mkdir(exist_ok=True)
    values = json.loads((BUNDLED_MODEL / checkpoint.MANIFEST).read_text("utf-8"))
    for name in checkpoint.FILES:
        (PLACE / "checkpoint" / name).write_bytes(b"")
        values["sha256"][name] = checkpoint.sha256_of(PLACE / "checkpoint" / name)
    return [seeds.as_json({**values, "data": {}, "metrics": {}})]


def clear() -> None:
    """Remove the files that targets read."""
    shutil.rmtree(PLACE, ignore_errors=True)
