"""The heat map of a phrase: how far each patch of a film shows what the phrase says, and what that means for a box."""

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.boxes import Boxes
from lofi.network.consensus import Opinions
from lofi.network.decoding import FoundBoxes
from lofi.network.frame import Frame
from lofi.network.network import LofiNetwork

MAP_SIDE = 192
"""Pixels of the longer side of a heat map over a film: several for each cell of the finest network."""


def shows(network: LofiNetwork, seen: NDArray[np.float32], phrase: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M,) 0 … 1, how far the heat map finds a phrase, (E,) its embedding, in regions with (M, E) ``seen``."""
    scale, bias = float(network.local_scale.detach().exp()), float(network.local_bias.detach())
    return np.asarray(1 / (1 + np.exp(-(scale * (seen @ phrase) + bias))), dtype=np.float32)


@torch.inference_mode()
def logits(network: LofiNetwork, patches: Tensor, phrase: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) the heat map of a phrase, (E,) its embedding, on the canvas of the film with (1, P, D) ``patches``."""
    flat = network.heat(patches, torch.from_numpy(phrase)[None].to(patches.device))[0].float().cpu().numpy()
    side = round(len(flat) ** 0.5)
    return np.asarray(flat, dtype=np.float32).reshape(side, side)


def over_film(cells: NDArray[np.float32], frame: Frame, longest: int = MAP_SIDE) -> NDArray[np.float32]:
    """(n, n) logits of the canvas's cells as (h, w) probabilities over the film, of ``longest`` pixels at most."""
    scale = longest / max(frame.size_hw)
    height, width = (max(1, round(side * scale)) for side in frame.size_hw)
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    on_canvas = frame.points_to_canvas(np.stack([x.ravel(), y.ravel()], axis=1))
    at = (on_canvas * len(cells) - 0.5).astype(np.float32).reshape(height, width, 2)
    fine = cv2.remap(cells, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(1 / (1 + np.exp(-fine)), dtype=np.float32)


def agreed(answer: FoundBoxes, opinions: Opinions, within: Boxes | None = None) -> FoundBoxes:
    """The answer with its box where the language model and the ``opinions`` agree best (lofi.network.consensus), inside
    the (1, 4) canvas box ``within``. Several boxes stay as written: a heat map does not tell one from the other.
    """
    if len(answer.boxes) != 1:
        return answer
    return replace(answer, boxes=opinions.agreed(answer.boxes, within))
