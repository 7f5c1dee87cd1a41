"""The case on the screen grows answer by answer and is never left busy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from lofi.engine import Engine
from lofi.errors import BadQuery
from lofi.results import Grounding, Hit, Study
from lofi.ui.case import Case, grow
from lofi.view import COLOURS, DASHES

CARD = {"size": {"height": 3, "width": 2}, "view": "PA", "kind": "PNG", "flags": [], "sha256": "a"}
CASE = Case(turn=1, title="Your film", film=CARD, phrases=("mass", "effusion"))


class Clockwork:
    """Stands in for the engine: what is tested here is the order of the answers, not the answers."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.asked: list[str] = []

    def search(self, film: str, where: str, leave_out: Study | None) -> tuple[Hit, ...]:
        return (Hit(Study("s1", "Clear lungs."), 0.5, 1),)

    def ground(self, film: str, phrases: Sequence[str]) -> Iterator[Grounding]:
        for phrase in phrases:
            if self.fails:
                raise BadQuery("This phrase is too long.")
            self.asked.append(phrase)
            yield Grounding(phrase, True, 0.9, ((0.1, 0.2, 0.3, 0.4),), (0.8,))


def growth(engine: Any, case: Case) -> list[Case]:
    return list(grow(cast(Engine, engine), case))


def test_hits_come_before_the_first_phrase_is_answered() -> None:
    steps = growth(Clockwork(), CASE)
    assert [(step.hits is not None, len(step.groundings), step.busy) for step in steps] == [
        (False, 0, True),
        (True, 0, True),
        (True, 1, True),
        (True, 2, True),
        (True, 2, False),
    ]


def test_known_phrases_are_not_asked_again_and_keep_the_order_of_the_field() -> None:
    engine = Clockwork()
    done = growth(engine, CASE)[-1]
    again = growth(engine, replace(done, phrases=("nodule", "mass")))[-1]
    assert engine.asked == ["mass", "effusion", "nodule"]
    assert [finding["phrase"] for finding in again.to_json()["findings"]] == ["nodule", "mass"]


def test_a_failure_leaves_the_case_at_rest() -> None:
    seen: list[Case] = []
    steps = grow(cast(Engine, Clockwork(fails=True)), CASE)
    with pytest.raises(BadQuery):
        seen.extend(steps)  # keeps what came before the error
    assert not seen[-1].busy
    assert seen[-1].hits is not None
    assert {finding["state"] for finding in seen[-1].to_json()["findings"]} == {"stopped"}


def test_without_a_film_nothing_happens() -> None:
    assert growth(Clockwork(), Case(phrases=("mass",))) == []


def test_thirty_phrases_have_thirty_looks() -> None:
    findings = replace(CASE, phrases=tuple(map(str, range(30)))).to_json()["findings"]
    assert len({(finding["colour"], finding["dash"]) for finding in findings}) == 30 == len(COLOURS) * len(DASHES)


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_stand_out_on_the_dark_page(colour: str) -> None:
    """WCAG contrast of at least 4.5 against the black behind the names of boxes."""
    linear = [((int(colour[i : i + 2], 16) / 255 + 0.055) / 1.055) ** 2.4 for i in (1, 3, 5)]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert (luminance + 0.05) / 0.05 >= 4.5
