"""How a film as it is shown differs from the picture as it is stored: what was on the left, what stood on its head."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lofi.results import Box


@dataclass(frozen=True)
class Turn:
    """What was done to a picture as it is stored, in this order. Boxes are in 0–1 of the picture."""

    transpose: bool = False
    mirror: bool = False
    upend: bool = False

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return self.transpose or self.mirror or self.upend

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """(H, W) as it is shown, of (H, W) as it is stored; of the other height and width where transposed."""
        turned = pixels.T if self.transpose else pixels
        return turned[:: -1 if self.upend else 1, :: -1 if self.mirror else 1]

    def stored_box(self, box: Box) -> Box:
        """A box of the film as it is shown, on the picture as it is stored."""
        x0, y0, x1, y1 = box
        if self.mirror:
            x0, x1 = 1 - x1, 1 - x0
        if self.upend:
            y0, y1 = 1 - y1, 1 - y0
        return (y0, x0, y1, x1) if self.transpose else (x0, y0, x1, y1)

    def swapped(self, pair: tuple[Any, Any]) -> tuple[Any, Any]:
        """(row, column) of the stored picture as that of the shown one, or back."""
        return (pair[1], pair[0]) if self.transpose else pair


UPRIGHT = Turn()
"""As it is stored."""
