"""How the patient stands in a picture by its header, and what turns it the usual way: head up, left on the right.

PS3.3 C.7.6.1.1.1: Patient Orientation names the direction of rows and of columns, L\\F where all is as usual.
"""

from typing import NamedTuple

from lofi.film.elements import Elements
from lofi.film.flags import MIRRORED, SIDE_UNTOLD, STOOD_UP, TURNED
from lofi.film.turn import Turn

_ACROSS, _ALONG = frozenset("LRAP"), frozenset("HF")


class Posture(NamedTuple):
    """The turn that a header asks for, whether it shows the patient from the side, and what is told with it.

    ``oriented`` says that the turned picture has the patient's left on its right by the header's own word.
    """

    turn: Turn
    sideways: bool
    flags: tuple[str, ...]
    oriented: bool = False


def posture_of(elements: Elements) -> Posture:
    """How the patient stands in the picture of a file."""
    named = [part.strip() for part in elements.text(0x0020_0020).upper().split("\\")]
    if not any(named):
        mirrored = elements.text(0x0018_7034).upper() == "YES"
        return Posture(Turn(), False, (MIRRORED,) if mirrored else ())
    # The first letter is the main direction: "LF" is a little downwards.
    row, column = ([*(name[:1] for name in named), ""])[:2]
    transpose = row in _ALONG and column in _ACROSS
    across, along = (column, row) if transpose else (row, column)
    if across not in _ACROSS or along not in _ALONG or len(named) != 2:
        return Posture(Turn(), False, (SIDE_UNTOLD,))
    # From the side neither front nor back has a usual place: such a film is never mirrored.
    turn = Turn(transpose, across == "R", along == "H")
    sideways = across in ("A", "P")
    return Posture(turn, sideways, (STOOD_UP if sideways else TURNED,) if turn else (), not sideways)
