"""What all films and all texts have in common, taken away before they are compared.

Unit vectors of chest films point nearly the same way, and so do those of their reports: the bundled model's have means
of length 0.9 and 0.8, where vectors in all directions would leave none. What they share tells no film from another and
makes a few of them everybody's neighbours (hubs; Radovanović et al. 2010, JMLR 11). Less the mean, and of unit length
again, the rest decides (Mu and Viswanath 2018, arXiv 1702.01417, for words). ``train.centre`` measures the means.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

PREFIX = "centre."
TOWER = 0.3
"""How much the image tower is asked about texts, beside 1 of the dense network."""


@dataclass(frozen=True)
class Centre:
    """(E,) means over films of training of the image ``tower``'s vectors and of the ``dense`` network's, and over their
    reports of ``texts`` as the text tower embeds them and as they are ``placed`` beside the dense network's films.
    """

    tower: Tensor
    dense: Tensor
    texts: Tensor
    placed: Tensor

    def films(self, tower: Tensor, dense: Tensor) -> Tensor:
        """Two times (n, E) unit vectors of films → (n, 2E) unit vectors, whose similarities are the mean of both."""
        return torch.cat([_less(tower, self.tower), _less(dense, self.dense)], 1) / math.sqrt(2)

    def of_texts(self, texts: Tensor, placed: Tensor) -> Tensor:
        """Two times (n, E) unit vectors of texts → (n, 2E) unit vectors to be compared with those of films.

        The dense network was taught reports, the image tower labels: what is written is asked of the former above all.
        """
        both = torch.cat([TOWER * _less(texts, self.texts), _less(placed, self.placed)], 1)
        return both / math.sqrt(1 + TOWER**2)

    def named(self) -> dict[str, Tensor]:
        """As they lie beside the dense network's weights."""
        return {PREFIX + field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, stored: Mapping[str, Tensor], width: int) -> "Centre":
        """From what lies beside the weights; nothing is taken away where nothing was measured.

        Raises ValueError where a mean is not one of ``width`` numbers, not finite or longer than a unit vector.
        """
        means = {field.name: stored.get(PREFIX + field.name, torch.zeros(width)).float() for field in fields(cls)}
        for mean in means.values():
            if mean.shape != (width,) or not bool(torch.isfinite(mean).all()) or float(mean.norm()) > 1 + 1e-3:
                raise ValueError(f"a mean of unit vectors must be {width} numbers of at most unit length")
        return cls(**means)

    def to(self, device: torch.device) -> "Centre":
        return Centre(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def _less(vectors: Tensor, mean: Tensor) -> Tensor:
    return functional.normalize(vectors.float() - mean, dim=-1)
