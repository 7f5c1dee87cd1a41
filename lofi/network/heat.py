"""The heat map of a phrase: how far each patch of a film shows what the phrase says, and what that means for a box."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lofi.boxes import Boxes
from lofi.network.consensus import HeatBelief
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


def agreed(answer: FoundBoxes, heat: HeatBelief | None, share: float, within: Boxes | None = None) -> FoundBoxes:
    """The answer with its box where language model and heat map agree best (lofi.network.consensus), ``share`` the
    heat map's weight (train.calibrate chooses it, the manifest keeps it), inside the (1, 4) canvas box ``within``.
    Several boxes stay as written: the heat map does not tell one from the other. Without a heat map the answer stays.
    """
    if heat is None or len(answer.boxes) != 1:
        return answer
    return replace(answer, boxes=heat.agreed(answer.boxes, share, within))
