"""The same film in two record files: one record with what both say, so that no film is trained twice."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from train.data.film import NO_FINDING
from train.data.records import FilmRecord, check_leaks, read, written


def joined(records: Iterable[FilmRecord]) -> list[FilmRecord]:
    """Each film once, in the order of its first record; a film is known by its file.

    Findings, boxes and what is denied are those of all its records; report and sentences are the first's that has any.
    Raises ValueError where two records of a film name other patients or splits.
    """
    found: dict[str, list[FilmRecord]] = {}
    for record in records:
        found.setdefault(str(record.path.resolve()), []).append(record)
    return [_one(same) for same in found.values()]


def write_joined(paths: Sequence[Path], out: Path) -> None:
    """Write the films of several record files into one. Raises ValueError as ``joined`` and ``check_leaks`` do."""
    records = joined(record for path in paths for record in read(path))
    check_leaks(records)
    write_records(records, out)


def write_records(records: Iterable[FilmRecord], out: Path) -> None:
    """A record file, whole or not at all."""
    partial = out.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(written(record), ensure_ascii=False) + "\n" for record in records)
    partial.replace(out)


def _one(records: Sequence[FilmRecord]) -> FilmRecord:
    first = records[0]
    if len(records) == 1:
        return first
    if len({(record.patient, record.split) for record in records}) > 1:
        raise ValueError(
            "a film stands in two record files under two patients or splits: make both with the same --split, or leave "
            "one of them out"
        )
    findings = tuple(dict.fromkeys(label for record in records for label in record.findings))
    present = tuple(label for label in findings if label != NO_FINDING) or findings
    boxed = {box.label for record in records for box in record.boxes}
    denied = dict.fromkeys(label for record in records for label in record.absent)
    told = next((record for record in records if record.report), first)
    said = next((record.sentences for record in (told, *records) if record.sentences), ())
    return replace(
        first,
        view=next((record.view for record in records if record.view), ""),
        findings=present,
        absent=tuple(label for label in denied if label not in present and label not in boxed),
        boxes=tuple(dict.fromkeys(box for record in records for box in record.boxes)),
        report=told.report,
        label_text=next((record.label_text for record in records if record.label_text), ""),
        sentences=said,
    )
