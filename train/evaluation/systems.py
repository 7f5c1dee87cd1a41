"""Grounding by the model and by its controls, all on the same questions, all in the same table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.grounding import COLUMNS, grounding_figures, ious, question_row
from lofi.network.model import LofiModel
from lofi.network.network import LofiNetwork
from lofi.results import Grounding
from train.evaluation.asking import Plan, always_answering, ask, at_threshold
from train.evaluation.cam import CamProbe, PatchMap
from train.evaluation.controls import CentrePrior, random_boxes
from train.evaluation.questions import Film, Question

DRAWS = 20
MODEL, BOLD, WRONG, WRONG_BOLD = "model", "model, always answers", "wrong film", "wrong film, always answers"
PRIOR, RANDOM, FRESH, CAM = "centre prior", "random boxes of the right size", "untrained, always answers", "Grad-CAM"

Sets = Mapping[str, Sequence[Question]]


@dataclass(frozen=True)
class SetResult:
    """One set of questions: of each system the (n, C) rows of lofi.metrics.grounding."""

    questions: Sequence[Question]
    patients: list[str]
    rows: dict[str, Floats]

    def figures(self, resamples: int, seed: int, keep: Sequence[int] | None = None) -> dict[str, dict[str, Estimate]]:
        """System → figure → estimate, of all questions or of those numbered in ``keep``."""
        chosen = list(range(len(self.questions)) if keep is None else keep)
        patients = [self.patients[number] for number in chosen]
        return {name: grounding_figures(rows[chosen], patients, resamples, seed) for name, rows in self.rows.items()}

    def gains(self, resamples: int, seed: int) -> dict[str, Estimate]:
        """Paired differences in mean IoU: what the model has over a control on the same questions and patients."""
        boot = PatientBootstrap(self.patients, resamples, seed)
        pairs = [(MODEL, PRIOR), (BOLD, PRIOR), (MODEL, WRONG), (BOLD, WRONG_BOLD), (BOLD, FRESH), (BOLD, CAM)]
        return {
            f"{first} − {second}": boot.mean(ious(self.rows[first]) - ious(self.rows[second]))
            for first, second in pairs
            if first in self.rows and second in self.rows
        }


def grounded_rows(answers: Sequence[Grounding], questions: Sequence[Question]) -> Floats:
    """(n, C) rows of a model's answers."""
    rows = [
        question_row(np.array(answer.boxes, dtype=np.float64).reshape(-1, 4), answer.scores, question.boxes)
        for answer, question in zip(answers, questions, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))


def blind_rows(questions: Sequence[Question], prior: CentrePrior, seed: int) -> dict[str, Floats]:
    """Rows of the controls that see no film. Random boxes are the mean of 20 draws.

    A prior that no training box stands behind is left out: its zeros would flatter the model.
    """
    generator = np.random.default_rng(seed)
    drawn = [
        np.mean(
            [
                question_row(random_boxes(question, generator), [1.0] * len(question.targets), question.boxes)
                for _ in range(DRAWS)
            ],
            axis=0,
        )
        for question in questions
    ]
    rows = {RANDOM: np.array(drawn).reshape(-1, len(COLUMNS))}
    return {PRIOR: prior_rows(questions, prior), **rows} if prior.boxes else rows


def prior_rows(questions: Sequence[Question], prior: CentrePrior) -> Floats:
    """Rows of the prior's boxes."""
    guessed = []
    for question in questions:
        box = prior.answer(question)
        guessed.append(question_row(box, [1.0] * len(box), question.boxes))
    return np.array(guessed).reshape(-1, len(COLUMNS))


def model_rows(
    bold: Sequence[Grounding], wrong: Sequence[Grounding], threshold: float, questions: Sequence[Question]
) -> dict[str, Floats]:
    """Rows of the model on the right film and on another patient's, at its threshold and always answering."""
    return {
        MODEL: grounded_rows([at_threshold(answer, threshold) for answer in bold], questions),
        BOLD: grounded_rows(bold, questions),
        WRONG: grounded_rows([at_threshold(answer, threshold) for answer in wrong], questions),
        WRONG_BOLD: grounded_rows(wrong, questions),
    }


def untrained(model: LofiModel, seed: int) -> LofiModel:
    """The same configuration with fresh random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = LofiNetwork(model.config)
    return LofiModel(network, model.text_tokens, model.language_tokens, "untrained", model.device)


def untrained_rows(model: LofiModel, films: Sequence[Film], sets: Sets, seed: int) -> dict[str, Floats]:
    """Rows of the untrained model for each set; it always answers, so that only where it looks counts."""
    plan = Plan({name: [(question.film, question.phrase) for question in asked] for name, asked in sets.items()})
    answers = ask(always_answering(untrained(model, seed)), films, plan, every_film=False, title="untrained")
    return {name: grounded_rows(answers.groundings[name], asked) for name, asked in sets.items()}


def cam_rows(probe: CamProbe, maps: Mapping[int, PatchMap], questions: Sequence[Question]) -> Floats:
    """Rows of Grad-CAM, whose point is the hottest point of its map."""
    rows = []
    for question in questions:
        box, point = probe.answer(maps[question.film], question)
        rows.append(question_row(box, [1.0] * len(box), question.boxes, point))
    return np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
