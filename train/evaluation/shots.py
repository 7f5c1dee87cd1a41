"""Do examples in context help, and by more than copying? ``python -m train.evaluate … --gallery G --shots``."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from lofi.boxes import Boxes, as_boxes
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex, Where, parse_where
from lofi.gallery.records import opaque_key
from lofi.gallery.text import clean_line
from lofi.grounding import InContext, Shot, ShotFinder, ground
from lofi.metrics.bootstrap import Floats, PatientBootstrap
from lofi.metrics.grounding import COLUMNS, grounding_figures, ious, question_row
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.results import Grounding
from train.data.lexicon import CANONICAL
from train.evaluation.asking import always_answering, at_threshold
from train.evaluation.controls import CentrePrior
from train.evaluation.questions import Film, Question, present_questions
from train.evaluation.shot_table import lines, markdown
from train.evaluation.systems import PRIOR
from train.evaluation.table import to_json
from train.pretraining.distributed import Turns, rank, world

COUNTS = (1, 2, 4, 8)
WAYS = ("image", "phrase", "region", "fused", "random", "wrong phrase")
NONE, COPY, MEAN = "k 0", "best neighbour's box copied", "weighted mean of neighbours' boxes"
AT_THRESHOLD = ", at the threshold"
TIMED = 40
"""Questions on which the cost of shots is measured."""
PLANTED = (
    "moved",
    "moved, the most of the others",
    "agreement",
    "agreement, the least of the others",
    "support",
    "support, the least of the others",
    "not heard",
    "not heard, share of the others",
)
"""What is kept of the evidence with a planted shot."""
RULES = {
    "systems": "'k 4 fused' is the model with 4 shots chosen by the fused score, always answering; 'k 0' without any. "
    "'wrong phrase': the best shots for another finding. Shots are of other patients, boxes drawn by hand only.",
    "controls": "Best neighbour: the boxes of the first shot of each retriever. Weighted mean: the largest box of each "
    "of the first four fused shots, weighted by the softmax of their scores. Centre prior: median training box.",
    "planted": "One of four fused shots is replaced by one of another finding that claims to show the phrase: how "
    "often it has the largest effect on the answer (chance: a quarter), how often "
    "its boxes agree least with the answer's, and how often the model sees least of the phrase in them, as the "
    "evidence shows it (ties do not count); how often it and how many of the others are not heard for that. The other "
    "three stay as they were found.",
    "cost": "Median seconds of a grounding on an encoded film, the retrieval of shots included; 'explained' adds the "
    "leave-one-out answers.",
    "intervals": "95 % percentile interval over resampled patients; gains are paired differences in mean IoU.",
}


@dataclass
class Asked:
    """One set of questions: of each system its rows; ``planted`` as ``PLANTED`` has it, the planted shot and the most
    or least of the other three.
    """

    questions: Sequence[Question]
    patients: list[str]
    rows: dict[str, list[Floats]] = field(default_factory=dict)
    planted: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, system: str, boxes: Boxes, scores: Sequence[float], question: Question) -> None:
        self.rows.setdefault(system, []).append(question_row(boxes, scores, question.boxes))

    def figures(self, resamples: int, seed: int) -> dict[str, Any]:
        """Systems → figures, the gains that the experiment is about, and the planted shot."""
        rows = {name: np.array(values).reshape(-1, len(COLUMNS)) for name, values in self.rows.items()}
        boot = PatientBootstrap(self.patients, resamples, seed)
        copies = [name for name in rows if name.startswith(COPY)] + [MEAN]
        best = max(copies, key=lambda name: float(ious(rows[name]).mean()))
        pairs = [("k 4 fused", NONE), ("k 4 fused", best), ("k 4 fused", PRIOR), ("k 4 random", NONE)]
        pairs += [("k 4 wrong phrase", NONE), ("k 4 fused", "k 4 random")]
        gains = {f"{a} − {b}": boot.mean(ious(rows[a]) - ious(rows[b])) for a, b in pairs if b in rows}
        planted = np.array(self.planted, dtype=np.float64).reshape(-1, len(PLANTED))
        return {
            "systems": {
                name: grounding_figures(values, self.patients, resamples, seed) for name, values in rows.items()
            },
            "against k 0": {name: boot.mean(ious(values) - ious(rows[NONE])) for name, values in rows.items()},
            "gains": gains,
            "planted": {
                "moved most": boot.mean(planted[:, 0] > planted[:, 1]),
                "agrees least": boot.mean(planted[:, 2] < planted[:, 3]),
                "shows least": boot.mean(planted[:, 4] < planted[:, 5]),
                **{name: boot.mean(planted[:, column]) for column, name in enumerate(PLANTED)},
            },
        }


class Experiment:
    """Asks every question with every retriever and count. ``among`` says which gallery studies may serve at all."""

    def __init__(self, model: LofiModel, regions: RegionIndex, training: Sequence[Film], among: Where) -> None:
        self.finder, self.among = ShotFinder(model, regions), among
        self.answerer, self.threshold = InContext(always_answering(model)), model.threshold
        self.answerer.most = max(COUNTS)  # also of a model that was not trained for it: the comparison is the point
        self.prior = CentrePrior.fit(training)

    def run(self, films: Sequence[Film], seed: int = 0) -> dict[str, Asked]:
        """Bare questions and questions with a side, all systems on all of them.

        Of several processes each asks its part of the films; all must call. What is drawn for a film is its own.
        """
        sets = {name: asked for name, asked in present_questions(films).items() if name in ("bare", "side") and asked}
        found = {name: Asked(asked, [films[q.film].patient for q in asked]) for name, asked in sets.items()}
        numbers = sorted({question.film for asked in sets.values() for question in asked})
        answers: dict[tuple[str, int], Any] = {}
        for number in tqdm(numbers[rank() :: world()], desc="asking with shots", unit="film", disable=rank() > 0):
            rng = np.random.default_rng((seed, number))
            ready = self.answerer.model.encode(Radiograph.read(films[number].path))
            for name, asked in sets.items():
                for place, question in enumerate(asked):
                    if question.film == number:
                        answers[name, place] = self._ask(ready, films[number], question, rng)
        answers = {key: answer for part in Turns().gather(answers) for key, answer in part.items()}
        for name, asked in sets.items():
            for place, question in enumerate(asked):
                systems, planted = answers[name, place]
                for system, (boxes, scores) in systems.items():
                    found[name].add(system, boxes, scores, question)
                found[name].planted.append(planted)
        return found

    def _shots(self, film: EncodedFilm, own: Film, phrase: str, by: str) -> tuple[Shot, ...]:
        leave_out = replace(self.among, not_patient=(*self.among.not_patient, *patient_keys(own)))
        return self.finder.shots(film, phrase, max(COUNTS), by, leave_out)

    def _ask(self, film: EncodedFilm, own: Film, question: Question, rng: np.random.Generator) -> tuple[Any, Any]:
        """System → (boxes, scores), and what ``Asked.planted`` takes."""
        systems: dict[str, tuple[Boxes, Sequence[float]]] = {}
        other = str(rng.choice([phrase for phrase in CANONICAL.values() if phrase not in question.phrase]))
        chosen = {way: self._shots(film, own, question.phrase, way) for way in WAYS if way != "wrong phrase"}
        chosen["wrong phrase"] = self._shots(film, own, other, "fused")
        alone = self.answerer.answer_each(film, question.phrase, [[]])[0]
        systems |= {NONE: _plain(alone), NONE + AT_THRESHOLD: _plain(at_threshold(alone, self.threshold))}
        for way, shots in chosen.items():
            sets = [shots[:count] for count in COUNTS]
            for count, answer in zip(COUNTS, self.answerer.answer_each(film, question.phrase, sets), strict=True):
                systems[f"k {count} {way}"] = _plain(answer)
                if count == 4 and way == "fused":
                    systems[f"k {count} {way}{AT_THRESHOLD}"] = _plain(at_threshold(answer, self.threshold))
        systems |= dict(self._copied(chosen))
        if self.prior.boxes:  # else its zeros would flatter the model
            prior = self.prior.answer(question)
            systems[PRIOR] = prior, [1.0] * len(prior)
        return systems, self._planted(film, question.phrase, chosen, rng)

    @staticmethod
    def _copied(chosen: Mapping[str, Sequence[Shot]]) -> Iterator[tuple[str, tuple[Boxes, Sequence[float]]]]:
        """The controls that copy boxes of shots instead of looking."""
        for way in ("image", "phrase", "region", "fused"):
            boxes = as_boxes(chosen[way][0].boxes) if chosen[way] else np.zeros((0, 4))
            yield f"{COPY} ({way})", (boxes, [1.0] * len(boxes))
        near = chosen["fused"][:4]
        if not near:
            yield MEAN, (np.zeros((0, 4)), [])
            return
        weights = np.exp([shot.similarity - near[0].similarity for shot in near])
        largest = [max(shot.boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1])) for shot in near]
        yield MEAN, (np.average(largest, axis=0, weights=weights)[None], [1.0])

    def _planted(
        self, film: EncodedFilm, phrase: str, chosen: Mapping[str, Sequence[Shot]], rng: np.random.Generator
    ) -> tuple[float, ...]:
        """The columns ``PLANTED``; zeros where there is nobody to plant."""
        names = {shot.study_id for shot in chosen["fused"][:3]}
        strangers = [shot for shot in chosen["random"] if shot.study_id not in names and shot.phrase != phrase]
        if not strangers or not names:
            return (0.0,) * len(PLANTED)
        liar = replace(strangers[int(rng.integers(len(strangers)))], phrase=phrase)
        evidence = ground(self.answerer, film, phrase, [*chosen["fused"][:3], liar]).evidence
        liar_told, others = evidence[-1], evidence[:-1]
        strongest, least = max(item.moved for item in others), min(item.agreement for item in others)
        support = [item.support or 0.0 for item in evidence]
        deaf = [float(not item.heard) for item in evidence]
        measured = (liar_told.moved, strongest, liar_told.agreement, least, support[-1], min(support[:-1]))
        return (*measured, deaf[-1], float(np.mean(deaf[:-1])))

    def cost(self, films: Sequence[Film]) -> dict[str, float]:
        """Median seconds with 0 shots, with 4, and with 4 explained; the ratios to 0."""
        asked = present_questions(films)["side"][:TIMED]
        spent: dict[str, list[float]] = {"k 0": [], "k 4": [], "k 4 explained": []}
        for number in sorted({question.film for question in asked}):
            own, ready = films[number], self.answerer.model.encode(Radiograph.read(films[number].path))
            for question in (q for q in asked if q.film == number):
                self._shots(ready, own, question.phrase, "fused")  # the first look makes caches
                for name in spent:
                    started = time.perf_counter()
                    shots = self._shots(ready, own, question.phrase, "fused")[:4] if name != "k 0" else ()
                    ground(self.answerer, ready, question.phrase, shots, explain=name.endswith("explained"))
                    spent[name].append(time.perf_counter() - started)
        median = {name: float(np.median(values)) for name, values in spent.items() if values}
        ratios = {f"{name} / k 0": median[name] / median["k 0"] for name in median if name != "k 0"}
        return {**median, **ratios}


def patient_keys(film: Film) -> tuple[str, ...]:
    """What a gallery may call a film's patient: the record's word, tidied, or hidden as one built of a CSV has it."""
    return film.patient, clean_line(film.patient), opaque_key(film.patient)


def _plain(answer: Grounding) -> tuple[Boxes, Sequence[float]]:
    return np.array(answer.boxes, dtype=np.float64).reshape(-1, 4), answer.scores


def report(
    given: Namespace, model: LofiModel, gallery: Gallery | None, films: Sequence[Film], training: Sequence[Film]
) -> int:
    """Run the experiment for train.evaluate's command line: print and write the tables; the exit status."""
    regions = RegionIndex.open(gallery) if gallery is not None else None
    if regions is None or not len(regions):
        raise SystemExit("--shots needs a --gallery with boxes, built by python -m train.index with this model.")
    experiment = Experiment(model, regions, training, parse_where(given.shots_where))
    asked = experiment.run(films, given.seed)
    if not asked:
        raise SystemExit("No film has a finding's box: there is nothing to ask.")
    if rank():
        return 0
    draw = (given.resamples, given.seed)
    results = {"sets": {name: part.figures(*draw) for name, part in asked.items()}, "cost": experiment.cost(films)}
    print("\n".join(lines(results)))
    table = "\n".join(markdown(results, WAYS, COUNTS)) + "\n"
    print(table)
    if given.out:
        about = {
            "model": model.name,
            "fingerprint": model.fingerprint,
            "trained with shots": model.config.shots,
            "gallery": {"studies": len(gallery or ()), "regions": len(regions), "where": given.shots_where},
            "split": given.split,
            "sources": given.source,
            "films": len(films),
            "resamples": given.resamples,
            "seed": given.seed,
        }
        given.out.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"about": about, "rules": RULES, **to_json(results)}, indent=1, ensure_ascii=False)
        (given.out / "shots.json").write_text(content + "\n", "utf-8")
        (given.out / "shots.md").write_text(table, "utf-8")
    return 0
