"""LofiModel: a trained network with everything needed to use it on radiographs and phrases."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lofi.boxes import Boxes, as_boxes, clip
from lofi.film.radiograph import Radiograph
from lofi.network import heat
from lofi.network.concepts import Concepts
from lofi.network.consensus import HeatBelief, Opinions
from lofi.network.decoding import FoundBoxes, digit_boxes, digit_presence, greedy, token_boxes
from lofi.network.encoder import EncodedFilm, Encoder
from lofi.network.eyes import DenseEyes
from lofi.network.frame import Frame
from lofi.network.hearing import Heard, Hearing, hear, log_odds
from lofi.network.network import LofiNetwork
from lofi.network.side_by_side import written
from lofi.network.text import (
    END,
    REPORT_PROMPT,
    LocationGrammar,
    Tokens,
    grounding_prompt,
    location_tokens,
    region_prompt,
)
from lofi.report.causes import without_cause
from lofi.report.query import MAX_PHRASE_LENGTH, checked_phrase
from lofi.report.statements import sentences, statements_of
from lofi.results import Box, Grounding, HeatMap, ReportSentence

LEAST_INSIDE = 0.3
"""A region where a box's coordinates had less probability on (geometric) average is answered "not found": on the
validation films it lets 1 % of the right regions go and refuses 83 % of their mirror images."""


class LofiModel(Encoder):
    """Embed, locate, describe and report with one checkpoint. Safe to share between threads."""

    def __init__(
        self,
        network: LofiNetwork,
        text_tokens: Tokens,
        language_tokens: Tokens,
        fingerprint: str,
        device: torch.device,
        threshold: float = 0.5,
        calibration: tuple[float, float] = (1.0, 0.0),
        heat_share: float = 0.0,
        unsure_from: float | None = None,
        eyes: DenseEyes | None = None,
        hearing: Hearing | None = None,
        concepts: Concepts | None = None,
    ) -> None:
        """From the confidence ``threshold`` a finding is called there, from ``unsure_from`` it is not denied either
        (``threshold`` where None). ``hearing`` says how ``eyes``, the dense network beside this one, are heard.
        """
        super().__init__(network, text_tokens, language_tokens, fingerprint, device, eyes)
        self.hearing = hearing or Hearing()
        self.threshold = threshold
        self.unsure_from = threshold if unsure_from is None else unsure_from
        self.calibration = calibration
        self.concepts = concepts
        self.heat_share = heat_share if network.config.local else 0.0
        language = self.config.language
        self.grammar = LocationGrammar(language.locations, language.bins, language.max_boxes)
        self._stop = self.talk.end
        places = location_tokens(language.bins) if language.locations == "tokens" else []
        # Words never hold location tokens; only the end may be said.
        self._silent = torch.tensor([language_tokens.id(name) for name in places if name != END], dtype=torch.long)

    @torch.inference_mode()
    def locate(self, film: Radiograph | EncodedFilm, phrase: str, within: Box | None = None) -> Grounding:
        """Boxes where the phrase is seen (0–1 of the film), best score first; how scores arise: lofi.network.decoding.

        ``within`` is a box of the film that the answer may not leave; the confidence is then also that of the place.
        Raises BadQuery for an empty phrase or one too long (lofi.report.query).
        """
        return self.locate_each([(self.encoded(film), phrase)], within)[0]

    @torch.inference_mode()
    def locate_each(self, asked: Sequence[tuple[EncodedFilm, str]], within: Box | None = None) -> list[Grounding]:
        """As ``locate``, for phrases of one film or of several, their answers written side by side."""
        films, words = [film for film, _ in asked], [checked_phrase(phrase) for _, phrase in asked]
        regions = [None if within is None else film.frame.to_canvas(as_boxes([within])) for film in films]
        heard = [self.hear(film, said) for film, said in zip(films, words, strict=True)]
        beliefs = self._beliefs(films, words)
        with self._lock:
            answers = self._written_boxes(films, words, regions)
        rows = zip(films, words, answers, heard, beliefs, regions, strict=True)
        return [
            cut_to(self.concluded(said, film.frame, answer, other, belief, region), within)
            for film, said, answer, other, belief, region in rows
        ]

    def _written_boxes(
        self, films: Sequence[EncodedFilm], words: Sequence[str], regions: Sequence[Boxes | None]
    ) -> list[FoundBoxes]:
        """What the language model writes of each phrase, on the canvas."""
        language, tokens = self.network.language, self.language_tokens
        caches = [film.cache for film in films]
        prompts = [self.talk.question(grounding_prompt(said)) for said in words]
        if self.grammar.kind == "tokens":
            rows = zip(prompts, regions, strict=True)
            return written(language, caches, [token_boxes(tokens, p, self.grammar, region) for p, region in rows])
        presences = written(language, caches, [digit_presence(tokens, prompt) for prompt in prompts])
        begun = [number for number, presence in enumerate(presences) if self.likely(presence)]
        end = self.config.language.max_answer, self._stop
        boxes = [digit_boxes(tokens, prompts[n], self.grammar, presences[n], *end) for n in begun]
        found = dict(zip(begun, written(language, [caches[n] for n in begun], boxes), strict=True))
        return [found.get(n) or FoundBoxes(np.zeros((0, 4)), (), one) for n, one in enumerate(presences)]

    def likely(self, presence: float) -> bool:
        """Whether a finding of this presence may be answered with a box; always where a second network is heard."""
        return self.eyes is not None or self.confidence(presence) >= min(self.unsure_from, self.threshold)

    def hear(self, encoded: EncodedFilm, words: str) -> Heard | None:
        """What the dense network says of a phrase; None without one, or where it does not know what is asked."""
        if self.eyes is None or encoded.seen is None:
            return None
        with self._lock:
            return hear(self.eyes, self.hearing, encoded.seen, words)

    def belief(self, encoded: EncodedFilm, words: str) -> HeatBelief | None:
        """What the heat map of a phrase says of its place; None where the model uses none."""
        return self._beliefs([encoded], [words])[0]

    def _beliefs(self, films: Sequence[EncodedFilm], words: Sequence[str]) -> list[HeatBelief | None]:
        """As ``belief``, of each phrase; those that are new go through the text tower together."""
        if self.heat_share:
            self.embed_phrases(words)
        maps = [self._language_heat(film, said) for film, said in zip(films, words, strict=True)]
        return [None if logits is None else HeatBelief(logits.ravel()) for logits in maps]

    @torch.inference_mode()
    def heat_map(self, film: Radiograph | EncodedFilm, phrase: str) -> HeatMap | None:
        """The maps that speak for a phrase's box, each by its share (lofi.network.hearing); None where none does."""
        words = checked_phrase(phrase)
        encoded = self.encoded(film)
        heard, language = self.hear(encoded, words), self._language_heat(encoded, words)
        dense = None if heard is None else heard.heat
        if heard is not None and heard.alone:
            shares = [(dense, 1.0, "dense network")]
        else:
            own = self.heat_share if heard is None else self.hearing.language_heat
            shares = [(dense, self.hearing.dense_heat, "dense network"), (language, own, "language model's heat map")]
        # What shows the phrase everywhere tells of no place and is not heard (lofi.network.consensus).
        alone = len(shares) == 1
        heats = [
            (logits, share, name)
            for logits, share, name in shares
            if logits is not None and share and (alone or not HeatBelief(logits.ravel()).everywhere)
        ]
        if not heats:
            return None
        total = sum(share for _, share, _ in heats)
        values = sum(share / total * heat.over_film(logits, encoded.frame) for logits, share, _ in heats)
        seen = " and ".join(f"{name} ({100 * share / total:.0f} %)" for _, share, name in heats)
        rests = "Its box is the answer's." if alone else "A single box lies where this and what was written agree best."
        return HeatMap(words, np.asarray(values, dtype=np.float32), f"Where {self.name} looks: {seen}. {rests}")

    def _language_heat(self, encoded: EncodedFilm, words: str) -> NDArray[np.float32] | None:
        """(n, n) logits of the heat map of a phrase; None where the model uses none."""
        if not self.heat_share:
            return None
        phrase = self.embed_phrase(words)
        with self._lock:
            return heat.logits(self.network, encoded.patches, phrase)

    def confidence(self, presence: float, heard: Heard | None = None) -> float:
        """What the language model says of presence as a probability, by the slope and offset of train.calibrate; with
        the dense network's word where it has one, by the weights of train.agree.
        """
        slope, offset = self.calibration
        language = log_odds(presence)
        both = None if heard is None else heard.odds(language)
        odds = slope * language + offset if both is None else both
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def concluded(
        self,
        words: str,
        frame: Frame,
        answer: FoundBoxes,
        heard: Heard | None,
        belief: HeatBelief | None,
        region: Boxes | None = None,
    ) -> Grounding:
        """What the language model ``answer``ed, the dense network said and the heat map shows, as one answer.

        ``region`` is the (1, 4) canvas box that the answer may not leave.
        """
        if heard is None:
            opinions = Opinions([] if belief is None else [(belief, self.heat_share)])
            return self.grounding(words, frame, heat.agreed(answer, opinions, region))
        if heard.sides and region is None and (heard.alone or len(answer.boxes) == 1):
            boxes, heats = heard.on_sides(self.hearing, answer.boxes)
            best = float(heard.place.scores[0]) if heard.alone else answer.scores[0]
            answer = replace(answer, boxes=boxes, scores=tuple(best * hot / max(heats) for hot in heats), inside=1.0)
        elif heard.alone:
            answer = replace(answer, boxes=heard.box, scores=(float(heard.place.scores[0]),), inside=1.0)
        else:
            answer = heat.agreed(answer, heard.opinions(self.hearing, belief), region)
        return self.grounding(words, frame, answer, heard)

    def grounding(self, words: str, frame: Frame, answer: FoundBoxes, heard: Heard | None = None) -> Grounding:
        """The answer on the canvas as one on the film, best score first: found from the threshold on, a guess in the
        band below it, and nothing below that.
        """
        sure = self.confidence(answer.presence, heard)
        elsewhere = answer.inside < LEAST_INSIDE
        if sure < min(self.unsure_from, self.threshold) or elsewhere or not len(answer.boxes):
            return Grounding(phrase=words, found=False, confidence=sure * answer.inside)
        placed = frame.to_film(answer.boxes).tolist()
        pairs = sorted(zip(answer.scores, placed, strict=True), key=lambda pair: -pair[0])
        kept = [(score, tuple(cut[0].tolist())) for score, box in pairs if len(cut := clip(as_boxes([box])))]
        boxes: tuple[Box, ...] = tuple(box for _, box in kept)
        scale = sure / max(answer.presence, 1e-6)
        return Grounding(
            words,
            bool(boxes) and sure >= self.threshold,
            sure * answer.inside,
            boxes,
            tuple(min(1.0, scale * score) for score, _ in kept),
        )

    @torch.inference_mode()
    def describe(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> list[str]:
        """One phrase a box of (M, 4) film boxes; "" where the model names a cause alone."""
        encoded = self.encoded(film)
        return [without_cause(said) for said in self.describe_each([(encoded, box[None]) for box in as_boxes(boxes)])]

    @torch.inference_mode()
    def describe_together(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> str:
        """One phrase for all of (M, 4) film boxes."""
        return self.describe_each([(self.encoded(film), as_boxes(boxes))])[0]

    @torch.inference_mode()
    def describe_each(self, asked: Sequence[tuple[EncodedFilm, Boxes]]) -> list[str]:
        """As ``describe_together``, for boxes of one film or of several, the phrases written side by side."""
        texts = [self.grammar.encode(clip(film.frame.to_canvas(as_boxes(boxes))))[0] for film, boxes in asked]
        prompts = [self.talk.question(region_prompt(text)) for text in texts]
        return self._write([film for film, _ in asked], prompts, self.config.language.max_answer // 3)

    @torch.inference_mode()
    def report(self, film: Radiograph | EncodedFilm) -> tuple[ReportSentence, ...]:
        """A drafted report, sentence by sentence, each asserted finding with the boxes where it is seen.

        Causes are left out (lofi.report.causes): a film does not show them.
        """
        return self.report_each([self.encoded(film)])[0]

    @torch.inference_mode()
    def report_each(self, films: Sequence[EncodedFilm]) -> list[tuple[ReportSentence, ...]]:
        """As ``report``, for several films, drafts and places written side by side."""
        prompts = [self.talk.question(REPORT_PROMPT)] * len(films)
        drafts = [drafted(text) for text in self._write(films, prompts, self.config.language.max_answer)]
        # A model that rambles must not cost the whole draft: of a sentence too long for a phrase its beginning.
        asked = [
            (film, words[:MAX_PHRASE_LENGTH])
            for film, draft in zip(films, drafts, strict=True)
            for words, there in draft
            if there
        ]
        seen = iter(self.locate_each(asked))
        return [tuple(_sentence(words, next(seen) if there else None) for words, there in draft) for draft in drafts]

    def _write(self, films: Sequence[EncodedFilm], prompts: Sequence[list[int]], budget: int) -> list[str]:
        with self._lock:
            decodings = [greedy(prompt, budget, self._stop, self._silent) for prompt in prompts]
            found = written(self.network.language, [film.cache for film in films], decodings)
        # WordPiece parts a word at its hyphen and cannot tell where there was no space.
        return [self.language_tokens.decode(ids).strip().replace(" - ", "-") for ids, _ in found]


def drafted(text: str) -> list[tuple[str, bool]]:
    """The sentences of a draft without causes, and whether each asserts a finding."""
    kept = sentences(" ".join(without_cause(one.text) for one in sentences(text)))
    return [(one.text.strip(" ."), any(said.groundable for said in statements_of(one))) for one in kept]


def _sentence(words: str, seen: Grounding | None) -> ReportSentence:
    boxes, scores = (seen.boxes, seen.scores) if seen is not None and seen.found else ((), ())
    return ReportSentence(words[0].upper() + words[1:] + ".", boxes, scores)


def cut_to(found: Grounding, within: Box | None) -> Grounding:
    """The answer with its boxes cut to a region of the film; those outside go."""
    if within is None or not found.boxes:
        return found
    low, high = np.array(within[:2] * 2), np.array(within[2:] * 2)
    cut = np.clip(np.array(found.boxes), low, high)
    kept = np.flatnonzero(((cut[:, 2:] - cut[:, :2]) > 1e-6).all(axis=1)).tolist()
    boxes: tuple[Box, ...] = tuple(tuple(cut[row].tolist()) for row in kept)
    return replace(found, found=bool(kept), boxes=boxes, scores=tuple(found.scores[row] for row in kept))
