"""What the page asks the server, one function a question: JSON in, JSON out, nothing remembered of who asked.

The browser holds its own films, hits and boxes and names a film by its hash, so a late answer can only ever reach
the film it belongs to. Every string in an answer is data of strangers: the page shows it as text.
"""

import base64
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

import numpy as np

from lofi.answers import Answer, film_card
from lofi.errors import BadQuery, FilmGone
from lofi.film.radiograph import Radiograph
from lofi.film.view import COLOURS, DASHES
from lofi.gallery import parse_where
from lofi.report.query import MAX_PHRASES, parse_phrases
from lofi.report.statements import Statement, sentences, statements_of
from lofi.report.wanted import Wanted
from lofi.report.wording import Mark, suggestions
from lofi.results import Box, Grounding, Hit, ReportSentence, Study
from lofi.shelf import Shelf
from lofi.ui.asked import MAX_REPORT, Asked
from lofi.ui.boundary import sentence
from lofi.ui.caller import caller
from lofi.ui.examples import missed
from lofi.ui.holdings import Holdings

Question = Callable[[Asked], Answer]
PAGE = 8
"""Hits of one page."""
ANSWERS_KEPT, DRAFTS_KEPT = 2_000, 64
MOST_VALUES = 60
"""Values of a filter that are offered to choose from."""


class PageAnswers:
    """The questions about films and studies. Answers of the model are kept a while, for exports and second looks."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self._groundings: Shelf[Grounding] = Shelf(ANSWERS_KEPT)
        self._drafts: Shelf[tuple[ReportSentence, ...]] = Shelf(DRAFTS_KEPT)

    def all(self) -> tuple[Question, ...]:
        """Every question, by the name of its function."""
        return (
            *(self.start, self.open_example, self.similar, self.ground, self.heat_map, self.describe),
            *(self.draft, self.suggest, self.part_phrases, self.split_report, self.neighbour),
        )

    def start(self, asked: Asked) -> Answer:
        """What the page offers: examples, what the gallery is and what it can be filtered by. Waits for the model."""
        engine, examples = self.holdings.engine, self.holdings.examples
        gallery, unfound = engine.gallery, missed(engine.model.fingerprint)
        return {
            "model": engine.model.name,
            "fingerprint": engine.model.fingerprint,
            "user": caller().user,
            "concepts": None
            if engine.concepts is None
            else [{"key": key, **one.to_json()} for key, one in engine.concepts.items()],
            "thresholds": None if engine.grounder.reads_pixels else [engine.model.unsure_from, engine.model.threshold],
            "studies": len(gallery),
            "simulated": gallery.columns.simulated,
            "examples_simulated": all(study.simulated for study in examples),
            "examples": [
                {"study_id": study.study_id, "labels": list(study.labels), "missed": study.study_id in unfound}
                for study in examples
            ],
            "views": _values(gallery.columns.values("view")),
            "labels": _values(gallery.columns.values("label")),
            "sources": _values(gallery.columns.values("source")),
            "archive": self.holdings.archive is not None,
            "colours": list(COLOURS),
            "dashes": list(DASHES),
        }

    def open_example(self, asked: Asked) -> Answer:
        """Take in the film of a study of the gallery or of the examples."""
        return opened(self.holdings, self.holdings.study_film(asked.text("study_id")), asked.desk)

    def similar(self, asked: Asked) -> Answer:
        """Studies like the film, a text, chosen studies, or all of these; or like a region of the film."""
        hits = self.hits(asked, asked.count() + 1)
        shown = hits[: asked.count()]
        notes = self._wanted(asked).notes if asked.box() is None else ()
        return {"hits": [hit_card(hit) for hit in shown], "more": len(hits) > len(shown), "notes": list(notes)}

    def hits(self, asked: Asked, count: int) -> tuple[Hit, ...]:
        """The hits themselves, for ``similar`` and for exports."""
        where = asked.text("where")
        parse_where(where)  # a wrong filter is told before the model is run
        film = self.known(asked) if asked.values.get("film") else None
        own = self.holdings.own_study(asked.text("own")) if asked.values.get("own") else None
        box = asked.box()
        if box is not None and film is not None:
            found = self.holdings.engine.search_region(film, box, asked.offset() + count, where, leave_out=own)
            return found[asked.offset() :]
        return self.holdings.engine.search_mixed(
            film,
            self._wanted(asked).text,
            asked.texts("like"),
            asked.texts("unlike"),
            count,
            where,
            asked.offset(),
            own if film is not None else None,
        )

    def _wanted(self, asked: Asked) -> Wanted:
        line = asked.search_text()
        return self.holdings.engine.wanted(line) if line else Wanted("")

    def ground(self, asked: Asked) -> Answer:
        """Boxes for phrases on the film, or only inside a box of it."""
        film, box = self.known(asked), asked.box()
        anyway = asked.values.get("anyway") is True
        return {"findings": [self.finding(self.grounding(film, phrase, box, anyway)) for phrase in asked.phrases()]}

    def finding(self, answer: Grounding) -> Answer:
        """An answer for the page: each example with its study, ready to be opened beside the film."""
        evidence = []
        for item in answer.evidence:
            hit = Hit(self.holdings.engine.study(item.study_id), item.similarity, 0)
            evidence.append({**item.to_json(), "study": hit_card(hit)})
        return {**answer.to_json(), "evidence": evidence}

    def grounding(self, film: str, phrase: str, box: Box | None = None, anyway: bool = False) -> Grounding:
        """One phrase's answer, the kept one where it was asked before; ``anyway`` as for the engine."""

        def look() -> Grounding:
            engine = self.holdings.engine
            if box is None:
                return next(engine.ground(film, [phrase], anyway))
            return next(engine.ground_within(film, [phrase], box, anyway))

        return self._groundings.get_or_make(f"{film} {box} {anyway} {phrase}", look)

    def heat_map(self, asked: Asked) -> Answer:
        """Where the model looks for a phrase: a grey picture over the whole film, white where the map is hottest."""
        anyway = asked.values.get("anyway") is True
        found = self.holdings.engine.heat_map(self.known(asked), asked.text("phrase"), anyway)
        height, width = found.values.shape
        grey = np.rint(255 * found.values / max(found.peak, 1e-6)).astype(np.uint8)
        told = {"peak": round(found.peak, 4), "said": found.said}
        return {"height": height, "width": width, "map": base64.b64encode(grey.tobytes()).decode(), **told}

    def describe(self, asked: Asked) -> Answer:
        """A phrase for one box of the film."""
        film, box = self.known(asked), asked.box()
        if box is None:
            raise BadQuery("First draw a box on the film.")
        return {"phrase": self.holdings.engine.describe_region(film, box, asked.values.get("anyway") is True)}

    def draft(self, asked: Asked) -> Answer:
        """A report drafted by the model, each sentence with its boxes."""
        return {"sentences": [one.to_json() for one in self.sentences(self.known(asked))]}

    def sentences(self, film: str) -> tuple[ReportSentence, ...]:
        """The drafted report, the kept one where it was asked before."""

        def write() -> tuple[ReportSentence, ...]:
            return self.holdings.engine.report(film)

        return self._drafts.get_or_make(film, write)

    def suggest(self, asked: Asked) -> Answer:
        """Phrases worth asking, from the drafted report and the reports of the hits."""
        film = self.known(asked)
        if self.holdings.engine.encode(film).unfit:  # nothing is worth asking of it
            return {"phrases": []}
        draft = [one.sentence for one in self.sentences(film)]
        hits = self.hits(asked, PAGE)
        return {"phrases": list(suggestions(draft, hits, self.holdings.engine.model.embed_text))}

    def part_phrases(self, asked: Asked) -> Answer:
        """The phrases of a typed text, a denial in front of each that it reaches."""
        return {"phrases": list(parse_phrases(asked.text("text", MAX_REPORT)))}

    def split_report(self, asked: Asked) -> Answer:
        """What a pasted report states, by phrases: those to look for, and those that it denies."""
        said = self.holdings.engine.split_report(asked.text("text", MAX_REPORT))
        named = {one.phrase: one for one in said if one.phrase and (one.groundable or one.negated)}
        # A phrase that is both denied and stated somewhere is looked for.
        named |= {one.phrase: one for one in said if one.groundable}
        statements = [
            {"sentence": one.sentence, "phrase": one.phrase, "negated": one.negated} for one in named.values()
        ]
        taken = {one.phrase for one in list(named.values())[:MAX_PHRASES]}
        return {"statements": statements[:MAX_PHRASES], "sentences": judged(said, taken)}

    def neighbour(self, asked: Asked) -> Answer:
        """Boxes for the phrases on the film of a gallery study, and its report with what speaks of each marked."""
        study_id, phrases = asked.text("study_id"), asked.phrases()
        findings: list[Grounding] = []
        for phrase in asked.phrases("look_for"):
            findings += self.holdings.engine.ground_study(study_id, [phrase], asked.values.get("anyway") is True)
        report = self.holdings.engine.study(study_id).report
        marks = self.holdings.engine.mark_sentences(report, phrases) if phrases else ()
        return {"findings": [finding.to_json() for finding in findings], "sentences": marked(report, marks)}

    def known(self, asked: Asked) -> str:
        """The hash of the film that is asked about, encoded and held for who asks. Raises FilmGone where it is not."""
        sha256 = asked.film()
        try:
            return self.holdings.engine.encode(sha256).sha256
        except FilmGone:
            return self.holdings.engine.encode(self.holdings.film(sha256), asked.desk).sha256


def opened(holdings: Holdings, film: Radiograph, desk: str = "", data: bytes | None = None) -> Answer:
    """Take a film in for who sent it: what is known of it, its picture ready to be fetched."""
    holdings.show(film, desk, data)
    spacing = None if film.spacing_mm is None else list(film.spacing_mm)
    return {"film": {**film_card(film), "spacing_mm": spacing, "bits": film.bits}}


def answered(question: Question, asked: Asked) -> Answer:
    """The question's answer; every failure is an answer with one sentence, and nothing else gets out.

    ``gone`` says that the page can mend it: by sending the film again.
    """
    try:
        return question(asked)
    except FilmGone as error:
        return {"error": str(error), "gone": True}
    except Exception as error:
        return {"error": sentence(error)}


def hit_card(hit: Hit) -> Answer:
    """A hit for the page: the boxes of its findings only, because those of its anatomy would hide them."""
    study = hit.study
    boxes = [{"phrase": box.phrase, "box": list(box.box)} for box in study.boxes if box.kind == "finding"]
    age = None if study.age is None else float(study.age)
    more = {"sex": study.sex, "age": age, "simulated": study.simulated, "key_sentence": key_sentence(study)}
    return {**hit.to_json(), "boxes": boxes, **more}


def marked(report: str, marks: Sequence[Mark]) -> list[Answer]:
    """The report in parts, each with the phrases that it is nearest to: those it states, and those it denies.

    Joined, the parts are the report again.
    """
    near: dict[tuple[int, int], Answer] = {}
    for mark in marks:
        if mark.statement is not None:
            place = (mark.statement.start, mark.statement.end)
            part = near.setdefault(place, {"sentence": report[slice(*place)], "phrases": [], "denied": []})
            part["denied" if mark.statement.negated else "phrases"].append(mark.phrase)
    parts: list[Answer] = []
    end = 0
    for (start, stop), part in sorted(near.items()):
        parts += [{"sentence": report[end:start], "phrases": [], "denied": []}, part]
        end = stop
    return [one for one in [*parts, {"sentence": report[end:], "phrases": [], "denied": []}] if one["sentence"]]


def judged(said: Sequence[Statement], taken: Collection[str]) -> list[Answer]:
    """Each sentence of a pasted report, and what becomes of it; ``taken`` are the phrases that the page takes up."""
    sentences: dict[tuple[int, int], list[Statement]] = {}
    for one in said:
        sentences.setdefault((one.start, one.end), []).append(one)
    found: list[Answer] = []
    for stated in sentences.values():
        asked = [one for one in stated if one.groundable and one.phrase in taken]
        if asked:
            mark = "looked for" if any(one.state == "present" for one in asked) else "unsure"
        else:
            mark = "denied" if any(one.negated for one in stated) else "not used"
        phrases = list(dict.fromkeys(one.phrase for one in asked))
        found.append({"sentence": stated[0].sentence, "mark": mark, "phrases": phrases})
    return found


def key_sentence(study: Study) -> str:
    """The sentence of the report that states the study's first label, else one that speaks of it, else the first."""
    said = list(islice(sentences(study.report), 40))
    words = study.labels[0].casefold().split()[:1] if study.labels else []
    spoken = [one for one in said if words and words[0][:6] in one.text.casefold()]
    stated = (one for one in spoken if any(statement.groundable for statement in statements_of(one)))
    return next((one.text for one in [*stated, *spoken, *said]), "")


def _values(found: Any) -> list[str]:
    """Each value once, in order, at most MOST_VALUES."""
    return sorted({value for value in found if value}, key=str.casefold)[:MOST_VALUES]
