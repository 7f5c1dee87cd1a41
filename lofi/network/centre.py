"""What films and texts have in common, and what tells a film's source, taken away before they are compared.

Unit vectors of chest films point nearly the same way, and so do those of their reports: the bundled model's have means
of length 0.9 and 0.8, where vectors in all directions would leave none. What they share tells no film from another and
makes a few of them everybody's neighbours (hubs; Radovanović et al. 2010, JMLR 11). Less the mean, and of unit length
again, the rest decides (Mu and Viswanath 2018, arXiv 1702.01417, for words).

What is left still tells one collection's normal films from another's, and puts films of one hospital side by side. From
films the directions that read the source off are taken as well, so that no linear probe finds it in what they were
measured on (LEACE: Belrose et al. 2023, arXiv 2306.03819). ``train.centre`` measures both.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

PREFIX = "centre."
MEANS, SOURCES = ("tower", "dense", "texts", "placed"), ("tower_source", "dense_source")
MOST = 16
"""Directions that may be taken away: one fewer than there are sources."""
TOWER = 0.3
"""How much the image tower is asked about texts, beside 1 of the dense network."""


@dataclass(frozen=True)
class Centre:
    """(E,) means over films of training of the image ``tower``'s vectors and of the ``dense`` network's, and over their
    reports of ``texts`` as the text tower embeds them and as they are ``placed`` beside the dense network's films.

    ``tower_source`` and ``dense_source`` (2, r, E), r 0 where nothing was measured: what reads the source off a film's
    vector less the mean, and what is taken from it for each number read.
    """

    tower: Tensor
    dense: Tensor
    texts: Tensor
    placed: Tensor
    tower_source: Tensor
    dense_source: Tensor

    def films(self, tower: Tensor, dense: Tensor) -> Tensor:
        """Two times (n, E) unit vectors of films → (n, 2E) unit vectors, whose similarities are the mean of both."""
        both = [_less(tower, self.tower, self.tower_source), _less(dense, self.dense, self.dense_source)]
        return torch.cat(both, 1) / math.sqrt(2)

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

        Raises ValueError where a mean is not one of ``width`` numbers, not finite or longer than a unit vector, or what
        tells the source is no such thing.
        """
        means = {name: stored.get(PREFIX + name, torch.zeros(width)).float() for name in MEANS}
        for mean in means.values():
            if mean.shape != (width,) or not bool(torch.isfinite(mean).all()) or float(mean.norm()) > 1 + 1e-3:
                raise ValueError(f"a mean of unit vectors must be {width} numbers of at most unit length")
        sources = {name: stored.get(PREFIX + name, torch.zeros(2, 0, width)).float() for name in SOURCES}
        for source in sources.values():
            fits = source.ndim == 3 and source.shape[::2] == (2, width) and source.shape[1] <= MOST
            if not fits or not bool(torch.isfinite(source).all()):
                raise ValueError(f"what tells the source must be two times at most {MOST} rows of {width} numbers")
        return cls(**means, **sources)

    def to(self, device: torch.device) -> "Centre":
        return Centre(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def _less(vectors: Tensor, mean: Tensor, source: Tensor | None = None) -> Tensor:
    rest = vectors.float() - mean
    if source is not None:
        rest = rest - rest @ source[0].T @ source[1]
    return functional.normalize(rest, dim=-1)
