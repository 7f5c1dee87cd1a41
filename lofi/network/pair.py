"""Two dense networks asked as one, their answers averaged: trained apart, they err differently."""

from torch import Tensor, cat, nn

from lofi.network.dense import Asked, DenseConfig, DenseNet, Seen
from lofi.network.whole import Whole


class Pair(nn.Module):
    """``first`` and ``second`` on the same canvas, of which the second has ``share`` in every answer.

    Maps and vectors of a film stand side by side in one ``Seen``; the deepest features, and with them the vector of a
    whole film, are the first one's.
    """

    def __init__(self, first: DenseNet, second: DenseNet, share: float) -> None:
        """Raises ValueError where they know other concepts or look at other canvases."""
        super().__init__()
        if (first.config.concepts, first.config.side) != (second.config.concepts, second.config.side):
            raise ValueError("two dense networks of a pair know the same concepts and look at the same canvas")
        self.first, self.second, self.share = first, second, share

    @property
    def config(self) -> DenseConfig:
        """The first one's settings."""
        return self.first.config

    @property
    def vector(self) -> Whole | None:
        """What makes a vector of a whole film."""
        return self.first.vector

    def see(self, canvases: Tensor) -> Seen:
        """(B, S, S) canvases → what both see: ``maps`` (B, D₁ + D₂, n, n), ``whole`` (B, 2D₁ + 2D₂)."""
        one, other = self.first.see(canvases), self.second.see(canvases)
        return Seen(cat([one.maps, other.maps], 1), cat([one.whole, other.whole], 1), one.deep)

    def embed(self, canvases: Tensor) -> Tensor:
        """(B, E) unit vectors of whole films. Raises ValueError where the first makes none."""
        return self.first.embed(canvases)

    def ask(self, seen: Seen, which: Tensor, concepts: Tensor, sides: Tensor) -> Asked:
        """As ``DenseNet.ask``: the mean of both, of logits and of edges."""
        width = self.first.config.width
        one, other = (
            net.ask(Seen(maps, whole, seen.deep), which, concepts, sides)
            for net, maps, whole in (
                (self.first, seen.maps[:, :width], seen.whole[:, : 2 * width]),
                (self.second, seen.maps[:, width:], seen.whole[:, 2 * width :]),
            )
        )
        return Asked(*((1 - self.share) * a + self.share * b for a, b in zip(one, other, strict=True)))
