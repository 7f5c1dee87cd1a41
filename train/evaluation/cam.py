"""Grad-CAM of a linear classifier on the model's own frozen tower: what localisation the tower gives for nothing.

The classifier is logistic regression on the mean of a film's patches. For a linear classifier on mean-pooled features
Grad-CAM (Selvaraju et al. 2017) is ReLU of the weighted sum of the feature maps, so no gradient needs computing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.optimize import minimize

from lofi.boxes import Boxes, clip, set_iou
from lofi.metrics.bootstrap import Floats
from lofi.network.encoder import EncodedFilm
from lofi.network.frame import Frame
from lofi.network.model import LofiModel
from lofi.network.vision import sinusoid_grid
from train.evaluation.asking import Plan, ask
from train.evaluation.questions import Film, Question, present_questions

CUTS = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Shares of a map's peak tried as the edge of its box; the best on training films is kept."""
RIDGE = 1e-3
FINER = 8


@dataclass(frozen=True)
class PatchMap:
    """(G, G, D) patches of one film on the square canvas, without the position codes that the tower adds."""

    grid: Floats
    frame: Frame

    @classmethod
    def of(cls, film: EncodedFilm) -> "PatchMap":
        patches = film.patches[0].float().cpu()
        side = round(len(patches) ** 0.5)
        plain = patches - sinusoid_grid(side, side, patches.shape[1])
        return cls(plain.numpy().astype(np.float32).reshape(side, side, -1).astype(np.float64), film.frame)


@dataclass(frozen=True)
class CamProbe:
    """Logistic regression of labels on pooled patches; ``weights`` (L, D), ``cut`` the share of the peak."""

    labels: tuple[str, ...]
    weights: Floats
    cut: float = 0.5

    def answer(self, film: PatchMap, question: Question) -> tuple[Boxes, Floats | None]:
        """(1, 4) box around the hottest region and the hottest point (2,); with a side, only that half is searched."""
        if question.label not in self.labels:
            return np.zeros((0, 4)), None
        heat = np.maximum(film.grid @ self.weights[self.labels.index(question.label)], 0)
        fine = np.maximum(ndimage.zoom(heat, FINER, order=1, grid_mode=True, mode="nearest"), 0)
        size = len(fine)
        middle = size // 2
        if question.side == "right":  # the patient's right is on the left of the picture
            fine[:, middle:] = 0
        elif question.side == "left":
            fine[:, :middle] = 0
        if fine.max() <= 0:
            return np.zeros((0, 4)), None
        row, column = np.unravel_index(int(fine.argmax()), fine.shape)
        regions, _ = ndimage.label(fine >= self.cut * fine.max())
        rows, columns = np.nonzero(regions == regions[row, column])
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float64) / size
        point = film.frame.points_to_film(np.array([[column + 0.5, row + 0.5]]) / size)[0]
        return clip(film.frame.to_film(box)), point


def fit_probe(model: LofiModel, films: Sequence[Film], labels: Sequence[str]) -> CamProbe:
    """A probe of the films of NIH in the train split, its cut chosen on their boxes."""
    chosen = [film for film in films if film.split == "train" and film.from_nih and (film.findings or film.boxes)]
    questions = present_questions(chosen)["bare"]
    boxed = {question.film for question in questions}

    def keep(number: int, encoded: EncodedFilm) -> tuple[Floats, PatchMap | None]:
        film = PatchMap.of(encoded)
        return film.grid.mean(axis=(0, 1)), film if number in boxed else None

    kept = ask(model, chosen, Plan(), title="Grad-CAM: training films", also=keep).also
    pooled: Floats = np.array([kept[number][0] for number in range(len(chosen))])
    maps = {number: film for number, (_, film) in kept.items() if film is not None}
    named = [{*film.findings, *(box.label for box in film.boxes)} for film in chosen]
    truth = np.array([[label in names for label in labels] for names in named], dtype=np.float64)
    probe = CamProbe(tuple(labels), logistic_weights(pooled, truth))
    scores = [
        np.mean(
            [set_iou(CamProbe(probe.labels, probe.weights, cut).answer(maps[q.film], q)[0], q.boxes) for q in questions]
        )
        for cut in CUTS
    ]
    return CamProbe(probe.labels, probe.weights, CUTS[int(np.argmax(scores))])


def logistic_weights(features: Floats, truth: Floats) -> Floats:
    """(L, D) weights on raw features of one ridge-penalised logistic regression a label, classes balanced."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    inputs = torch.from_numpy((features - mean) / spread)
    rows = []
    for column in truth.T:
        target = torch.from_numpy(column)
        share = min(max(float(column.mean()), 1e-3), 1 - 1e-3)
        balance = torch.where(target > 0, 0.5 / share, 0.5 / (1 - share))

        def loss(flat: Floats, target: torch.Tensor = target, balance: torch.Tensor = balance) -> tuple[float, Floats]:
            weights = torch.from_numpy(flat).requires_grad_()
            logits = inputs @ weights[:-1] + weights[-1]
            error = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, balance)
            total = error + RIDGE * weights[:-1].square().sum()
            (slope,) = torch.autograd.grad(total, weights)
            return float(total.detach()), slope.numpy()

        found = minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
        rows.append(found.x[:-1] / spread)
    return np.stack(rows)
