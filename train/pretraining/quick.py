"""A quick look at grounding during training: mean IoU on the validation films' finding boxes."""

from collections.abc import Sequence

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.film.radiograph import Radiograph
from lofi.network.model import LofiModel
from train.data.records import FilmRecord
from train.evaluation.asking import always_answering
from train.evaluation.questions import present_questions

SETS = {"sentence": "sentence", "bare": "bare", "side": "side", "lungs": "anatomy"}
"""Name of a figure → set of train.evaluation.questions."""


def quick_grounding(model: LofiModel, records: Sequence[FilmRecord]) -> dict[str, float]:
    """Mean IoU by sentence, bare, with side, of lungs, and the share of phrases found. The full table: train.evaluate.

    IoU is that of the boxes given however unsure the model is, so that it does not swing with a threshold that is
    chosen last (train.calibrate).
    """
    always = always_answering(model)
    overlaps: dict[str, list[float]] = {name: [] for name in SETS}
    found = 0
    for record in records:
        film, asked = model.encode(Radiograph.read(record.path)), present_questions([record])
        for name, kind in SETS.items():
            for question in asked[kind]:
                answer = always.locate(film, question.phrase)
                found += answer.confidence >= model.threshold
                overlaps[name].append(set_iou(as_boxes(answer.boxes), question.boxes))
    figures = {f"iou_{name}": float(np.mean(values)) for name, values in overlaps.items() if values}
    total = sum(map(len, overlaps.values()))
    return {**figures, "found": found / max(1, total), "n": float(total)}
