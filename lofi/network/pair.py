"""Two dense networks asked as one, their answers averaged: trained apart, they err differently."""

from functools import cached_property

from torch import Tensor, nn

from lofi.network.dense import Asked, DenseConfig, DenseNet, Seen
from lofi.network.whole import Whole


class SeenByBoth(Seen):
    """What the first network sees of films. The second one looks when it is first asked: similar studies, which are
    shown before any question, need only the first.
    """

    network: DenseNet
    canvases: Tensor

    @cached_property
    def second(self) -> Seen:
        """What the second sees."""
        return self.network.see(self.canvases)

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, those of the second's maps among them, which are as large as the first's or smaller."""
        return 2 * super().nbytes + int(self.canvases.numel() * self.canvases.element_size())


class Pair(nn.Module):
    """``first`` and ``second`` on the same canvas, of which the second has ``share`` in every answer.

    The deepest features, and with them the vector of a whole film, are the first one's.
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

    def see(self, canvases: Tensor) -> SeenByBoth:
        """(B, S, S) canvases in 0–1 → what both see."""
        seen = SeenByBoth(*self.first.see(canvases))
        seen.network, seen.canvases = self.second, canvases
        return seen

    def embed(self, canvases: Tensor) -> Tensor:
        """(B, E) unit vectors of whole films. Raises ValueError where the first makes none."""
        return self.first.embed(canvases)

    def ask(self, seen: Seen, which: Tensor, concepts: Tensor, sides: Tensor) -> Asked:
        """As ``DenseNet.ask``: the mean of both, of logits and of edges. Raises TypeError for what one of them saw."""
        if not isinstance(seen, SeenByBoth):
            raise TypeError("a pair is asked about what it has seen itself")
        one = self.first.ask(seen, which, concepts, sides)
        other = self.second.ask(seen.second, which, concepts, sides)
        return Asked(*((1 - self.share) * a + self.share * b for a, b in zip(one, other, strict=True)))
