"""A quick look at grounding during training: mean IoU on the validation films' finding boxes."""

from collections.abc import Sequence

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.film.radiograph import Radiograph
from lofi.network.model import LofiModel
from train.data.lexicon import UNSIDED, with_side
from train.data.records import FilmRecord
from train.evaluation.asking import always_answering


def asked(record: FilmRecord, sided: bool) -> dict[str, list[tuple[float, ...]]]:
    """Phrase → boxes of a film's findings, bare or with side."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for box in record.boxes:
        if box.kind == "finding":
            side = box.side if sided and box.label not in UNSIDED else ""
            found.setdefault(with_side(box.phrase, side), []).append(box.box)
    return found


def quick_grounding(model: LofiModel, records: Sequence[FilmRecord]) -> dict[str, float]:
    """Mean IoU bare, with side, of lungs, and the share of phrases found. The full table: train.evaluate.

    IoU is that of the boxes given however unsure the model is, so that it does not swing with a threshold that is
    chosen last (train.calibrate).
    """
    always = always_answering(model)
    overlaps: dict[str, list[float]] = {"bare": [], "side": [], "lungs": []}
    found = 0
    for record in records:
        film = model.encode(Radiograph.read(record.path))
        lungs = {box.phrase: [box.box] for box in record.boxes if box.kind == "anatomy"}
        for name, phrases in (("bare", asked(record, False)), ("side", asked(record, True)), ("lungs", lungs)):
            for phrase, boxes in phrases.items():
                answer = always.locate(film, phrase)
                found += answer.confidence >= model.threshold
                overlaps[name].append(set_iou(as_boxes(answer.boxes), as_boxes(boxes)))
    figures = {f"iou_{name}": float(np.mean(values)) for name, values in overlaps.items() if values}
    total = sum(map(len, overlaps.values()))
    return {**figures, "found": found / max(1, total), "n": float(total)}
