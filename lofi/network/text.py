"""Tokenizers, prompts and the location grammar: boxes as text and back, encode and decode in one place.

Two grammars. ``tokens``: ``<box><loc_12><loc_40><loc_55><loc_90>`` a box, one new token a coordinate bin, ``<none>``
for "not found". ``digits`` (the paper's): ``[[120,400,550,900],…]``, each number the integer of 1,000 × the
coordinate, ``[]`` for "not found". Coordinates are 0–1 of the padded square canvas; boxes are sorted by x0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers

from lofi.boxes import Boxes, dequantise, quantise

BOX, NONE, BEGIN, END, PAD = "<box>", "<none>", "<begin>", "<end>", "<pad>"
DIGITS = 1000


def location_tokens(bins: int) -> list[str]:
    """The names of all tokens of the location grammar, in id order: controls first, then one a bin."""
    return [PAD, BEGIN, END, BOX, NONE, *(f"<loc_{number}>" for number in range(bins))]


def grounding_prompt(phrase: str) -> str:
    """The paper's later code: phrase → boxes. In lower case, so that a sentence of a report and what a reader types are
    one question, in training and in use.
    """
    return f'Detect all instances of "{phrase.lower()}".'


def region_prompt(boxes: str) -> str:
    """The paper's later code: boxes → phrase; ``boxes`` already in the location grammar."""
    return f"Describe the regions: {boxes}"


REPORT_PROMPT = "Write the report."
PUNCTUATION = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^`{|}~]"""


def canonical(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, reading what it is given in lower case and without punctuation, single-spaced.

    As SigLIP 2 was trained (open_clip's ``clean: canonicalize``, big_vision's canonicalize_text). It becomes part of
    the tokenizer's own file, so that training and use cannot differ.
    """
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace("_", " "),
        normalizers.Replace(Regex(PUNCTUATION), ""),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    own = tokenizer.normalizer
    tokenizer.normalizer = normalizers.Sequence(steps if own is None else [*steps, own])
    return tokenizer


@dataclass(frozen=True)
class LocationGrammar:
    """Writes canvas boxes as text of one of the two grammars and reads them back.

    ``truncated`` boxes are those beyond ``max_boxes``: ``encode`` says how many it left out.
    """

    kind: str
    bins: int
    max_boxes: int

    def encode(self, boxes: Boxes) -> tuple[str, int]:
        """Text of (M, 4) canvas boxes and the number of boxes left out, always at a box boundary."""
        if len(boxes) == 0:
            return (NONE if self.kind == "tokens" else "[]"), 0
        ordered = boxes[np.lexsort((boxes[:, 1], boxes[:, 0]))]
        kept = ordered[: self.max_boxes]
        if self.kind == "tokens":
            text = "".join(
                BOX + "".join(f"<loc_{number}>" for number in row) for row in quantise(kept, self.bins).tolist()
            )
        else:
            numbers = np.clip(np.floor(kept * DIGITS), 0, DIGITS).astype(int).tolist()
            text = "[" + ",".join("[" + ",".join(map(str, row)) + "]" for row in numbers) + "]"
        return text, len(ordered) - len(kept)

    def decode(self, text: str) -> Boxes:
        """(M, 4) canvas boxes read from text; a malformed box is left out and never empties the answer."""
        rows: list[list[float]] = []
        if self.kind == "tokens":
            for part in text.split(BOX)[1:]:
                numbers = [int(n) for n in re.findall(r"<loc_(\d+)>", part)[:4]]
                if len(numbers) == 4 and max(numbers) < self.bins:
                    rows.append(dequantise(numbers, self.bins).tolist())
        else:
            for match in re.finditer(r"\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]", text):
                rows.append([min(int(n), DIGITS) / DIGITS for n in match.groups()])
        good = [row for row in rows if row[0] < row[2] and row[1] < row[3]]
        return np.asarray(good, dtype=np.float64).reshape(-1, 4)[: self.max_boxes]


@dataclass(frozen=True)
class Tokens:
    """A ``tokenizers`` tokenizer with plain calls: text → ids without special tokens, ids → text."""

    backend: Tokenizer

    @classmethod
    def open(cls, path: Path) -> "Tokens":
        """From a ``tokenizer.json``; its own truncation and padding are switched off, we do both in the open."""
        backend = Tokenizer.from_file(str(path))
        backend.no_truncation()
        backend.no_padding()
        return cls(backend)

    def encode(self, text: str) -> list[int]:
        return list(self.backend.encode(text, add_special_tokens=False).ids)

    def encode_all(self, texts: Iterable[str], context: int) -> list[list[int]]:
        """Ids with the tokenizer's own special tokens, each text cut to ``context`` ids (last id kept: [SEP])."""
        rows = [list(item.ids) for item in self.backend.encode_batch(list(texts), add_special_tokens=True)]
        return [row if len(row) <= context else [*row[: context - 1], row[-1]] for row in rows]

    def decode(self, ids: Iterable[int]) -> str:
        return str(self.backend.decode(list(ids), skip_special_tokens=False))

    def id(self, token: str) -> int:
        """Id of one token by name. Raises KeyError when the tokenizer has no such token."""
        number = self.backend.token_to_id(token)
        if number is None:
            raise KeyError(token)
        return int(number)

    def __len__(self) -> int:
        return int(self.backend.get_vocab_size())


TURN, TURN_END = "<start_of_turn>", "<end_of_turn>"


@dataclass(frozen=True)
class Talk:
    """What stands about a question, in ids: ``opening`` film ``prompt`` ``closing`` answer ``end``.

    Plain: ``<begin>`` film prompt answer ``<end>``. In Gemma's chat template: ``<begin><start_of_turn>user⏎`` film
    prompt ``<end_of_turn>⏎<start_of_turn>model⏎`` answer ``<end_of_turn>``.
    """

    tokens: Tokens
    chat: bool = False

    @property
    def opening(self) -> list[int]:
        """Before the film."""
        return [self.tokens.id(BEGIN), *(self.tokens.encode(f"{TURN}user\n") if self.chat else [])]

    @property
    def end(self) -> int:
        """After the answer. Raises KeyError where the tokenizer knows no turns."""
        return self.tokens.id(TURN_END if self.chat else END)

    def question(self, prompt: str) -> list[int]:
        """What follows the film, up to the answer. In a chat no prompt may write turns of its own."""
        if not self.chat:
            return self.tokens.encode(prompt)
        said = prompt.translate({ord(sign): " " for sign in "<>"})
        return self.tokens.encode(f"{said}{TURN_END}\n{TURN}model\n")
