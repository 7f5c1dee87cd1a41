"""What an adapter yields: a film with all that its set says of it, in the record format of ``../shared/README.md``.

A line of ``records.jsonl`` has the fields that ``train.data.records`` and ``lofi.gallery`` read, and these beside them,
which readers that do not know them pass over: ``sentences`` (what may be paired with the film one by one: no gaps left
by de-identification), ``absent`` (labels that the set itself says the film has not), ``study`` (films of one
examination share it) and ``quality`` "weak" of a box whose extent is that of an anatomical region. ``image`` is
relative to the file's folder where the film lies in it, else absolute: films stay where their licence put them. Parquet
holds the same.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from train.data.lexicon import CANONICAL
from train.data.records import BoxRecord

NO_FINDING = "No Finding"
_ROWS = 4_096
_TEXTS = pa.list_(pa.string())
_BOX = pa.struct(
    [(name, pa.string()) for name in ("phrase", "label", "kind", "side", "quality")] + [("box", pa.list_(pa.float64()))]
)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image", "split", "patient_id", "study", "source", "view", "sex", "age")),
        *((name, pa.int32()) for name in ("width", "height")),
        *((name, pa.string()) for name in ("report", "report_kind", "label_text")),
        *((name, _TEXTS) for name in ("findings", "absent", "sentences")),
        ("boxes", pa.list_(_BOX)),
    ]
)


@dataclass(frozen=True)
class Film:
    """One film. ``patient`` begins with the name of the hospital's set, so that sets made from the same films agree.

    ``boxes`` are 0–1 xyxy of the original film. ``width`` and ``height`` are those of the file, 0 until it was opened.
    """

    path: Path
    patient: str
    source: str
    split: str
    study: str = ""
    view: str = ""
    sex: str = ""
    age: float | None = None
    findings: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    report: str = ""
    report_kind: str = ""
    sentences: tuple[str, ...] = ()
    boxes: tuple[BoxRecord, ...] = ()
    width: int = 0
    height: int = 0

    @property
    def label_text(self) -> str:
        """A sentence made from the labels, for films without a report."""
        present = [CANONICAL.get(label, label) for label in self.findings if label != NO_FINDING]
        if self.report or not self.findings:
            return ""
        said = f"Findings: {', '.join(present)}." if present else "No acute finding."
        return f"{self.view or 'Frontal'} chest radiograph. {said}"

    def record(self, folder: Path) -> dict[str, Any]:
        """The film as one line of a record file that lies in ``folder``."""
        path, base = self.path.resolve(), folder.resolve()
        return {
            "image": path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix(),
            "width": self.width,
            "height": self.height,
            "split": self.split,
            "patient_id": self.patient,
            "study": self.study,
            "source": self.source,
            "view": self.view,
            "sex": self.sex,
            "age": "" if self.age is None else f"{self.age:g}",
            "findings": list(self.findings),
            "absent": list(self.absent),
            "report": self.report,
            "report_kind": self.report_kind,
            "sentences": list(self.sentences),
            "label_text": self.label_text,
            "boxes": [asdict(box) | {"box": list(box.box)} for box in self.boxes],
        }


class FilmWriter:
    """Writes ``records.jsonl`` and ``records.parquet`` side by side, under partial names until ``publish``."""

    NAMES = ("records.jsonl", "records.parquet")

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lines = self.partial(0).open("w", encoding="utf-8", newline="\n")
        self._parquet = pq.ParquetWriter(self.partial(1), SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def partial(self, number: int) -> Path:
        """Where file ``number`` of NAMES is written."""
        return self._folder / f"{self.NAMES[number]}.partial"

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._lines.close()
        self._parquet.close()

    def add(self, film: Film) -> None:
        """Append one film."""
        row = film.record(self._folder)
        self._lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows = []

    def publish(self) -> None:
        """Give the files their names. Call it after closing, when the records were found sound."""
        for number, name in enumerate(self.NAMES):
            self.partial(number).replace(self._folder / name)

    def discard(self) -> None:
        """Remove the partial files."""
        for number in range(len(self.NAMES)):
            self.partial(number).unlink(missing_ok=True)


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a ``records.parquet``, as the objects of ``records.jsonl`` are."""
    for batch in pq.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()
