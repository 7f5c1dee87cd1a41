"""A record of the data → what is truly known of its film: boxes, and findings that are there or are not.

A finding without a box is not absent; only these deny: ``absent`` lists, Google's NO, RSNA's class, a film read as
normal, and a report that says so. Whatever any of them affirms is not denied by another.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from train.densely import concepts as c
from train.densely.denials import denied
from train.densely.places import coded_regions

GROUPS = {
    "nih_bbox": "nih",
    "nih_pneu_normal": "nih",
    "nih_labelled": "nih",
    "nih_extra": "nih",
    "openi": "openi",
    "jsrt": "jsrt",
    "covid_chestxray": "covid",
    "rsna_normal": "rsna",
}
"""Sources whose films look alike: positives and negatives of a finding are weighed within a group."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Region:
    """A box on the film, xyxy in 0–1; ``made`` by a machine or drawn by hand."""

    box: Box
    side: str = ""
    made: bool = False


@dataclass(frozen=True)
class Film:
    """``regions`` by concept; ``present`` and ``absent`` (concept, side), side "" for anywhere.

    ``unmentioned``: findings that NIH's readers wrote nothing of in a report that names others. Half a no: they may
    have been seen and not been worth a word, so it is weighed less, teaches no place, and is never measured with.
    ``coded``: regions within which a finding that has no boxes lies, as a coded report says.
    """

    image: str
    patient: str
    group: str
    size_hw: tuple[int, int]
    regions: Mapping[str, tuple[Region, ...]]
    present: frozenset[tuple[str, str]]
    absent: frozenset[tuple[str, str]]
    unmentioned: frozenset[str]
    labelled: frozenset[str]
    dev: bool
    coded: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)

    @property
    def positive(self) -> frozenset[str]:
        """Findings that are there, on whichever side."""
        return frozenset(concept for concept, _ in self.present)


def kept_back(patient: str, share: float = 0.08) -> bool:
    """Whether a patient of the train split belongs to dev: by hash, so that it never changes."""
    return int(hashlib.sha256(patient.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF < share


def film_of(
    record: Mapping[str, Any], anatomy: Mapping[str, Sequence[float]], suspected: frozenset[str] = frozenset()
) -> Film:
    """The film of a record; ``anatomy`` holds the machine-made regions by name, where there are any.

    ``suspected`` are findings that another network thinks likely: they do not count as ``unmentioned``.
    """
    regions = _regions(record, anatomy)
    found = {concept for concept in regions if concept in c.FINDINGS}
    labelled = {name for label in record["findings"] if (name := c.of_label(label)) and name in c.FINDINGS}
    sided = {(concept, r.side) for concept in found for r in regions[concept] if r.side}
    sided |= {(concept, side) for concept, sides in _codes(record) for side in sides}
    positive = found | labelled | {concept for concept, _ in _codes(record)} | _affirmed(record)
    sided = {(concept, side) for concept, side in sided if concept not in c.SIDELESS}
    absent = {(concept, "") for concept in _denied(record, positive) - positive}
    return Film(
        image=record["image"],
        patient=record["patient_id"],
        group=GROUPS[record["source"]],
        size_hw=(record["height"], record["width"]),
        regions=regions,
        present=frozenset({(concept, "") for concept in positive} | sided),
        absent=frozenset(absent | _other_side(record, regions, positive)),
        unmentioned=frozenset(_unmentioned(record, positive) - {concept for concept, _ in absent} - suspected),
        labelled=frozenset(positive - found),
        dev=record["split"] == "train" and kept_back(record["patient_id"]),
        coded={
            concept: tuple(Region(box, side, made=True) for side, box in places)
            for concept, places in coded_regions(record.get("mesh", ()), anatomy).items()
            if concept not in regions
        },
    )


def _unmentioned(record: Mapping[str, Any], positive: set[str]) -> set[str]:
    """Of the fourteen findings that NIH's labels were mined for, those not among a film's labels, nor akin to one."""
    if GROUPS[record["source"]] != "nih" or not {c.of_label(label) for label in record["findings"]} & set(c.NIH):
        return set()
    return {concept for concept in c.NIH if not positive & c.near(concept)}


def _codes(record: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [found for code in record.get("mesh", ()) if (found := c.of_code(code))]


def _regions(record: Mapping[str, Any], anatomy: Mapping[str, Sequence[float]]) -> dict[str, tuple[Region, ...]]:
    """Boxes of findings and regions; hand-drawn ones replace the machine's of the same concept."""
    drawn: dict[str, list[Region]] = {}
    for box in record["boxes"]:
        if box["kind"] == "finding" and (concept := c.of_label(box["label"])):
            side = "" if concept in c.SIDELESS else box.get("side") or ""
            drawn.setdefault(concept, []).append(Region(tuple(box["box"]), side))
        elif box["kind"] == "anatomy" and box.get("quality") == "exact" and (place := c.of_region(box["label"])):
            drawn.setdefault(place[0], []).append(Region(tuple(box["box"]), place[1]))
    made: dict[str, list[Region]] = {}
    for name, values in anatomy.items():
        place = c.of_region(name)
        if place and place[0] not in drawn:
            x0, y0, x1, y1 = values[:4]
            made.setdefault(place[0], []).append(Region((x0, y0, x1, y1), place[1], made=True))
    return {concept: tuple(found) for concept, found in (drawn | made).items()}


def _affirmed(record: Mapping[str, Any]) -> set[str]:
    """What Google's readers or RSNA's saw."""
    google = record.get("google2019") or {}
    names = {"Fracture": "fracture", "Pneumothorax": "pneumothorax", "Airspace opacity": "lung opacity"}
    seen = {concept for name, concept in names.items() if google.get(name) == "YES"}
    return seen | ({"lung opacity"} if record.get("rsna_class") == "Lung Opacity" else set())


def _denied(record: Mapping[str, Any], positive: set[str]) -> set[str]:
    """What is said not to be there, before what is affirmed is taken off."""
    out = {concept for label in record.get("absent", ()) if (concept := c.of_label(label))}
    google = record.get("google2019") or {}
    for name, said in (
        ("Fracture", {"fracture"}),
        ("Pneumothorax", {"pneumothorax"}),
        ("Nodule or mass", {"nodule", "mass"}),
    ):
        out |= said if google.get(name) == "NO" else set()
    if google.get("Airspace opacity") == "NO" or record.get("rsna_class") == "No Lung Opacity / Not Normal":
        # Both asked for opacities of any kind that could be pneumonia; "atelectasis" they leave open.
        opaque = {"lung opacity", "pneumonia", "infiltration", "consolidation"}
        out |= set() if positive & c.near("lung opacity") else opaque
    if record["findings"] == ["No Finding"]:
        out |= set(c.FINDINGS) if record["source"] == "openi" else {*c.NIH, "lung opacity"}
    if "No Nodule" in record["findings"]:
        out |= {"nodule", "mass"}
    if record["source"] == "openi":
        out |= {said for said in denied(record.get("report") or "") if not positive & c.near(said)}
    return out


def _other_side(
    record: Mapping[str, Any], regions: Mapping[str, tuple[Region, ...]], positive: set[str]
) -> set[tuple[str, str]]:
    """ChestX-Det boxes are exhaustive: where all boxes of a finding lie on one side, the other has none."""
    if "absent_by" not in record:
        return set()
    listed = {c.of_label(box["label"]) for box in record["boxes"] if box.get("by") == "ChestX-Det"}
    out = set()
    for concept in positive & listed - c.SIDELESS:
        sides = {region.side for region in regions[concept]}
        if len(sides) == 1 and sides != {""}:
            out.add((concept, "left" if sides == {"right"} else "right"))
    return out
