"""Grounding of written sentences by the rules of published papers, each figure under the name of its rule.

The paper's own (LoFi, arXiv 2603.19451): RoDeO and F1@0.5, micro over all sentences that have a box. MedRPG's (arXiv
2303.07618): sentences with exactly one box, one predicted box each. BioViL's (arXiv 2204.09817): the heat map of a
sentence over the film, whatever boxes a language model writes.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lofi.boxes import pairwise_iou
from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.grounding import contrast_to_noise, heat_iou
from lofi.network.encoder import EncodedFilm
from lofi.network.frame import Frame
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.evaluation.questions import Question
from train.evaluation.systems import BOLD, MODEL, SetResult

PAPER = ("RoDeO localisation", "RoDeO shape", "RoDeO total", "F1@0.5")
ONE_BOX, ONE_HIT = "mean IoU (MedRPG)", "accuracy IoU>0.5 (MedRPG)"
CNR, SIGNED, HEAT = "CNR (BioViL)", "CNR with sign", "heat-map mIoU (BioViL)"


def best_iou(answer: Grounding, question: Question) -> float:
    """IoU of the answer's best box with the question's only one; 0 where there is none."""
    if not answer.boxes:
        return 0.0
    best = np.asarray([answer.boxes[int(np.argmax(answer.scores))]])
    return float(pairwise_iou(best, question.boxes)[0, 0])


@torch.inference_mode()
def similarity(model: LofiModel, film: EncodedFilm, phrase: str) -> NDArray[np.float32]:
    """(h, w) cosines of the film's patches and a phrase: by the layer trained for it, where the model has one, else by
    the image tower's own pooling over each patch alone. Needs a film that was just encoded.
    """
    text = torch.from_numpy(model.embed_phrase(phrase)).to(model.device)
    if model.config.local:
        cells = model.network.seen(film.patches)[0]
    elif film.last is None:
        raise ValueError("of this film only the patches are held: encode it again")
    else:
        cells = torch.nn.functional.normalize(model.network.image.embed_cells(film.last).float(), dim=-1)
    side = round(len(cells) ** 0.5)
    return np.asarray((cells @ text).reshape(side, side).cpu().numpy(), dtype=np.float32)


def on_film(heat: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """An (h, w) map of the canvas as one of the film's own area, in canvas pixels, bilinear."""
    whole = cv2.resize(heat, (frame.side, frame.side), interpolation=cv2.INTER_LINEAR)
    (x, y), (height, width) = frame.offset_xy, frame.placed_hw
    return np.asarray(whole[y : y + height, x : x + width], dtype=np.float32)


def inside_of(question: Question, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) whether the centre of a pixel of the film lies in a target."""
    y, x = ((np.arange(size) + 0.5) / size for size in shape)
    found = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in question.targets:
        found |= ((y >= y0) & (y <= y1))[:, None] & ((x >= x0) & (x <= x1))[None]
    return found


HeatRow = tuple[float, float]
"""(signed CNR, mIoU) of the heat map of one sentence."""


def heat_rows(model: LofiModel, questions: Sequence[Question], number: int, encoded: EncodedFilm) -> dict[int, HeatRow]:
    """The rows of a film's sentences by their place in ``questions``."""
    rows = {}
    for place, question in enumerate(questions):
        if question.film == number:
            heat = on_film(similarity(model, encoded, question.phrase), encoded.frame)
            inside = inside_of(question, (heat.shape[0], heat.shape[1]))
            rows[place] = contrast_to_noise(heat, inside), heat_iou(heat, inside)
    return rows


def published_figures(
    result: SetResult, bold: Sequence[Grounding], heat: Mapping[int, HeatRow] | None, draw: tuple[int, int]
) -> dict[str, Mapping[str, Estimate]]:
    """Rule → figure → estimate, of the sentences of ``result``; ``bold`` are answers without a threshold."""
    ours = result.figures(*draw)
    found: dict[str, Mapping[str, Estimate]] = {
        f"LoFi: all boxes of a sentence, {system}": {name: ours[system][name] for name in PAPER}
        for system in (MODEL, BOLD)
    }
    single = [n for n, question in enumerate(result.questions) if len(question.targets) == 1]
    if single:
        boot = PatientBootstrap([result.patients[n] for n in single], *draw)
        overlaps: Floats = np.array([best_iou(bold[n], result.questions[n]) for n in single])
        found["MedRPG: sentences with one box, one box answered"] = {
            ONE_BOX: boot.mean(overlaps),
            ONE_HIT: boot.mean(overlaps > 0.5),
        }
    if heat is not None:
        boot = PatientBootstrap(result.patients, *draw)
        signed, shared = np.array([heat[place] for place in range(len(result.questions))]).T
        found["BioViL: heat map of a sentence"] = {
            CNR: boot.mean(np.abs(signed)),
            SIGNED: boot.mean(signed),
            HEAT: boot.mean(shared),
        }
    return found
