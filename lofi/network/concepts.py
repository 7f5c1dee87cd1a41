"""What a checkpoint was trained on, concept by concept, as its manifest says it: never guessed from the weights.

    "concepts": {"effusion": {"name": "pleural effusion", "films": 327, "boxes": 102, "presence": "boxes"}, …}

A checkpoint without the table says nothing: none of its concepts is called never learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lofi.files import plain

Presence = Literal["boxes", "labels", "machine", "absence"]
"""How a model was taught that a concept is there: by boxes of readers, by labels alone, by boxes that a machine
drew; or not at all, because films were only ever asked for its absence.
"""
MOST, LONGEST_NAME = 2_000, 100
MOST_FILMS = 10**9


@dataclass(frozen=True)
class Concept:
    """One concept: the phrase it is asked by, ``films`` that show it and ``boxes`` of it in the training data.

    ``figures`` are measured ones, by name: value, lower and upper bound, number of cases.
    """

    name: str
    films: int
    boxes: int
    presence: Presence
    figures: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)

    @property
    def learnt(self) -> bool:
        """Whether the model was ever shown that it is there."""
        return self.presence != "absence"

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest and in the API."""
        shown = {name: list(values) for name, values in self.figures.items()}
        about = {"name": self.name, "films": self.films, "boxes": self.boxes, "presence": self.presence}
        return {**about, "figures": shown} if shown else about


Concepts = Mapping[str, Concept]


def read_concepts(manifest: Mapping[str, Any]) -> Concepts | None:
    """The table of a manifest, None where it has none. Raises Unfit."""
    if "concepts" not in manifest:
        return None
    table = plain.mapping(manifest["concepts"], "concepts")
    if len(table) > MOST:
        raise plain.Unfit(f"concepts must be at most {MOST:,}")
    return {plain.text(key, "concepts", LONGEST_NAME): _concept(value) for key, value in table.items()}


def _concept(value: object) -> Concept:
    values = plain.mapping(value, "a concept")
    presence = plain.text(values.get("presence"), "presence of a concept")
    if presence not in get_args(Presence):
        raise plain.Unfit(f"presence of a concept must be one of {', '.join(get_args(Presence))}")
    figures = plain.mapping(values.get("figures", {}), "figures of a concept")
    return Concept(
        name=plain.text(values.get("name"), "name of a concept", LONGEST_NAME),
        films=plain.whole(values.get("films"), "films of a concept", 0, MOST_FILMS),
        boxes=plain.whole(values.get("boxes"), "boxes of a concept", 0, MOST_FILMS),
        presence=presence,  # type: ignore[arg-type]
        figures={plain.text(name, "figure", LONGEST_NAME): _figure(figure) for name, figure in figures.items()},
    )


def _figure(value: object) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4:
        raise plain.Unfit("a figure of a concept must be value, lower bound, upper bound and number of cases")
    found, low, high, cases = (plain.number(one, "a figure of a concept", -1e9, 1e9) for one in value)
    return found, low, high, cases
