"""A quick look at grounding with and without shots while training: mean IoU on validation films already encoded."""

from dataclasses import replace

import numpy as np
import torch

from lofi.boxes import as_boxes, set_iou
from lofi.gallery.where import Where
from lofi.grounding import InContext, ShotFinder
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.network.text import BEGIN
from train.evaluation.asking import always_answering
from train.evaluation.questions import present_questions
from train.feeding.film_bank import FilmBank

COUNTS = (0, 4)


@torch.inference_mode()
def encoded(model: LofiModel, bank: FilmBank, film: int) -> EncodedFilm:
    """A film of the bank ready to be asked, with the language model as it is now."""
    language = model.network.language
    prefix = torch.from_numpy(bank.prefix[film, 0].astype(np.float32))[None].to(model.device)
    begin = language.embed(torch.tensor([[model.language_tokens.id(BEGIN)]], device=model.device))
    return replace(bank.encoded(film), cache=language.start(torch.cat([begin, prefix.to(begin)], dim=1)))


def quick_shots(model: LofiModel, bank: FilmBank, finder: ShotFinder) -> dict[str, float]:
    """Mean IoU, always answering, by sentence, bare and with side, with 0 and 4 shots; in full: train.evaluate."""
    answerer = InContext(always_answering(model))
    overlaps: dict[str, list[float]] = {}
    for film, record in enumerate(bank.records):
        ready, asked = encoded(model, bank, film), present_questions([record])
        for name in ("sentence", "bare", "side"):
            for question in asked[name]:
                hidden = Where(not_patient=(record.patient,))
                shots = finder.shots(ready, question.phrase, max(COUNTS), leave_out=hidden)
                answers = answerer.answer_each(ready, question.phrase, [shots[:count] for count in COUNTS])
                for count, answer in zip(COUNTS, answers, strict=True):
                    overlap = set_iou(as_boxes(answer.boxes), question.boxes)
                    overlaps.setdefault(f"iou_{name}_{count}_shots", []).append(overlap)
    return {name: float(np.mean(values)) for name, values in overlaps.items()}
