"""The record format of ``../shared/README.md`` as frozen values, and what is known of each film."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train.data.lexicon import PHRASES

NIH_LABELS = tuple(label for label in PHRASES if label not in ("Lung Opacity", "COVID-19"))
NIH_SOURCES = frozenset({"nih_bbox", "nih_pneu_normal", "nih_labelled"})
SPLITS = ("train", "val", "test")
NORMAL = (("No Finding",), ("No Nodule",))
"""What the labels of normal films are; JSRT's films were read for nodules alone."""
PSEUDO = "pseudo"
"""Quality of a box that a model drew (train.pseudo)."""


@dataclass(frozen=True)
class BoxRecord:
    """One box of a film: 0–1 of the film, xyxy."""

    phrase: str
    label: str
    kind: str
    side: str
    box: tuple[float, float, float, float]
    quality: str = ""


@dataclass(frozen=True)
class FilmRecord:
    """One line of a record file. ``path`` is absolute.

    ``sentences`` are those of the report that may be paired with the film one by one, ``absent`` the labels that its
    set says it has not; both empty where the set does not say. ``codes``: MeSH codes of the report, as Open-i has them.
    """

    path: Path
    patient: str
    source: str
    split: str
    view: str = ""
    findings: tuple[str, ...] = ()
    boxes: tuple[BoxRecord, ...] = ()
    report: str = ""
    label_text: str = ""
    sentences: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    def says(self, box: BoxRecord) -> bool:
        """Whether the box's phrase is a sentence that was written of this film, and no template made from its label."""
        return bool(self.sentences) and box.kind == "finding" and box.quality != PSEUDO

    def known(self) -> dict[str, int]:
        """1 for labels that the film has, −1 for labels it has not; labels nobody looked for are missing.

        NIH films were read for all its labels; a film read as normal has none of them; a paediatric or COVID
        film with pneumonia says nothing about the rest. A box's label counts as present, whatever is denied.
        """
        present = {label for label in self.findings if label in PHRASES}
        present |= {box.label for box in self.boxes if box.kind == "finding" and box.label in PHRASES}
        if self.source in ("kermany_pneumonia", "covid_chestxray", "hannover_covid") and present:
            present |= {"Pneumonia", "Lung Opacity"} if present & {"Pneumonia", "COVID-19"} else set()
        facts = dict.fromkeys(present, 1)
        if "No Finding" in self.findings and not present:
            facts |= dict.fromkeys(PHRASES, -1)
        elif self.source in NIH_SOURCES or self.source == "simulated":
            facts |= {label: -1 for label in NIH_LABELS if label not in present}
        return facts | {label: -1 for label in self.absent if label in PHRASES and label not in present}


def read(path: Path, split: str | None = None) -> Iterator[FilmRecord]:
    """Records of a JSON-lines file, optionally of one split."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = parse(json.loads(line), path.parent)
            if split is None or record.split == split:
                yield record


def parse(values: dict[str, Any], root: Path) -> FilmRecord:
    """One record from its JSON object."""
    boxes = tuple(
        BoxRecord(
            phrase=box["phrase"],
            label=box["label"],
            kind=box["kind"],
            side=box.get("side") or "",
            box=tuple(box["box"]),
            quality=box.get("quality") or "",
        )
        for box in values.get("boxes") or ()
    )
    return FilmRecord(
        path=root / values["image"],
        patient=values["patient_id"],
        source=values["source"],
        split=values["split"],
        view=values.get("view") or "",
        findings=tuple(values.get("findings") or ()),
        boxes=boxes,
        report=values.get("report") or "",
        label_text=values.get("label_text") or "",
        sentences=tuple(values.get("sentences") or ()),
        absent=tuple(values.get("absent") or ()),
        codes=tuple(values.get("mesh") or ()),
    )


def written(record: FilmRecord) -> dict[str, Any]:
    """The record as the JSON object that ``parse`` reads, its path absolute."""
    boxes = [{**asdict(box), "box": list(box.box)} for box in record.boxes]
    lists = {name: list(getattr(record, name)) for name in ("findings", "sentences", "absent")}
    texts = {name: getattr(record, name) for name in ("source", "split", "view", "report", "label_text")}
    place = {"image": str(record.path.resolve()), "patient_id": record.patient}
    return {**place, **texts, **lists, "boxes": boxes, **({"mesh": list(record.codes)} if record.codes else {})}


def check_leaks(records: Sequence[FilmRecord]) -> None:
    """Raise ValueError when a patient stands in two splits."""
    home: dict[str, str] = {}
    for record in records:
        if home.setdefault(record.patient, record.split) != record.split:
            raise ValueError("a patient stands in two splits: split the records by patient")
