"""LoFi itself as the answerer: shots stand in its context as pooled image tokens, phrase and boxes.

    <begin> prefix₁ … prefix_N | shot | shot | … | prompt answer

A shot is ``image tokens "phrase". <box>…<end>``. It sees the prefix and its own past, not the other shots, so their
order does not matter and a shot can be hidden without computing anything again. Shots and prompt all take the places
after the prefix: without shots the prompt stands exactly where it always stood.

*Where* a finding lies is asked with the shots, *whether* it is there without them: examples of another source lower the
presence, and the calibration is one of the model alone. So the prompt goes through a second time, blind to the shots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lofi.boxes import clip
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.grounding.shots import Shot
from lofi.network.decoding import FoundBoxes, corner_masked, middle_bin
from lofi.network.encoder import EncodedFilm
from lofi.network.language import Language
from lofi.network.model import LofiModel
from lofi.network.text import BOX, END, NONE, LocationGrammar, Tokens, grounding_prompt
from lofi.report.query import checked_phrase
from lofi.results import Grounding

ASKING, ALONE = -1, -2
"""Groups of the prompt's places: of the one that sees the shots, and of the one that does not."""
PHRASE_LIMIT = 80
"""Characters of a shot's phrase that enter the context."""


def shot_ids(shot_phrase: str, canvas: np.ndarray[Any, Any], tokens: Tokens, grammar: LocationGrammar) -> list[int]:
    """Ids of a shot after its image tokens. Angle brackets of a phrase go: a record must not write location tokens."""
    words = shot_phrase.lower().translate({ord(sign): " " for sign in '<>"'})[:PHRASE_LIMIT].strip()
    text, _ = grammar.encode(clip(np.asarray(canvas, dtype=np.float64)))
    return [*tokens.encode(f'"{words}".'), *tokens.encode(text), tokens.id(END)]


@dataclass(frozen=True)
class Context:
    """A film's prefix and its shots in one key-value ``cache`` of P + S places; ``group`` (P + S,) is 0 for the prefix
    and n for the places of shot n. ``at`` is the position of what comes next.

    ``alone`` (1, V) are the logits after the question without shots, None where there are none; ``logits`` (1, V) those
    after the question with them where it went through in the same pass. Their places are in ``group`` as ``ALONE`` and
    ``ASKING``.
    """

    cache: Any
    group: Tensor
    at: int
    alone: Tensor | None = None
    logits: Tensor | None = None


class InContext:
    """A LofiModel that was trained with shots (``config.shots``), as an Answerer."""

    def __init__(self, model: LofiModel) -> None:
        if model.grammar.kind != "tokens":
            raise BadQuery("Shots in context need a model that writes boxes as location tokens.")
        self.model = model
        self.name = model.name
        self.most = model.config.shots

    def hears(self, shot: Shot) -> bool:
        """Whether the model sees in the shot what it claims to show."""
        return shot.convincing

    @torch.inference_mode()
    def answer_each(
        self, film: Radiograph | EncodedFilm, phrase: str, sets: Sequence[Sequence[Shot]]
    ) -> list[Grounding]:
        """The answer with each set of shots, of those that it hears; all are decoded side by side. Raises BadQuery for
        no phrase.
        """
        sets = [[shot for shot in shots if self.hears(shot)] for shots in sets]
        model, words = self.model, checked_phrase(phrase)
        encoded = film if isinstance(film, EncodedFilm) else model.encode(film)
        every = list(dict.fromkeys(shot for shots in sets for shot in shots))
        prompt = model.language_tokens.encode(grounding_prompt(words))
        heard, belief = model.hear(encoded, words), model.belief(encoded, words)
        with model.turn:
            # A pass costs as much as its ids and a little more: one set of shots takes its question along.
            context = self._context(encoded, every, prompt, along=len(sets) == 1)
            hidden = [[number for number, shot in enumerate(every, start=1) if shot not in shots] for shots in sets]
            found = locate_rows(model.network.language, model.language_tokens, prompt, context, hidden, model.grammar)
        return [model.concluded(words, encoded.frame, answer, heard, belief) for answer in found]

    def _context(self, encoded: EncodedFilm, shots: Sequence[Shot], prompt: list[int], along: bool) -> Context:
        """The film's prefix cache, copied and extended by the shots and by the ``prompt`` alone, and once more by the
        prompt that sees the shots if that goes ``along``.
        """
        model, language = self.model, self.model.network.language
        cache = language.branch(encoded.cache)
        prefix = int(cache.get_seq_length())
        if not shots:
            return Context(cache, torch.zeros(prefix, dtype=torch.long, device=model.device), prefix)
        asked = [ALONE, ASKING] if along else [ALONE]
        question = language.embed(torch.tensor(prompt, device=model.device))
        parts = [*(self._embedded(shot) for shot in shots), *[question] * len(asked)]
        numbers = [*range(1, len(shots) + 1), *asked]
        own = torch.cat([torch.full((len(part),), number) for number, part in zip(numbers, parts, strict=True)])
        own = own.to(model.device)
        group = torch.cat([own.new_zeros(prefix), own])
        past = torch.arange(len(group), device=model.device)
        # The prefix is seen by all, a shot and the lonely prompt by themselves, and by the other prompt every shot.
        shown = (own[:, None] == ASKING) & (group[None] != ALONE)
        near = (own[:, None] == group[None]) | (group[None] == 0) | shown
        visible = near & (past[None] <= past[prefix:, None])
        places = torch.cat([prefix + torch.arange(len(part)) for part in parts])[None].to(model.device)
        keep = 1 + len(prompt) * along
        logits = language.extend(torch.cat(parts)[None], places, visible[None], cache, keep).float()
        if along:
            return Context(cache, group, prefix + len(prompt), logits[:, 0], logits[:, -1])
        return Context(cache, group, prefix, logits[:, 0])

    def _embedded(self, shot: Shot) -> Tensor:
        """(T, W) a shot's image tokens and words as the language model takes them in."""
        model, language = self.model, self.model.network.language
        ids = torch.tensor(shot_ids(shot.phrase, shot.canvas, model.language_tokens, model.grammar))
        words = language.embed(ids.to(model.device))
        image = torch.from_numpy(shot.tokens.astype(np.float32)).to(model.device, words.dtype)
        return torch.cat([image, words])


class _Rows:
    """B answers that go on side by side after one context, each with some shots hidden.

    All stand in one sequence, and a place sees the places of its own answer only. B copies of the context would have to
    be copied at every step, which took longer than everything else.
    """

    def __init__(self, language: Language, context: Context, hidden: Sequence[Sequence[int]]) -> None:
        self.language, self.cache = language, context.cache
        device = context.group.device
        blind = [torch.tensor([*row, ALONE], device=device) for row in hidden]
        self.seen = torch.stack([~torch.isin(context.group, row) for row in blind])
        self.owner = torch.zeros(0, dtype=torch.long, device=device)
        self.at = context.at

    def step(self, ids: Tensor) -> Tensor:
        """(B, V) logits after (B, T) further ids."""
        rows, count = ids.shape
        # By time, then by answer: the last B places are the last of each.
        new = torch.arange(rows, device=ids.device).repeat(count)
        self.owner = torch.cat([self.owner, new])
        past = torch.arange(len(self.owner), device=ids.device)
        own = (self.owner == new[:, None]) & (past <= past[-len(new) :, None])
        visible = torch.cat([self.seen[new], own], dim=1)
        positions = (self.at + torch.arange(count, device=ids.device)).repeat_interleave(rows)
        embedded = self.language.embed(ids.T.reshape(-1))
        logits = self.language.extend(embedded[None], positions[None], visible[None], self.cache, rows)[0]
        self.at += count
        return logits.float()


def locate_rows(
    language: Language,
    tokens: Tokens,
    prompt: list[int],
    context: Context,
    hidden: Sequence[Sequence[int]],
    grammar: LocationGrammar,
) -> list[FoundBoxes]:
    """As ``lofi.network.decoding.locate_tokens``, for several rows of one film at once: row r does not see
    ``hidden[r]``.

    A row that has ended goes on unread until the last one ends, so that all stay in step.
    """
    box, none, end, first = (tokens.id(name) for name in (BOX, NONE, END, "<loc_0>"))
    rows = _Rows(language, context, hidden)
    device, count = context.group.device, len(hidden)
    logits = context.logits
    if logits is None:
        logits = rows.step(torch.tensor([prompt], device=device).expand(count, -1))
    asked = logits if context.alone is None else context.alone.expand(count, -1)
    presence = torch.softmax(asked[:, [box, none]], 1)[:, 0].tolist()
    found: list[list[list[float]]] = [[] for _ in hidden]
    scores: list[list[float]] = [[] for _ in hidden]
    going_on = [1.0] * count
    for _ in range(grammar.max_boxes):
        logits = rows.step(torch.full((count, 1), box, device=device))
        numbers: list[list[int]] = [[] for _ in hidden]
        certainty = [1.0] * count
        for corner in range(4):
            for row in range(count):
                places, _ = corner_masked(logits[row, first : first + grammar.bins], corner, numbers[row], None)
                number, mass = middle_bin(torch.softmax(places, 0))
                numbers[row].append(number)
                certainty[row] *= mass
            last = [[first + numbers[row][corner]] for row in range(count)]
            logits = rows.step(torch.tensor(last, device=device))
        more = torch.softmax(logits[:, [box, end]], 1)[:, 0].tolist()
        for row in range(count):
            if going_on[row] > 0:
                found[row].append([(number + 0.5) / grammar.bins for number in numbers[row]])
                scores[row].append(presence[row] * going_on[row] * certainty[row] ** 0.25)
                going_on[row] *= more[row] if more[row] >= 0.5 else 0.0
        if not any(going_on):
            break
    return [_found(*answer) for answer in zip(found, scores, presence, strict=True)]


def _found(rows: list[list[float]], scores: list[float], presence: float) -> FoundBoxes:
    array = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    good = ((array[:, 2:] - array[:, :2]) > 0).all(axis=1)
    return FoundBoxes(array[good], tuple(np.asarray(scores)[good].tolist()), presence)
