"""The heat map of a phrase: how far each patch of a film shows what the phrase says, and what that means for a box."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.boxes import Boxes
from lofi.network.consensus import HeatBelief, Opinions
from lofi.network.decoding import FoundBoxes
from lofi.network.network import LofiNetwork


def shows(network: LofiNetwork, seen: NDArray[np.float32], phrase: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M,) 0 … 1, how far the heat map finds a phrase, (E,) its embedding, in regions with (M, E) ``seen``."""
    scale, bias = float(network.local_scale.detach().exp()), float(network.local_bias.detach())
    return np.asarray(1 / (1 + np.exp(-(scale * (seen @ phrase) + bias))), dtype=np.float32)


@torch.inference_mode()
def belief(network: LofiNetwork, patches: Tensor, phrase: NDArray[np.float32]) -> HeatBelief:
    """What the heat map of a phrase, (E,) its embedding, says of its place on the film with (1, P, D) ``patches``."""
    logits = network.heat(patches, torch.from_numpy(phrase)[None].to(patches.device))
    return HeatBelief(logits[0].float().cpu().numpy())


def agreed(answer: FoundBoxes, opinions: Opinions, within: Boxes | None = None) -> FoundBoxes:
    """The answer with its box where the language model and the ``opinions`` agree best (lofi.network.consensus), inside
    the (1, 4) canvas box ``within``. Several boxes stay as written: a heat map does not tell one from the other.
    """
    if len(answer.boxes) != 1:
        return answer
    return replace(answer, boxes=opinions.agreed(answer.boxes, within))
