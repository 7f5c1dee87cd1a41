"""Pointing to the place that a coded report names: half and third, on films that nobody boxed.

Open-i's reports are coded by hand, "Opacity/lung/upper lobe/right". A finding that has one code with a side is asked
three times: bare, with its side, and with its place in words. Thirds are those of the lung as the model finds it. A
lobe reaches over two thirds; chance is what a box anywhere in the lung would score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lofi.metrics.bootstrap import Estimate, PatientBootstrap
from lofi.results import Box, Grounding
from train.densely import concepts as c
from train.densely.places import by_finding, part_of, side_of
from train.evaluation.questions import Film

THIRDS = {
    "apex": (0,),
    "upper lobe": (0, 1),
    "middle lobe": (1, 2),
    "lingula": (1, 2),
    "lower lobe": (1, 2),
    "base": (2,),
    "hilum": (1,),
}
"""Part of a lung → its thirds from above, 0 to 2."""
SAID = {
    "apex": "{side} lung apex",
    "base": "{side} lung base",
    "lingula": "lingula",
    "hilum": "{side} hilum",
}
BARE, SIDE, WORDS, LUNG = "coded bare", "coded side", "coded words", "coded lung"


@dataclass(frozen=True)
class CodedPlace:
    """A finding of a film and where it is: the patient's side, and a part of the lung or ""."""

    film: int
    concept: str
    side: str
    part: str

    @property
    def phrases(self) -> dict[str, str]:
        """How it is asked, and how the lung is; with the place in words only where there is one."""
        place = SAID.get(self.part, f"{{side}} {self.part}").format(side=self.side)
        words = {WORDS: f"{c.said(self.concept, '')} in the {place}"} if self.part else {}
        return {
            BARE: c.said(self.concept, ""),
            SIDE: c.said(self.concept, self.side),
            LUNG: f"{self.side} lung",
            **words,
        }


def coded_places(films: Sequence[Film]) -> list[CodedPlace]:
    """Of each film the findings of lung and pleura with one code, which names one side."""
    out = []
    for number, film in enumerate(films):
        for concept, some in by_finding(film.codes).items():
            if len(some) == 1 and (side := side_of(some[0])):
                part = part_of(some[0])
                out.append(CodedPlace(number, concept, side, part if part in THIRDS else ""))
    return out


def questions(places: Sequence[CodedPlace]) -> dict[str, list[tuple[int, str]]]:
    """(film, phrase) by way of asking, for a plan."""
    out: dict[str, list[tuple[int, str]]] = {name: [] for name in (BARE, SIDE, WORDS, LUNG)}
    for place in places:
        for name, phrase in place.phrases.items():
            out[name].append((place.film, phrase))
    return out


def coded_figures(
    places: Sequence[CodedPlace],
    answers: Mapping[str, Sequence[Grounding]],
    films: Sequence[Film],
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Share of the best boxes whose middle lies in the named half, and in a named third, always answering; chance."""
    told = {name: iter(answers.get(name, ())) for name in (BARE, SIDE, WORDS, LUNG)}
    rows: dict[str, list[tuple[str, float]]] = {}
    for place in places:
        found = {name: _best(next(told[name])) for name in place.phrases}
        patient, lung = films[place.film].patient, found.pop(LUNG)
        rows.setdefault("half, bare (chance 0.5)", []).append((patient, _on(place.side, found[BARE])))
        if not place.part or lung is None:
            continue
        for name, box in found.items():
            said = f"third, {name.removeprefix('coded ')}"
            rows.setdefault(said, []).append((patient, _within(THIRDS[place.part], box, lung)))
        rows.setdefault("third, chance", []).append((patient, len(THIRDS[place.part]) / 3))
    return {
        name: PatientBootstrap([patient for patient, _ in some], resamples, seed).mean([hit for _, hit in some])
        for name, some in rows.items()
    }


def _best(answer: Grounding) -> Box | None:
    """The box with the highest score; None where nothing is answered."""
    return max(zip(answer.scores, answer.boxes, strict=True))[1] if answer.boxes else None


def _on(side: str, box: Box | None) -> float:
    """The patient's right is on the viewer's left."""
    return float(box is not None and (box[0] + box[2] < 1) == (side == "right"))


def _within(thirds: tuple[int, ...], box: Box | None, lung: Box) -> float:
    if box is None:
        return 0.0
    third = int(3 * ((box[1] + box[3]) / 2 - lung[1]) / (lung[3] - lung[1]))
    return float(min(2, max(0, third)) in thirds)
