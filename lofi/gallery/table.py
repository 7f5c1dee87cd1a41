"""Studies as columns: Study ↔ Arrow, on disk as a stream of uncompressed record batches that is mapped, not read.

A ``Study`` is made when it is looked at. The file is nobody's word: its offsets are followed blindly by Arrow, so that
each is checked before the first row is read, and a compressed batch, which a few bytes can blow up, is refused.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lofi.errors import GalleryMismatch
from lofi.gallery.records import PATH_LIMIT, region_boxes
from lofi.gallery.text import REPORT_LIMIT, age_in_years, clean, clean_line
from lofi.results import Study

ROWS_A_BATCH = 65_536
STUDY_LIMIT = 2**18
"""Bytes of a study in a record file, unpacked: its report and boxes at their longest."""
HASH_BYTES = 32
TERMS_LIMIT = 8 * REPORT_LIMIT

_BOX_FIELDS = [("phrase", pa.string()), ("box", pa.list_(pa.float64())), ("label", pa.string()), ("kind", pa.string())]
_STUDY_FIELDS = [
    ("study_id", pa.string()),
    ("report", pa.string()),
    ("labels", pa.list_(pa.string())),
    ("view", pa.string()),
    ("source", pa.string()),
    ("sex", pa.string()),
    ("age", pa.float64()),
    ("patient_key", pa.string()),
    ("image", pa.string()),
    ("thumbnail", pa.string()),
]
_FILM_FIELDS = [("film_sha256", pa.binary(HASH_BYTES)), ("film_print", pa.binary(HASH_BYTES))]


def _schema(box: list[tuple[str, pa.DataType]], film: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema([*_STUDY_FIELDS, ("boxes", pa.list_(pa.struct(box))), ("simulated", pa.bool_()), *film])


_WITH_QUALITY = [*_BOX_FIELDS, ("quality", pa.string())]
SCHEMA = _schema(_WITH_QUALITY, [*_FILM_FIELDS, ("terms", pa.string())])
PARQUET_SCHEMAS = (_schema(_WITH_QUALITY, []), _schema(_BOX_FIELDS, []))
"""What galleries of format 1 had: nothing of the film itself, at first no quality of boxes either."""
_DAMAGED = "The gallery's records are damaged: build the gallery again."
_OTHER_COUNT = "The gallery's records do not fit its vectors: build the gallery again."
_OTHER_COLUMNS = "The gallery's records have other columns than expected: build the gallery again."


class Records(Sequence[Study]):
    """N studies in the columns of an Arrow table; one is made each time it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, at: int) -> Study: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Study, ...]: ...
    def __getitem__(self, at: int | slice) -> Study | tuple[Study, ...]:
        if isinstance(at, slice):
            return tuple(self[row] for row in range(len(self))[at])
        row = range(len(self))[at]  # raises IndexError, and takes numpy's whole numbers
        return next(_studies(self.table.slice(row, 1)))

    def __iter__(self) -> Iterator[Study]:
        for start in range(0, len(self), 1_024):
            yield from _studies(self.table.slice(start, 1_024))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def row_of(self, study_id: str) -> int | None:
        """The row of a study; None where there is none of that id."""
        found = pc.index(self.table["study_id"], pa.scalar(study_id, pa.string())).as_py()
        return None if found < 0 else int(found)

    @property
    def terms(self) -> list[str | None]:
        """(N,) the terms of each study, with "|" between them; None or "" where they are not known."""
        return listed(self.table["terms"]) if "terms" in self.table.column_names else [None] * len(self)

    @cached_property
    def prints(self) -> NDArray[np.uint64]:
        """(N, 4) the film prints of lofi.film.likeness; zeros where none is known."""
        return self.fixed("film_print").view(np.uint64)

    def fixed(self, name: str) -> NDArray[np.uint8]:
        """(N, 32) bytes of a column of hashes; zeros where there is none."""
        if name not in self.table.column_names:
            return np.zeros((len(self), HASH_BYTES), np.uint8)
        parts = [_bytes_of(chunk) for chunk in self.table[name].chunks]
        return np.concatenate(parts) if parts else np.zeros((0, HASH_BYTES), np.uint8)


def _bytes_of(chunk: pa.FixedSizeBinaryArray) -> NDArray[np.uint8]:
    """(n, 32) bytes of one chunk; Arrow does not say what lies under a null, so it is made zero."""
    if len(chunk) == 0 or chunk.null_count == len(chunk):
        return np.zeros((len(chunk), HASH_BYTES), np.uint8)
    data = np.frombuffer(chunk.buffers()[1], np.uint8)
    rows = data[chunk.offset * HASH_BYTES : (chunk.offset + len(chunk)) * HASH_BYTES].reshape(-1, HASH_BYTES)
    if chunk.null_count:
        rows = np.where(np.asarray(chunk.is_valid())[:, None], rows, np.uint8(0))
    return rows


def as_records(studies: Sequence[Study]) -> Records:
    """The studies as columns; themselves where they are columns already."""
    return studies if isinstance(studies, Records) else Records(table_of(studies))


def table_of(studies: Sequence[Study]) -> pa.Table:
    """The columns of studies, in order."""
    if isinstance(studies, Records) and studies.table.schema.equals(SCHEMA):
        return studies.table
    return pa.Table.from_pylist([_row(study) for study in studies], schema=SCHEMA)


def _row(study: Study) -> dict[str, Any]:
    hashes = {name: bytes.fromhex(getattr(study, name)) or None for name, _ in _FILM_FIELDS}
    return {**asdict(study), **hashes}


def _studies(table: pa.Table) -> Iterator[Study]:
    for row in listed(table):
        yield study_of(row)


def study_of(row: Mapping[str, Any]) -> Study:
    """A row as a Study. Whoever wrote it, text is cleaned again before anybody sees it."""
    return Study(
        study_id=clean_line(row["study_id"]),
        report=clean(row["report"], REPORT_LIMIT),
        labels=tuple(name for label in row["labels"] or () if (name := clean_line(label))),
        view=clean_line(row["view"]),
        source=clean_line(row["source"]),
        sex=clean_line(row["sex"]),
        age=age_in_years(row["age"]),
        patient_key=clean_line(row["patient_key"]),
        image=(row["image"] or "")[:PATH_LIMIT],
        thumbnail=(row["thumbnail"] or "")[:PATH_LIMIT],
        boxes=region_boxes(row["boxes"]),
        simulated=bool(row["simulated"]),
        film_sha256=(row.get("film_sha256") or b"").hex(),
        film_print=(row.get("film_print") or b"").hex(),
        terms=(row.get("terms") or "")[:TERMS_LIMIT],
    )


def listed(column: pa.Table | pa.Array | pa.ChunkedArray) -> list[Any]:
    """Values or rows as Python's. Raises GalleryMismatch for text that is not UTF-8, which nothing before looks at."""
    try:
        return list(column.to_pylist())
    except (pa.ArrowException, ValueError) as error:
        raise GalleryMismatch(_DAMAGED) from error


def write_records(studies: Sequence[Study], path: Path) -> None:
    """The studies as an uncompressed Arrow stream."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, SCHEMA) as writer:
        writer.write_table(table_of(studies).combine_chunks(), max_chunksize=ROWS_A_BATCH)


def map_records(path: Path, count: int) -> Records:
    """The ``count`` studies of a file of ``write_records``, mapped. Raises GalleryMismatch where it is no such file."""
    try:
        if path.stat().st_size > (count + 1) * STUDY_LIMIT:
            raise GalleryMismatch(_DAMAGED)
        source = pa.memory_map(str(path))
        for message in pa.ipc.MessageReader.open_stream(source):
            if message.type not in ("schema", "record batch") or _is_compressed(message):
                raise GalleryMismatch(_DAMAGED)
        source.seek(0)
        with pa.ipc.open_stream(source) as reader:
            if not reader.schema.equals(SCHEMA):
                raise GalleryMismatch(_OTHER_COLUMNS)
            table = reader.read_all()
        if table.num_rows != count:
            raise GalleryMismatch(_OTHER_COUNT)
        table.validate()
        if not all(_is_sound(chunk) for column in table.columns for chunk in column.chunks):
            raise GalleryMismatch(_DAMAGED)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, struct.error) as error:
        raise GalleryMismatch(_DAMAGED) from error
    return Records(table)


def _is_compressed(message: pa.ipc.Message) -> bool:
    """Whether a record batch's buffers are compressed: field 3 of RecordBatch, field 2 of Message (Message.fbs)."""
    if message.type != "record batch":
        return False
    data = message.metadata.to_pybytes()
    batch = _field(data, struct.unpack_from("<I", data)[0], 2)
    return batch is None or _field(data, batch, 3) is not None


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where the table that a field of a FlatBuffers table points to begins; None where the field is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    at = struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
    return table + at + struct.unpack_from("<I", data, table + at)[0] if at else None


def _is_sound(array: pa.Array) -> bool:
    """Whether the offsets of text and lists never fall: with ``validate``, which sees first and last, all lie inside.

    ``validate(full=True)`` would check the text as well, and read every page of it for that.
    """
    if pa.types.is_string(array.type) or pa.types.is_list(array.type):
        buffer = array.buffers()[1]
        if len(array) and buffer is not None:
            offsets = np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]
            if offsets[0] < 0 or (np.diff(offsets) < 0).any():
                return False
    if pa.types.is_list(array.type):
        return _is_sound(array.values)
    if pa.types.is_struct(array.type):
        return all(_is_sound(array.field(number)) for number in range(array.type.num_fields))
    return True


def from_parquet(data: bytes, count: int) -> Records:
    """The ``count`` studies in the records of a gallery of format 1. Raises GalleryMismatch when they are no such file.

    What the file says of its own size is compared before anything is unpacked: a few bytes can stand for gigabytes.
    """
    try:
        about = pq.read_metadata(pa.BufferReader(data))
        unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
        if about.num_rows != count:
            raise GalleryMismatch(_OTHER_COUNT)
        if not 0 <= unpacked <= (count + 1) * STUDY_LIMIT:
            raise GalleryMismatch(_DAMAGED)
        table = pq.read_table(pa.BufferReader(data))
        if not any(table.schema.equals(known) for known in PARQUET_SCHEMAS):
            raise GalleryMismatch(_OTHER_COLUMNS)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise GalleryMismatch(_DAMAGED) from error
    return Records(table)
