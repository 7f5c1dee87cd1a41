"""A quick look at grounding during training: mean IoU on the validation films' finding boxes."""

from collections.abc import Iterable, Sequence

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.model import LofiModel
from train.data.records import FilmRecord
from train.evaluation.asking import always_answering
from train.evaluation.questions import present_questions

SETS = {"sentence": "sentence", "bare": "bare", "side": "side", "lungs": "anatomy"}
"""Name of a figure → set of train.evaluation.questions."""
Look = tuple[str, float, bool]
"""Of one phrase: its set, the IoU of the boxes, and whether it was found."""


def look(model: LofiModel, records: Sequence[FilmRecord]) -> list[Look]:
    """Every phrase of the films: by sentence, bare, with side, and lungs. Films that cannot be read are passed over.

    IoU is that of the boxes given however unsure the model is, so that it does not swing with a threshold that is
    chosen last (train.calibrate).
    """
    always, rows = always_answering(model), []
    for record in records:
        try:
            film = model.encode(Radiograph.read(record.path))
        except (LofiError, OSError):
            continue
        sets = present_questions([record])
        asked = [(name, question) for name, kind in SETS.items() for question in sets[kind]]
        answers = always.locate_each([(film, question.phrase) for _, question in asked])
        for (name, question), answer in zip(asked, answers, strict=True):
            overlap = set_iou(as_boxes(answer.boxes), question.boxes)
            rows.append((name, overlap, answer.confidence >= model.threshold))
    return rows


def quick_figures(looks: Iterable[Sequence[Look]]) -> dict[str, float]:
    """Mean IoU of each set, and the share of phrases found, over what all processes saw."""
    overlaps: dict[str, list[float]] = {name: [] for name in SETS}
    rows = [row for part in looks for row in part]
    for name, overlap, _ in rows:
        overlaps[name].append(overlap)
    figures = {f"iou_{name}": float(np.mean(values)) for name, values in overlaps.items() if values}
    return {**figures, "found": sum(row[2] for row in rows) / max(1, len(rows)), "n": float(len(rows))}


def score_of(figures: dict[str, float]) -> float | None:
    """The one figure by which the best checkpoint is kept: IoU by sentence where films have sentences, else by side;
    None where no finding of a film is boxed.
    """
    return figures.get("iou_sentence", figures.get("iou_side"))
