"""LofiModel: a trained network with everything needed to use it on radiographs and phrases."""

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lofi.boxes import Boxes, as_boxes, clip
from lofi.film.radiograph import Radiograph
from lofi.network import heat
from lofi.network.concepts import Concepts
from lofi.network.consensus import HeatBelief, Opinions
from lofi.network.decoding import FoundBoxes, greedy, locate_digits, locate_tokens
from lofi.network.encoder import EncodedFilm, Encoder
from lofi.network.eyes import DenseEyes
from lofi.network.frame import Frame
from lofi.network.hearing import Heard, Hearing, hear, log_odds
from lofi.network.network import LofiNetwork
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
        words = checked_phrase(phrase)
        encoded = self.encoded(film)
        prompt = self.talk.question(grounding_prompt(words))
        language, tokens = self.network.language, self.language_tokens
        region = None if within is None else encoded.frame.to_canvas(as_boxes([within]))
        heard, belief = self.hear(encoded, words), self.belief(encoded, words)
        with self._lock:
            cache = language.branch(encoded.cache)
            if self.grammar.kind == "tokens":
                answer = locate_tokens(language, tokens, prompt, cache, self.grammar, region)
            else:
                budget = self.config.language.max_answer
                answer = locate_digits(language, tokens, prompt, cache, self.grammar, budget, self._stop, self.likely)
        return cut_to(self.concluded(words, encoded.frame, answer, heard, belief, region), within)

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
        logits = self._language_heat(encoded, words)
        return None if logits is None else HeatBelief(logits.ravel())

    @torch.inference_mode()
    def heat_map(self, film: Radiograph | EncodedFilm, phrase: str) -> HeatMap | None:
        """The maps that speak for a phrase's box, each by its share (lofi.network.hearing); None where none does."""
        words = checked_phrase(phrase)
        encoded = self.encoded(film)
        heard, language = self.hear(encoded, words), self._language_heat(encoded, words)
        dense = None if heard is None else heard.place.heat.numpy().astype(np.float32)
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
        if heard.alone:
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
        return [without_cause(self.describe_together(encoded, box[None])) for box in as_boxes(boxes)]

    @torch.inference_mode()
    def describe_together(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> str:
        """One phrase for all of (M, 4) film boxes."""
        encoded = self.encoded(film)
        text, _ = self.grammar.encode(clip(encoded.frame.to_canvas(as_boxes(boxes))))
        prompt = self.talk.question(region_prompt(text))
        return self._write(encoded, prompt, self.config.language.max_answer // 3)

    @torch.inference_mode()
    def report(self, film: Radiograph | EncodedFilm) -> tuple[ReportSentence, ...]:
        """A drafted report, sentence by sentence, each asserted finding with the boxes where it is seen.

        Causes are left out (lofi.report.causes): a film does not show them.
        """
        encoded = self.encoded(film)
        text = self._write(encoded, self.talk.question(REPORT_PROMPT), self.config.language.max_answer)
        drafted: list[ReportSentence] = []
        for sentence in sentences(" ".join(without_cause(one.text) for one in sentences(text))):
            words = sentence.text.strip(" .")
            asserted = any(statement.groundable for statement in statements_of(sentence))
            # A model that rambles must not cost the whole draft: of a sentence too long for a phrase its beginning.
            seen = self.locate(encoded, words[:MAX_PHRASE_LENGTH]) if asserted else Grounding(words, False, 0.0)
            boxes, scores = (seen.boxes, seen.scores) if seen.found else ((), ())
            drafted.append(ReportSentence(words[0].upper() + words[1:] + ".", boxes, scores))
        return tuple(drafted)

    def _write(self, encoded: EncodedFilm, prompt: list[int], budget: int) -> str:
        with self._lock:
            cache = self.network.language.branch(encoded.cache)
            ids, _ = greedy(self.network.language, prompt, cache, budget, self._stop, self._silent)
        # WordPiece parts a word at its hyphen and cannot tell where there was no space.
        return self.language_tokens.decode(ids).strip().replace(" - ", "-")


def cut_to(found: Grounding, within: Box | None) -> Grounding:
    """The answer with its boxes cut to a region of the film; those outside go."""
    if within is None or not found.boxes:
        return found
    low, high = np.array(within[:2] * 2), np.array(within[2:] * 2)
    cut = np.clip(np.array(found.boxes), low, high)
    kept = np.flatnonzero(((cut[:, 2:] - cut[:, :2]) > 1e-6).all(axis=1)).tolist()
    boxes: tuple[Box, ...] = tuple(tuple(cut[row].tolist()) for row in kept)
    return replace(found, found=bool(kept), boxes=boxes, scores=tuple(found.scores[row] for row in kept))
