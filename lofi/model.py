"""LofiModel: a trained network with everything needed to use it on radiographs and phrases."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lofi.boxes import Boxes, as_boxes, clip
from lofi.config import ModelConfig
from lofi.consensus import HeatBelief
from lofi.decoding import FoundBoxes, greedy, locate_digits, locate_tokens
from lofi.errors import BadQuery
from lofi.frame import Frame
from lofi.network import LofiNetwork
from lofi.pooled import PooledRegions, pool_means, pool_tokens, pool_vectors
from lofi.preprocess import canvas
from lofi.radiograph import Radiograph
from lofi.results import Box, Grounding, ReportSentence
from lofi.shelf import Shelf
from lofi.text import (
    BEGIN,
    END,
    REPORT_PROMPT,
    LocationGrammar,
    Tokens,
    grounding_prompt,
    location_tokens,
    region_prompt,
)
from lofi.vision import sinusoid_grid

LEAST_INSIDE = 0.3
"""A region where a box's coordinates had less probability on (geometric) average is answered "not found": on the
validation films it lets 1 % of the right regions go and refuses 83 % of their mirror images."""

PHRASES_KEPT = 256
"""Phrases whose embedding is kept for the heat map: the same ones are asked of film after film."""

MAX_PHRASE = 300
"""Characters of a phrase beyond which a query is refused rather than silently cut."""


@dataclass(frozen=True)
class EncodedFilm:
    """A film after the image tower: made once, shared by every phrase and every user.

    ``embedding`` (E,) float32, unit norm; ``last`` are the features that it was pooled from. ``cache`` is the language
    model's key-value cache of the prefix; it is only ever copied, never extended in place.
    """

    sha256: str
    frame: Frame
    embedding: NDArray[np.float32]
    patches: Tensor = field(repr=False)
    cache: Any = field(repr=False)
    last: Tensor | None = field(default=None, repr=False)


class LofiModel:
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
    ) -> None:
        self.network = network.eval().to(device)
        self.config: ModelConfig = network.config
        self.text_tokens = text_tokens
        self.language_tokens = language_tokens
        self.fingerprint = fingerprint
        self.device = device
        self.threshold = threshold
        self.calibration = calibration
        self.heat_share = heat_share if network.config.local else 0.0
        language = self.config.language
        self.grammar = LocationGrammar(language.locations, language.bins, language.max_boxes)
        self._stop = language_tokens.id(END)
        places = location_tokens(language.bins) if language.locations == "tokens" else []
        # Words never hold location tokens; only the end may be said.
        self._silent = torch.tensor([language_tokens.id(name) for name in places if name != END], dtype=torch.long)
        # One forward pass at a time: two would only share the same cores or GPU, and memory stays bounded.
        self._lock = threading.Lock()
        self._phrases: Shelf[Tensor] = Shelf(PHRASES_KEPT)

    @property
    def turn(self) -> threading.Lock:
        """Held by whoever runs the network."""
        return self._lock

    @property
    def name(self) -> str:
        """The model's name, for people."""
        return self.config.name

    def _canvases(self, radiographs: Sequence[Radiograph]) -> tuple[Tensor, list[Frame]]:
        pairs = [canvas(radiograph.pixels, self.config.preprocessing) for radiograph in radiographs]
        stacked = np.stack([pixels for pixels, _ in pairs])
        return torch.from_numpy(stacked).to(self.device), [frame for _, frame in pairs]

    @torch.inference_mode()
    def embed(self, radiographs: Sequence[Radiograph]) -> NDArray[np.float32]:
        """(B, E) float32 unit embeddings of films."""
        if not radiographs:
            return np.zeros((0, self.config.embed_dim), dtype=np.float32)
        canvases, _ = self._canvases(radiographs)
        with self._lock:
            return np.asarray(self.network.encode_images(canvases)[1].cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, E) float32 unit embeddings of sentences; each is cut to the text tower's context."""
        if not texts:
            return np.zeros((0, self.config.embed_dim), dtype=np.float32)
        rows = self.text_tokens.encode_all(texts, self.config.text.context)
        ids = pad(rows).to(self.device)
        with self._lock:
            return np.asarray(self.network.encode_texts(ids).cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def encode(self, radiograph: Radiograph) -> EncodedFilm:
        """Run the image tower and the prefix once; every later question starts from the result."""
        canvases, frames = self._canvases([radiograph])
        with self._lock:
            patches, pooled, last = self.network.image.see(self.network.normalise(canvases))
            embedding = functional.normalize(pooled.float(), dim=-1)
            prefix = self.network.prefix(patches)
            begin = self.network.language.embed(torch.tensor([[self.language_tokens.id(BEGIN)]], device=self.device))
            cache = self.network.language.start(torch.cat([begin, prefix], dim=1))
        return EncodedFilm(
            sha256=radiograph.sha256,
            frame=frames[0],
            embedding=np.asarray(embedding[0].cpu().numpy(), dtype=np.float32),
            patches=patches,
            last=last,
            cache=cache,
        )

    @torch.inference_mode()
    def embed_regions(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> PooledRegions:
        """(M, 4) film boxes as vectors of what they look like and as tokens for the language model."""
        if isinstance(film, EncodedFilm):
            patches, frame = film.patches, film.frame
        else:
            canvases, frames = self._canvases([film])
            frame = frames[0]
            with self._lock:
                patches, _ = self.network.encode_images(canvases)
        placed = frame.to_canvas(as_boxes(boxes))
        prefix = self.network.prefix(patches)[0].float().cpu().numpy()
        vectors = pool_vectors(content(patches), placed)
        seen = np.zeros((len(placed), 0), dtype=np.float32)
        if self.config.local:
            seen = pool_means(self.network.seen(patches)[0].cpu().numpy(), placed)
        return PooledRegions(vectors, pool_tokens(prefix, placed), placed.astype(np.float32), seen)

    def shows(self, seen: NDArray[np.float32], phrase: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M,) 0 … 1, how far the heat map finds a phrase, (E,) its embedding, in regions with (M, E) ``seen``."""
        scale, bias = float(self.network.local_scale.detach().exp()), float(self.network.local_bias.detach())
        return np.asarray(1 / (1 + np.exp(-(scale * (seen @ phrase) + bias))), dtype=np.float32)

    @torch.inference_mode()
    def embed_parts(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> NDArray[np.float32]:
        """(M, E) float32 unit embeddings of (M, 4) film boxes, to be compared with those of whole films."""
        encoded = self._encoded(film)
        if encoded.last is None:
            raise BadQuery("Of this film only the patches are held: open it again.")
        placed = torch.from_numpy(encoded.frame.to_canvas(as_boxes(boxes))).float().to(self.device)
        with self._lock:
            parts = self.network.image.embed_parts(encoded.last, placed)
        return np.asarray(functional.normalize(parts.float(), dim=-1).cpu().numpy(), dtype=np.float32)

    def _encoded(self, film: Radiograph | EncodedFilm) -> EncodedFilm:
        return film if isinstance(film, EncodedFilm) else self.encode(film)

    @torch.inference_mode()
    def locate(self, film: Radiograph | EncodedFilm, phrase: str, within: Box | None = None) -> Grounding:
        """Boxes where the phrase is seen (0–1 of the film), best score first; how scores arise: lofi.decoding.

        ``within`` is a box of the film that the answer may not leave; the confidence is then also that of the place.
        Raises BadQuery for an empty phrase or one of more than 300 characters.
        """
        words = checked_phrase(phrase)
        encoded = self._encoded(film)
        prompt = self.language_tokens.encode(grounding_prompt(words.lower()))
        language, tokens = self.network.language, self.language_tokens
        region = None if within is None else encoded.frame.to_canvas(as_boxes([within]))
        with self._lock:
            cache = language.branch(encoded.cache)
            if self.grammar.kind == "tokens":
                answer = locate_tokens(language, tokens, prompt, cache, self.grammar, region)
            else:
                budget = self.config.language.max_answer
                answer = locate_digits(language, tokens, prompt, cache, self.grammar, budget, self._stop)
            belief = self.belief(encoded, words)
        return cut_to(self.grounding(words, encoded.frame, self.agreed(answer, belief, region)), within)

    @torch.inference_mode()
    def belief(self, encoded: EncodedFilm, words: str) -> HeatBelief | None:
        """What the heat map of a phrase says of its place; None where the model uses none. For whoever has the turn."""
        if not self.heat_share:
            return None
        logits = self.network.heat(encoded.patches, self._phrases.get_or_make(words.lower(), lambda: self._text(words)))
        return HeatBelief(logits[0].float().cpu().numpy())

    def _text(self, words: str) -> Tensor:
        """(1, E) unit embedding of a phrase, in lower case as the heat map was trained."""
        ids = pad(self.text_tokens.encode_all([words.lower()], self.config.text.context)).to(self.device)
        return self.network.encode_texts(ids)

    def agreed(self, answer: FoundBoxes, belief: HeatBelief | None, within: Boxes | None = None) -> FoundBoxes:
        """The answer with its box where language model and heat map agree best (lofi.consensus), inside the (1, 4)
        canvas box ``within``. Several boxes stay as written: the heat map does not tell one from the other.
        """
        if belief is None or len(answer.boxes) != 1:
            return answer
        return replace(answer, boxes=belief.agreed(answer.boxes, self.heat_share, within))

    def confidence(self, presence: float) -> float:
        """What the language model says of presence as a probability, by the slope and offset of train.calibrate."""
        slope, offset = self.calibration
        odds = math.log(max(presence, 1e-6) / max(1 - presence, 1e-6))
        return 1 / (1 + math.exp(-(slope * odds + offset)))

    def grounding(self, words: str, frame: Frame, answer: FoundBoxes) -> Grounding:
        """The answer on the canvas as one on the film, best score first; nothing below the threshold."""
        sure = self.confidence(answer.presence)
        elsewhere = answer.inside < LEAST_INSIDE
        if sure < self.threshold or elsewhere or not len(answer.boxes):
            return Grounding(phrase=words, found=False, confidence=sure * answer.inside)
        placed = frame.to_film(answer.boxes).tolist()
        pairs = sorted(zip(answer.scores, placed, strict=True), key=lambda pair: -pair[0])
        kept = [(score, tuple(cut[0].tolist())) for score, box in pairs if len(cut := clip(as_boxes([box])))]
        boxes: tuple[Box, ...] = tuple(box for _, box in kept)
        scale = sure / max(answer.presence, 1e-6)
        return Grounding(
            words, bool(boxes), sure * answer.inside, boxes, tuple(min(1.0, scale * score) for score, _ in kept)
        )

    @torch.inference_mode()
    def describe(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> list[str]:
        """One phrase a box of (M, 4) film boxes."""
        encoded = self._encoded(film)
        phrases = []
        for box in as_boxes(boxes):
            text, _ = self.grammar.encode(clip(encoded.frame.to_canvas(box[None])))
            prompt = self.language_tokens.encode(region_prompt(text))
            phrases.append(self._write(encoded, prompt, 32))
        return phrases

    @torch.inference_mode()
    def report(self, film: Radiograph | EncodedFilm) -> tuple[ReportSentence, ...]:
        """A drafted report, sentence by sentence, each asserted finding with the boxes where it is seen."""
        encoded = self._encoded(film)
        text = self._write(encoded, self.language_tokens.encode(REPORT_PROMPT), self.config.language.max_answer)
        sentences: list[ReportSentence] = []
        for part in (piece.strip() for piece in text.split(".")):
            if not part:
                continue
            seen = Grounding(part, False, 0.0) if is_negated(part) else self.locate(encoded, part[:MAX_PHRASE])
            sentences.append(ReportSentence(part[0].upper() + part[1:] + ".", seen.boxes, seen.scores))
        return tuple(sentences)

    def _write(self, encoded: EncodedFilm, prompt: list[int], budget: int) -> str:
        with self._lock:
            cache = self.network.language.branch(encoded.cache)
            ids, _ = greedy(self.network.language, prompt, cache, budget, self._stop, self._silent)
        # WordPiece parts a word at its hyphen and cannot tell where there was no space.
        return self.language_tokens.decode(ids).strip().replace(" - ", "-")


def content(patches: Tensor) -> NDArray[np.float32]:
    """(P, D) what the patches of one film, (1, P, D), show, without the position codes that the tower added."""
    side = round(patches.shape[1] ** 0.5)
    plain = patches[0].float() - sinusoid_grid(side, side, patches.shape[2], patches.device)
    return np.asarray(plain.cpu().numpy(), dtype=np.float32)


def cut_to(found: Grounding, within: Box | None) -> Grounding:
    """The answer with its boxes cut to a region of the film; those outside go."""
    if within is None or not found.boxes:
        return found
    low, high = np.array(within[:2] * 2), np.array(within[2:] * 2)
    cut = np.clip(np.array(found.boxes), low, high)
    kept = np.flatnonzero(((cut[:, 2:] - cut[:, :2]) > 1e-6).all(axis=1)).tolist()
    boxes: tuple[Box, ...] = tuple(tuple(cut[row].tolist()) for row in kept)
    return replace(found, found=bool(kept), boxes=boxes, scores=tuple(found.scores[row] for row in kept))


def checked_phrase(phrase: str) -> str:
    """The phrase without outer and doubled white space and without a final stop."""
    words = " ".join(phrase.split()).rstrip(".")
    if not words:
        raise BadQuery('Type what to look for, such as "left pleural effusion".')
    if len(words) > MAX_PHRASE:
        raise BadQuery(f"A phrase may have {MAX_PHRASE} characters, this one has {len(words)}: shorten or split it.")
    return words


def is_negated(sentence: str) -> bool:
    """Whether a drafted sentence denies a finding or calls the film normal, and so has nothing to be boxed."""
    words = sentence.lower()
    return words.startswith(("no ", "without ", "there is no ")) or any(
        sign in words for sign in (" is clear", " are clear", "normal", "unremarkable", "within normal")
    )


def pad(rows: Sequence[Sequence[int]], value: int = 0) -> Tensor:
    """(B, T) long tensor of rows of ids, padded on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows], dtype=torch.long)
