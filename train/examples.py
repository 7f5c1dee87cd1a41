"""Choose the examples that the page offers: for each label a bundled study on which the bundled model finds it.

python -m train.examples

Asks every study of the bundled gallery that has one label for it, as a reader would, prints what came of it and writes
``assets/examples.json``. Run it again whenever the bundled model or gallery has changed: a test asks each example anew.
"""

import json
import sys
from dataclasses import asdict, dataclass

import lofi
from lofi.boxes import as_boxes, set_iou
from lofi.engine import Engine
from lofi.results import Grounding, Study
from lofi.settings import BUNDLED_EXAMPLES, Settings

NORMAL = "No Finding"
FOUND = 0.3
"""The IoU of all boxes with all true ones above which a finding counts as found where it is."""
WELL = 0.4
"""Above this it is found well enough: other machines round otherwise."""


@dataclass(frozen=True)
class Example:
    """A study, its label, and how well its boxes were found: 0 where nothing was."""

    study_id: str
    label: str
    iou: float


def overlap(study: Study, label: str, answer: Grounding) -> float:
    """IoU of the answer's boxes with those of the record, 0 where the finding was not found."""
    true = as_boxes([box.box for box in study.boxes if box.kind == "finding" and box.label == label])
    return set_iou(as_boxes(answer.boxes), true) if answer.found and len(answer.boxes) else 0.0


def asked(engine: Engine, study: Study) -> Example:
    """The study, asked for its label."""
    assert engine.gallery is not None
    path, label = engine.gallery.image_path(study), study.labels[0]
    assert path is not None
    answer = next(iter(engine.ground(lofi.Radiograph.read(path), [label])))
    return Example(study.study_id, label, round(overlap(study, label, answer), 3))


def choose(engine: Engine) -> dict[str, Example]:
    """The first study of each label on which it is found well; the best of them where it is on none."""
    best: dict[str, Example] = {}
    for study in engine.gallery.studies:
        label = study.labels[0] if len(study.labels) == 1 else NORMAL
        if label == NORMAL or (label in best and best[label].iou > WELL):
            continue
        example = asked(engine, study)
        print(f"{example.study_id} {label:16} {example.iou:.3f}", flush=True)
        best[label] = max(best.get(label, example), example, key=lambda one: one.iou)
    return best


def main() -> None:
    """Choose and write."""
    engine = Engine.open(Settings())
    best = choose(engine)
    chosen = [asdict(one) for one in sorted(best.values(), key=lambda one: (one.iou <= FOUND, one.label))]
    content = {"model": engine.model.fingerprint, "found_above": FOUND, "examples": chosen}
    BUNDLED_EXAMPLES.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
